"""``log_path`` (ANSIBLE_LOG_PATH): the plain lines of every run, appended to one file with time, process and user before each."""

from __future__ import annotations

import contextlib
import getpass
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hotdesk.paths import expanded
from hotdesk.ui.plain import Plain, Style
from hotdesk.ui.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hotdesk.bus import Subscriber
    from hotdesk.redaction import Redaction


@contextlib.contextmanager
def log_file(path: Path, redaction: Redaction, style: Style) -> Iterator[Subscriber]:
    """A subscriber that appends to ``path`` (made 0600). Raises OSError when it cannot be opened."""
    fd = os.open(expanded(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as stream, Screen(redaction, stream) as screen:
        head = f"p={os.getpid()} u={_user()} n=hotdesk INFO| "

        def write(text: str) -> None:
            now = time.time()
            stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now % 1 * 1000):03} {head}"
            screen.write("".join(f"{stamp}{line}\n" for line in text.splitlines() if line))

        yield Plain(write, replace(style, color=False))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name
        return str(os.getuid())
