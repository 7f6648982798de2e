"""All cells, in the order in which they are run."""

from __future__ import annotations

from tests.hostile.cells import CALL, FETCHING, RSYNC, RUN, SSHD, START
from tests.hostile.logins import ENDINGS, SUDO
from tests.hostile.screens import SCREEN

CELLS = (*START, *RUN, *CALL, *FETCHING, *SSHD, *RSYNC, *ENDINGS, *SUDO, *SCREEN)
assert len({cell.name for cell in CELLS}) == len(CELLS)
