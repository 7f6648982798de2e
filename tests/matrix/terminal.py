"""A terminal for a run: a pseudo-terminal that is its controlling terminal, read all the time, and that can be closed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Terminal:
    """``start`` a command on it; ``close`` is what happens when the window is closed: the kernel sends SIGHUP."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        self._shown: list[bytes] = []
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def start(self, argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> subprocess.Popen[bytes]:
        """The command, as leader of a session whose controlling terminal this is."""
        # setsid(1) does not fork here, so the pid is the command's own.
        process = subprocess.Popen(
            ["setsid", "--ctty", *argv], env={**environment, "TERM": "xterm"}, cwd=directory, stdin=self._slave,
            stdout=self._slave, stderr=self._slave,
        )  # fmt: skip
        os.close(self._slave)
        self._reader.start()
        return process

    def text(self) -> str:
        """What was shown so far."""
        return b"".join(self._shown).decode(errors="replace")

    def close(self) -> None:
        """Close the window. Harmless when it is closed."""
        self._closing.set()
        self._reader.join()

    def _read(self) -> None:
        # The descriptor is closed here: while another thread waited in read(2), closing it would hang up nothing.
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self._shown.append(os.read(self._master, 65536))
                except OSError:  # the last process on it has ended
                    break
        os.close(self._master)
