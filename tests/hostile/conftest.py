"""Three embedded PCs for all cells; the third has an rsync that can be told what to do, and every one an sshd that can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.hostile.cells import Cell
from tests.hostile.running import HONEST, REPOSITORY, Ran, Runs, fake_rsync

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The PCs are up for as long as anything is run."""
    folder = tmp_path_factory.mktemp("hostile")
    fake_rsync(folder / "bin")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.endings", "--directory", str(folder / "pcs"), *HONEST, "evil"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        cwd=REPOSITORY, env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        running = Runs(folder, json.loads(process.stdout.readline()))
        yield running
        running.close()
        process.stdin.close()


@pytest.fixture(scope="session")
def usual(runs: Runs) -> Ran:
    """The same run with a third host that is merely honest."""
    return runs.of(Cell(name="an honest host", status="ok", tasks="- ansible.builtin.command: echo asked"))
