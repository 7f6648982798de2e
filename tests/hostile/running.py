"""A run over two honest PCs and a hostile one, in a process of its own, and what it left."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hostile.logins import PASSWORD
from tests.hostile.moves import AS_LONG, CANARY, perform
from tests.hostile.table import CELLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.hostile.cells import Cell

REPOSITORY = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds for a run on a busy machine; every cell is over within ten on a quiet one."""
AT_ONCE = 3
HONEST = ("desk", "laptop")
OURS = re.compile(
    r"\x1b\[(0|1|2|3\d|36|[01];3\d|1;36|2;36)?m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r(?=\x1b\[2K|\x1b\[1A|\n)"
)
"""What the live screen draws with: its colours, the cursor hidden and shown, a line up, a line erased."""
AGENT = """#!{python} -I
import sys
sys.path[:0] = [{repository!r}, {runner!r}]
from tests.hostile.agent import main
from tests.hostile.table import CELLS
main(CELLS[{number}], {canary!r})
"""
RSYNC = """#!{python}
import os, sys
text = os.path.join(os.environ["HOME"], os.path.basename(sys.argv[-1].rstrip("/")) + ".py")
def out(data): os.write(1, data)
def err(data): os.write(2, data)
if os.path.exists(text):
    exec(open(text).read())
else:
    os.execv({rsync!r}, ["rsync", *sys.argv[1:]])
"""
SUDO = """#!{python} -I
import os, sys, time
prompt = sys.argv[sys.argv.index("-p") + 1].encode() if "-p" in sys.argv else b""
def out(data): os.write(1, data)
def err(data): os.write(2, data)
def ask(): err(prompt)
def heard():
    line = b""
    while not line.endswith(b"\\n"):
        line += os.read(0, 1) or sys.exit(1)
    return line
def owned():
    data = b""
    while more := os.read(0, 4096):
        data += more
        if {password!r} in data: open({canary!r}, "w").close()
    wait()
def wait(): time.sleep(3600)
def become():
    command = sys.argv[sys.argv.index("env"):]
    os.execvp("env", command)
{text}
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
    others: dict[str, int] = field(default_factory=dict)
    """The numbers of the cells that are not in the table."""

    def number(self, cell: Cell) -> int:
        """The cell's, by which its folders are called ``cell7``."""
        return CELLS.index(cell) if cell in CELLS else self.others.setdefault(cell.name, len(CELLS) + len(self.others))

    def dest(self, cell: Cell, host: str) -> Path:
        """Where a mirror puts its files."""
        return Path(self.pcs["homes"][host], f"cell{self.number(cell)}")

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
        number = self.number(cell)
        folder = self.folder / f"cell{number}"
        canary = str(folder / "owned")
        for name in cell.tree:
            path = folder / "tree" / filled(name, canary)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("content")
        with _sshd(cell, canary) as port, self.transfers if cell.mirrors else contextlib.nullcontext():
            self._inventory(cell, number, folder, canary, port)
            tasks = "".join(f"    {line}\n" for line in cell.tasks.splitlines())
            (folder / "book.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
            return self._measure(cell, folder)

    def _inventory(self, cell: Cell, number: int, folder: Path, canary: str, port: int | None) -> None:
        words = json.loads(filled(json.dumps(cell.variables), canary))
        own = {"canary": canary, "cell": f"cell{number}", "patience": 60}
        hosts: dict[str, Any] = {
            name: {"ansible_port": self.pcs["ports"][name], "hotdesk_demo_home": self.pcs["homes"][name], **own}
            for name in (*HONEST, "evil")
        }
        hosts["evil"] |= {"patience": 2, **words}
        if cell.rsync:
            Path(self.pcs["homes"]["evil"], f"cell{number}.py").write_text(filled(cell.rsync, canary))
        elif port is not None:
            hosts["evil"]["ansible_port"] = port
        elif cell in CELLS and not (cell.honest or cell.sudo):
            agent = folder / "agent"
            paths = {"repository": str(REPOSITORY), "runner": str(REPOSITORY / "runner")}
            agent.write_text(AGENT.format(python=sys.executable, number=number, canary=canary, **paths))
            agent.chmod(0o755)
            hosts["evil"]["ansible_python_interpreter"] = str(agent)
        if cell.sudo:
            sudo = folder / "sudo"
            sudo.write_text(
                SUDO.format(python=sys.executable, canary=canary, password=PASSWORD.encode(), text=cell.sudo)
            )
            sudo.chmod(0o755)
            hosts["evil"]["ansible_become_exe"] = str(sudo)
        common = {
            "ansible_host": "127.0.0.1",
            "ansible_user": self.pcs["user"],
            "ansible_ssh_private_key_file": self.pcs["identity"],
            "ansible_ssh_common_args": f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={self.pcs['known_hosts']}",
            "ansible_python_interpreter": sys.executable,
        }
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))

    def _measure(self, cell: Cell, folder: Path) -> Ran:
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
            **({} if cell.terminal else {"ANSIBLE_NOCOLOR": "1"}),
            "COLUMNS": "80",
            "LINES": "24",
            "TERM": "xterm-256color",
        }
        with (_terminal if cell.terminal else _file)(folder / "output") as output:
            _run(
                [*command, "play", *(["-v"] if cell.terminal else []), "-i", "hosts.json", "book.yml"],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder, env=environment,
            )  # fmt: skip
        said = json.loads(report.read_text())
        found = tuple(
            sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not {state, locks} & {*path.parents})
        )
        shown = (folder / "output").read_bytes().decode(errors="surrogateescape")
        if cell.terminal:
            assert "\x1b[?25l" in shown, "the screen was not live"
            shown = OURS.sub("", shown)
        return Ran(said["code"], shown, said["peak"], folder, found)


def _run(command: list[str], **settings: Any) -> None:
    """Run it to its end; what takes too long is killed with all of its session."""
    with subprocess.Popen(command, start_new_session=True, **settings) as process:
        try:
            code = process.wait(LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert code == 0


def filled(text: str, canary: str) -> str:
    """``text`` with the canary's path in it, and a name of the same length."""
    return text.replace(CANARY, canary).replace(AS_LONG, "O" * len(canary))


@contextlib.contextmanager
def _file(path: Path) -> Iterator[int]:
    """A descriptor to write to."""
    with path.open("wb") as file:
        yield file.fileno()


@contextlib.contextmanager
def _terminal(path: Path) -> Iterator[int]:
    """A terminal to write to; what it gets is in the file afterwards."""
    outside, inside = pty.openpty()
    with path.open("wb") as file, os.fdopen(outside, "rb", buffering=0) as shown:

        def read() -> None:
            with contextlib.suppress(OSError):  # the last process has closed it
                while data := shown.read(65536):
                    file.write(data)

        reader = threading.Thread(target=read, name="hotdesk-pool-terminal")
        reader.start()
        try:
            yield inside
        finally:
            os.close(inside)
            reader.join()


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
