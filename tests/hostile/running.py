"""A run over two honest PCs and a hostile one, in a process of its own, and what it left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hostile.cells import CELLS, Cell
from tests.hostile.moves import CANARY, perform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds for a run on a busy machine; every cell is over within ten on a quiet one."""
AT_ONCE = 3
HONEST = ("desk", "laptop")
AGENT = """#!{python} -I
import sys
sys.path[:0] = [{repository!r}, {runner!r}]
from tests.hostile.agent import main
from tests.hostile.cells import CELLS
main(CELLS[{number}], {canary!r})
"""
RSYNC = """#!{python}
import os, sys
text = os.path.join(os.environ["HOME"], os.path.basename(sys.argv[-1].rstrip("/")) + ".py")
def out(data): os.write(1, data)
def err(data): os.write(2, data)
if "--server" in sys.argv and os.path.exists(text):
    exec(open(text).read())
else:
    os.execv({rsync!r}, ["rsync", *sys.argv[1:]])
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a run."""

    code: int
    output: str
    peak: int
    """KiB of memory at the most."""
    folder: Path
    found: tuple[str, ...]
    """Every file below its folder."""

    @property
    def fatal(self) -> list[str]:
        """The lines in which the hostile host fails."""
        return [line for line in self.output.splitlines() if line.startswith("fatal: [evil]")]

    def recap(self, host: str) -> dict[str, int]:
        """The host's line of PLAY RECAP."""
        (line,) = [line for line in self.output.rpartition("PLAY RECAP")[2].splitlines() if line.startswith(host + " ")]
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


@dataclass(slots=True)
class Runs:
    """Makes the runs, a few at a time: while one waits for its deadline, the next is under way."""

    folder: Path
    pcs: Mapping[str, Any]
    """The ready line of the embedded PCs desk, laptop, evil."""
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "hotdesk-pool-hostile"))
    transfers: Any = field(default_factory=threading.Lock)
    """A PC that is being mirrored to is locked: one such run at a time."""
    under_way: dict[str, Future[Ran]] = field(default_factory=dict)

    def of(self, cell: Cell) -> Ran:
        """The run of a cell; those that come after it in the table are begun too, unless others (xdist) may be at them."""
        at = CELLS.index(cell) if cell in CELLS else len(CELLS)
        alone = "PYTEST_XDIST_WORKER" in os.environ
        for each in (cell, *(() if alone else CELLS[at + 1 : at + AT_ONCE])):
            if each.name not in self.under_way:
                self.under_way[each.name] = self.threads.submit(self._run, each)
        return self.under_way[cell.name].result()

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def _run(self, cell: Cell) -> Ran:
        number = CELLS.index(cell) if cell in CELLS else len(CELLS)
        folder = self.folder / f"cell{number}"
        (folder / "tree").mkdir(parents=True)
        (folder / "tree" / "file").write_text("content")
        canary = str(folder / "owned")
        with _sshd(cell, canary) as port, self.transfers if cell.rsync else contextlib.nullcontext():
            self._inventory(cell, number, folder, canary, port)
            tasks = "".join(f"    {line}\n" for line in cell.tasks.splitlines())
            (folder / "book.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
            return self._measure(folder)

    def _inventory(self, cell: Cell, number: int, folder: Path, canary: str, port: int | None) -> None:
        words = json.loads(json.dumps(cell.variables).replace(CANARY, canary))
        own = {"canary": canary, "cell": f"cell{number}", "patience": 60}
        hosts: dict[str, Any] = {
            name: {"ansible_port": self.pcs["ports"][name], "hotdesk_demo_home": self.pcs["homes"][name], **own}
            for name in (*HONEST, "evil")
        }
        hosts["evil"] |= {"patience": 2, **words}
        if cell.rsync:
            Path(self.pcs["homes"]["evil"], f"cell{number}.py").write_text(cell.rsync)
        elif port is not None:
            hosts["evil"]["ansible_port"] = port
        elif cell in CELLS:
            agent = folder / "agent"
            paths = {"repository": str(REPOSITORY), "runner": str(REPOSITORY / "runner")}
            agent.write_text(AGENT.format(python=sys.executable, number=number, canary=canary, **paths))
            agent.chmod(0o755)
            hosts["evil"]["ansible_python_interpreter"] = str(agent)
        common = {
            "ansible_host": "127.0.0.1",
            "ansible_user": self.pcs["user"],
            "ansible_ssh_private_key_file": self.pcs["identity"],
            "ansible_ssh_common_args": f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={self.pcs['known_hosts']}",
            "ansible_python_interpreter": sys.executable,
        }
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))

    def _measure(self, folder: Path) -> Ran:
        report, state, locks = folder / "report", folder / "state", folder / "locks"
        locks.mkdir()
        command = [
            sys.executable,
            str(Path(__file__).with_name("measured.py")),
            str(report),
            sys.executable,
            "-m",
            "hotdesk",
        ]
        environment = {
            **os.environ,
            "HOTDESK_LOCKS": str(locks),  # the control node's: other tests on this machine have theirs
            "XDG_STATE_HOME": str(state),
            "HOME": str(folder),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "80",
        }
        with (folder / "output").open("wb") as output:
            subprocess.run(
                [*command, "play", "-i", "hosts.json", "book.yml"],
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder, env=environment, timeout=LIMIT, check=True,
            )  # fmt: skip
        said = json.loads(report.read_text())
        found = tuple(
            sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not {state, locks} & {*path.parents})
        )
        return Ran(
            said["code"], (folder / "output").read_bytes().decode(errors="surrogateescape"), said["peak"], folder, found
        )


@contextlib.contextmanager
def _sshd(cell: Cell, canary: str) -> Iterator[int | None]:
    """A port on which the cell's moves are made for whoever comes; None when it has none."""
    if cell.sshd is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(
            target=_serve, args=(listener, cell.sshd, canary), name="hotdesk-pool-sshd", daemon=True
        ).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, moves: tuple[Any, ...], canary: str) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_meet, args=(peer, moves, canary), name="hotdesk-pool-peer", daemon=True).start()


def _meet(peer: socket.socket, moves: tuple[Any, ...], canary: str) -> None:
    with peer, contextlib.suppress(OSError):
        perform(moves, peer.sendall, canary)


def fake_rsync(folder: Path) -> None:
    """``folder/rsync``: the real one, but where a text lies beside the destination of a receiver, that is run instead."""
    folder.mkdir()
    program = folder / "rsync"
    program.write_text(RSYNC.format(python=sys.executable, rsync=shutil.which("rsync")))
    program.chmod(0o755)
