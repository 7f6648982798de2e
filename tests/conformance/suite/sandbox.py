"""A command in a throw-away overlay of this machine, in namespaces of its own: whatever a target installs or breaks is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SCRIPT = Path(__file__).parent / "sandbox.sh"
NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """``archive`` is unpacked on top of the machine's files; ``place`` is a directory for mount points, outside of any overlay."""

    place: Path
    archive: Path | None

    def run(
        self,
        command: list[str],
        out: Path,
        log: IO[bytes],
        *,
        limit: float,
        net: bool = False,
        keep: Path | None = None,
    ) -> int | None:
        """The exit code; None when it took longer than ``limit`` seconds (then all of it is killed).

        ``out`` is seen as /conformance_out and stays. ``net``: a network of its own, with a loopback device alone.
        """
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.place, prefix="room-") as room:
            words = ["unshare", *NAMESPACES, *(["--net"] if net else []), "--", "/bin/bash", str(SCRIPT)]
            given = [room, str(out), str(self.archive or ""), str(keep or "")]
            child = subprocess.Popen(
                [*words, *given, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )  # fmt: skip
            try:
                return child.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)  # unshare --kill-child ends the namespace with it
                    child.wait()
