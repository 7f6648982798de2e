"""One PC of the lab: namespaces of its own, a disk, an sshd; seen from outside, switched off and on, and made to fail."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cgroups, disks, network
from tests.lab.layers import base, layer
from tests.lab.machine import MARK, MARK_VARIABLE, STATE, LabError, alive, environ, processes, run, started, until
from tests.lab.options import Options

BOOT_LIMIT = 60.0
"""Seconds until a PC must answer on port 22."""
BOOT = Path(__file__).with_name("boot.sh")
ENTER_GROUPS = 'file=$1; shift; while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; echo $$ >"$file"; exec "$@"'
FILLER = "hotdesk-lab-fill"
FILL = f"""
file=$1/{FILLER}
fallocate -l "$(df --output=avail -B1 "$1" | tail -1)" "$file" 2>/dev/null
cat /dev/zero >>"$file" 2>/dev/null; sync -f "$file"; cat /dev/zero >>"$file" 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class PC:
    """One PC; its state is in files, so another process can use it too."""

    name: str

    @property
    def directory(self) -> Path:
        return STATE / "pc" / self.name

    @property
    def number(self) -> int:
        return int(self.name.removeprefix("pc"))

    @property
    def address(self) -> str:
        return network.address(self.number)

    @property
    def options(self) -> Options:
        """What it was made of."""
        return Options.read(self.directory)

    @property
    def init(self) -> int | None:
        """The pid of its first process, seen from outside; None when it is off."""
        try:
            pid = int((self.directory / "pid").read_text())
            return pid if alive(pid) and str(Path(f"/proc/{pid}/ns/pid").readlink()) == self.namespace else None
        except (OSError, ValueError):
            return None

    @property
    def namespace(self) -> str:
        """Its pid namespace, e.g. ``pid:[4026532999]``, while it is on: the number is given to another PC later. Empty before its first boot."""
        try:
            return (self.directory / "pidns").read_text()
        except OSError:
            return ""

    @property
    def state(self) -> str:
        """``on`` or what is wrong with it: ``off``, ``hung``, ``cut``."""
        if self.init is None:
            return "off"
        wrong = ["hung"] * cgroups.frozen(self.name) + ["cut"] * network.is_cut(self.number)
        return ", ".join(wrong) or "on"

    def processes(self) -> dict[int, str]:
        """Every living process of the PC (host pid -> command line), zombies left out. Seen from outside, touching nothing."""
        found: dict[int, str] = {}
        for entry in processes() if self.init is not None else ():
            with contextlib.suppress(OSError):
                if str(entry.joinpath("ns/pid").readlink()) == self.namespace:
                    found[int(entry.name)] = (
                        entry.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
        return found

    def marked(self, text: str) -> dict[int, str]:
        """Processes whose environment or command line holds ``text``."""
        return {pid: line for pid, line in self.processes().items() if text in line or text.encode() in environ(pid)}

    def enter(self) -> list[str]:
        """The command prefix that runs something as root inside, past sshd and hotdesk."""
        if self.init is None:
            raise LabError(f"{self.name} is off")
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        clean = [
            "env",
            "-i",
            "HOME=/root",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        ]
        return ["nsenter", "--target", str(self.init), *spaces, *clean]

    def run(self, *argv: str, stdin: bytes = b"", check: bool = True) -> str:
        """Run a command inside as root and return its output."""
        done = subprocess.run([*self.enter(), *argv], input=stdin, capture_output=True, check=False)
        if check and done.returncode:
            raise LabError(f"{self.name}: {argv}: rc {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="surrogateescape")

    def cut(self, way: network.Way = "both") -> None:
        """Take its network link down, or lose every frame ``to`` it or ``from`` it."""
        network.cut(self.number, way)

    def heal(self) -> None:
        """Undo every cut."""
        network.heal(self.number)

    def delay(self, seconds: float) -> None:
        """Delay its frames by so much each way, until it is told 0 or switched off."""
        network.delay(self.number, seconds)

    def hang(self) -> None:
        """Freeze every process: TCP still connects, nothing answers."""
        if not cgroups.freeze(self.name, True):
            self._signal_all(signal.SIGSTOP)

    def unhang(self) -> None:
        """Let them go on."""
        if not cgroups.freeze(self.name, False):
            self._signal_all(signal.SIGCONT)

    def limit_memory(self, limit: str) -> None:
        """No more memory than that from now on (``64m``; ``max`` for all there is). Raises LabError where that is not possible."""
        cgroups.limit_memory(self.name, limit)

    def memory_used(self) -> int:
        """Bytes it takes now, page cache and tmpfs included. Raises LabError where nobody counts them."""
        return cgroups.memory_used(self.name)

    def fill(self, path: str) -> None:
        """Leave not a byte on the file system of ``path``."""
        self.run("sh", "-c", FILL, "sh", path, check=False)

    def empty(self, path: str) -> None:
        """Undo ``fill``."""
        self.run("rm", "-f", f"{path}/{FILLER}")

    def off(self) -> None:
        """A power cut: every process gone at once; the disk stays."""
        self.unhang()
        with contextlib.suppress(LabError):  # the link first: nobody is told, as the sockets of killed processes would
            self.cut()
        for pid in started(self.name):  # its first process; more when an up was killed while it booted
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # The kernel lets the first process of a pid namespace go only when all others of it are gone (pid_namespaces(7)).
        until(lambda: not started(self.name) and self.init is None, 30, lambda: f"{self.name} did not die")
        (self.directory / "pid").unlink(missing_ok=True)

    def on(self) -> None:
        """Boot from the disk it has."""
        if self.init is not None:
            return
        self.off()
        network.wire(self.number)
        options = self.options
        groups = cgroups.make(self.name)
        if options.memory != "max":
            cgroups.limit_memory(self.name, options.memory)
        outside = self.directory / "unshare.pid"
        outside.unlink(missing_ok=True)
        # Started by setsid --fork, so that it is nobody's child here: a PC lives longer than the command that started it.
        keep = ["setsid", "--fork", "sh", "-c", ENTER_GROUPS, "sh", str(outside), *map(str, groups), "--"]
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
        unshare = ["nsenter", f"--net=/run/netns/{MARK}-{self.name}", "unshare", *spaces]
        boot = ["bash", str(BOOT), self.name, str(self.directory), self.address, network.GATEWAY]
        log = self.directory / "boot.log"
        with log.open("wb") as output:
            environment = {**os.environ, **self._boot_environment(options)}
            command = [*keep, *unshare, *boot]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True, env=environment)
        until(lambda: _first_child(outside), 5, lambda: f"{self.name} does not start: {log.read_text()}")
        child = _first_child(outside)
        (self.directory / "pid").write_text(str(child))
        (self.directory / "pidns").write_text(str(Path(f"/proc/{child}/ns/pid").readlink()))

    def wait_for_ssh(self) -> None:
        """Until its sshd sends a banner."""
        log = self.directory / "boot.log"
        until(lambda: _banner(self.address), BOOT_LIMIT, lambda: f"{self.name}: no ssh: {log.read_text()[-2000:]}")

    def make(self, options: Options) -> None:
        """Its disk, boot and ssh; what is there already stays. Raises LabError when it is up and made of something else."""
        if self.init is not None:
            if self.options != options:
                raise LabError(f"{self.name} is up and made of something else: {self.options}")
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        options.write(self.directory)
        disks.make(self.directory, self.name, options)
        self.on()

    def remove(self) -> None:
        """Off, and its disk, network and control groups gone."""
        self.off()
        disks.unmount(self.directory)
        network.unwire(self.number)
        cgroups.remove(self.name)
        run("rm", "-rf", "--one-file-system", str(self.directory))

    def _boot_environment(self, options: Options) -> dict[str, str]:
        return {
            MARK_VARIABLE: f"{MARK}-{self.name}",
            "LOWER": f"{layer(options.base)}:{base(options.base)}",
            "DISK": options.disk,
            "DEVICE": disks.device(self.directory) if options.disk == "btrfs" else "",
            "INIT": options.init,
            "MOUNTS": "\n".join(path for path, _ in options.mounts),
        }

    def _signal_all(self, signum: int) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)


def _first_child(parent: Path) -> int | None:
    """The child, in a pid namespace of its own, of the process whose pid stands in ``parent``."""
    try:
        pid = parent.read_text().strip()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own = Path("/proc/self/ns/pid").readlink()
        return next((int(child) for child in children if Path(f"/proc/{child}/ns/pid").readlink() != own), None)
    except OSError:
        return None


def _banner(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
