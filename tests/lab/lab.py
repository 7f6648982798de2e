"""Whole PCs on one Linux machine, made of namespaces: own network, processes, host name, disk of limited size and OpenSSH sshd.

Needs root, and iproute2, util-linux, openssh-server, sudo and rsync on this machine. No container engine, no VM. Users on each PC:
``ada`` (sudo without password), ``bob`` (sudo with the password ``bob-pw``), root by key; all with the lab's key.
Everything lives below STATE and carries MARK; ``down`` finds and removes it, also after a crash.
Several labs can stand side by side, each with its own number in ``HOTDESK_LAB`` (0 to 99; 0 unless told), which gives it its own network.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NUMBER = int(os.environ.get("HOTDESK_LAB", "0"))
STATE = Path(f"/run/hotdesk-lab/{NUMBER}")
MARK = f"hdt{NUMBER}"
"""What the names of its network namespaces, links and mounts begin with."""
SWITCH = f"{MARK}-sw"
NETWORK = f"10.{100 + NUMBER}"
GATEWAY = f"{NETWORK}.0.1"
BOOT_LIMIT = 20.0
"""Seconds until a PC must answer on port 22."""
TOOLS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "sudo": "sudo",
    "rsync": "rsync",
    "setfacl": "acl",
    "setfattr": "attr",
}


class LabError(Exception):
    """The lab cannot do that here; the message says why."""


def missing() -> str:
    """Why there can be no lab on this machine and what would change that; empty when there can be one."""
    if os.geteuid() != 0:
        return "the lab needs root: run 'sudo make lab-test'"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    packages = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)})
    return f"the lab needs packages: apt install {' '.join(packages)}" if packages else ""


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
        return f"{NETWORK}.{self.number // 200}.{10 + self.number % 200}"

    @property
    def init(self) -> int | None:
        """The pid of its first process, seen from outside; None when it is off."""
        try:
            pid = int((self.directory / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if Path(f"/proc/{pid}").exists() else None

    @property
    def namespace(self) -> str:
        """Its pid namespace, e.g. ``pid:[4026532999]``."""
        return (self.directory / "pidns").read_text()

    def processes(self) -> dict[int, str]:
        """Every living process of the PC (host pid -> command line), zombies left out. Seen from outside, touching nothing."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                alive = entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
                if alive and str(entry.joinpath("ns/pid").readlink()) == self.namespace:
                    found[int(entry.name)] = (
                        entry.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
        return found

    def marked(self, text: str) -> dict[int, str]:
        """Processes whose environment or command line holds ``text``."""
        return {pid: line for pid, line in self.processes().items() if text in line or text.encode() in _environ(pid)}

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

    def cut(self) -> None:
        """Take its network link down."""
        _run("ip", "-n", SWITCH, "link", "set", f"p{self.number}", "down")

    def heal(self) -> None:
        """Bring the link back."""
        _run("ip", "-n", SWITCH, "link", "set", f"p{self.number}", "up")

    def hang(self) -> None:
        """Freeze every process: TCP still connects, nothing answers."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def unhang(self) -> None:
        """Let them go on."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def off(self) -> None:
        """A power cut: every process gone at once; the disk stays."""
        if self.init is not None:
            os.kill(self.init, signal.SIGKILL)
        _until(lambda: not self.processes(), 10, f"{self.name} did not die")
        (self.directory / "pid").unlink(missing_ok=True)

    def on(self) -> None:
        """Boot from the disk it has."""
        if self.init is not None:
            return
        _wire(self)
        boot = Path(__file__).with_name("boot.sh")
        unshare = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        init = ["bash", str(boot), self.name, str(self.directory), self.address, GATEWAY, str(STATE / "layer")]
        outside = self.directory / "unshare.pid"
        outside.unlink(missing_ok=True)
        # Started by setsid --fork, so that it is nobody's child here: a PC lives longer than the command that started it.
        keep = ["setsid", "--fork", "sh", "-c", 'echo $$ >"$0"; exec "$@"', str(outside)]
        with (self.directory / "boot.log").open("wb") as log:
            command = [*keep, "nsenter", f"--net=/run/netns/{MARK}-{self.name}", *unshare, *init]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
        _until(
            lambda: _first_child(outside) is not None,
            5,
            f"{self.name} does not start: {(self.directory / 'boot.log').read_text()}",
        )
        child = _first_child(outside)
        (self.directory / "pid").write_text(str(child))
        (self.directory / "pidns").write_text(str(Path(f"/proc/{child}/ns/pid").readlink()))

    def wait_for_ssh(self) -> None:
        """Until its sshd sends a banner."""
        _until(
            lambda: _banner(self.address),
            BOOT_LIMIT,
            f"{self.name}: no ssh: {(self.directory / 'boot.log').read_text()}",
        )


class Lab:
    """The PCs that are up. A context manager: ``with Lab.up(3) as lab``."""

    def __init__(self, pcs: Sequence[PC]) -> None:
        self.pcs = {pc.name: pc for pc in pcs}

    def __getitem__(self, name: str) -> PC:
        return self.pcs[name]

    def __iter__(self) -> Iterator[PC]:
        return iter(self.pcs.values())

    @property
    def key(self) -> Path:
        return STATE / "id"

    @property
    def known_hosts(self) -> Path:
        return STATE / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return STATE / "ssh_config"

    @classmethod
    def up(cls, count: int, *, size: str = "2g") -> Lab:
        """Start pc1..pcN, each with a disk of ``size``; those that are up already stay."""
        if reason := missing():
            raise LabError(reason)
        with _locked():
            _prepare()
            pcs = [PC(f"pc{number}") for number in range(1, count + 1)]
            for pc in pcs:
                _disk(pc, size)
                pc.on()
            for pc in pcs:
                pc.wait_for_ssh()
            lab = cls(pcs)
            lab._write_ssh_files()
            return lab

    @classmethod
    def found(cls) -> Lab:
        """The lab as it stands."""
        return cls(sorted((PC(path.name) for path in (STATE / "pc").glob("pc*")), key=lambda pc: pc.number))

    @classmethod
    def down(cls) -> None:
        """Remove everything of the lab. Raises LabError naming what is left."""
        with _locked():
            lab = cls.found()
            for pc in lab:
                pc.off()
                _run("umount", "-l", str(pc.directory / "disk"), check=False)
            for space in [f"{MARK}-{name}" for name in lab.pcs] + [SWITCH]:
                _run("ip", "netns", "del", space, check=False)
            _run("ip", "link", "del", f"{MARK}-host", check=False)
            if STATE.is_mount():
                _run("umount", "-l", str(STATE))
            if left := leftovers():
                raise LabError("left over: " + "; ".join(left))

    def _write_ssh_files(self) -> None:
        hosts, config = [], []
        for pc in self:
            key = " ".join((pc.directory / "hostkey.pub").read_text().split()[:2])
            hosts.append(f"{pc.name},{pc.address} {key}\n")
            config.append(f"Host {pc.name}\n  HostName {pc.address}\n  HostKeyAlias {pc.name}\n")
        config.append(
            f"Host *\n  User ada\n  IdentityFile {self.key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n"
            "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        )
        self.known_hosts.write_text("".join(hosts))
        self.ssh_config.write_text("".join(config))


def leftovers() -> list[str]:
    """What a lab left behind: mounts, network namespaces, links."""
    mounts = [
        line.split()[1]
        for line in Path("/proc/mounts").read_text().splitlines()
        if f"{STATE}/" in f"{line.split()[1]}/"
    ]
    spaces = [line for line in _run("ip", "netns", "list").splitlines() if line.startswith(f"{MARK}-")]
    links = [line for line in _run("ip", "-br", "link").splitlines() if line.startswith(f"{MARK}-")]
    return mounts + spaces + links


def _prepare() -> None:
    """Once: the state's own file system, the layer with the users, the switch."""
    STATE.mkdir(parents=True, exist_ok=True)
    if not STATE.is_mount():
        _run("mount", "-t", "tmpfs", "-o", "mode=755,size=90%", "hotdesk-lab", str(STATE))
    if not (STATE / "layer.ok").exists():
        _users()
        (STATE / "layer.ok").touch()
    if not Path(f"/run/netns/{SWITCH}").exists():
        _run("ip", "netns", "add", SWITCH)
        _run("ip", "link", "add", f"{MARK}-host", "type", "veth", "peer", "name", "up0", "netns", SWITCH)
        setup = "link add br0 type bridge stp_state 0 forward_delay 0\nlink set up0 master br0\nlink set up0 up\nlink set br0 up\n"
        _run("ip", "-n", SWITCH, "-batch", "-", stdin=setup)
        _run("ip", "addr", "add", f"{GATEWAY}/16", "dev", f"{MARK}-host")
        _run("ip", "link", "set", f"{MARK}-host", "up")


def _users() -> None:
    """The overlay layer all PCs share: users, keys, sudoers, sshd's settings."""
    if not (STATE / "id").exists():
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hotdesk-lab", "-f", str(STATE / "id"))
    script = r"""
set -eu
mount --make-rprivate /
mkdir -p "$S/layer" "$S/layer.work" "$S/layer.root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$S/layer,workdir=$S/layer.work" "$S/layer.root"
mount -t proc proc "$S/layer.root/proc"
chroot "$S/layer.root" /bin/bash -euc '
  for user in ada bob; do userdel -rf $user 2>/dev/null || true; useradd -m -s /bin/bash $user; echo $user:$user-pw | chpasswd; done
  echo root:root-pw | chpasswd
  printf "ada ALL=(ALL:ALL) NOPASSWD: ALL\nbob ALL=(ALL:ALL) ALL\n" >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab
  for home in /home/ada /home/bob /root; do
    install -d -m 700 $home/.ssh; echo "$KEY" >$home/.ssh/authorized_keys; chmod 600 $home/.ssh/authorized_keys
    chown -R --reference=$home $home/.ssh; : >$home/.hushlogin
  done
  cat >/etc/ssh/sshd_lab_config <<END
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication yes
UsePAM yes
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
END
' 2>&1
"""
    environment = {**os.environ, "S": str(STATE), "KEY": (STATE / "id.pub").read_text().strip()}
    unshare = ["unshare", "--mount", "bash", "-c", script]
    done = subprocess.run(
        unshare,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise LabError(f"cannot make the users: {done.stdout.decode(errors='replace')}")


def _disk(pc: PC, size: str) -> None:
    disk = pc.directory / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    if not disk.is_mount():
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", f"{MARK}-{pc.name}", str(disk))


def _wire(pc: PC) -> None:
    space, port = f"{MARK}-{pc.name}", f"p{pc.number}"
    _run("ip", "netns", "del", space, check=False)
    _run("ip", "-n", SWITCH, "link", "del", port, check=False)
    _run("ip", "netns", "add", space)
    _run("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
    _run("ip", "-n", SWITCH, "-batch", "-", stdin=f"link set {port} master br0\nlink set {port} up\n")
    # The same after each boot, or neighbours' ARP caches are wrong.
    mac = f"02:00:0a:{100 + NUMBER:02x}:{pc.number // 200:02x}:{10 + pc.number % 200:02x}"
    setup = f"link set lo up\nlink set eth0 address {mac}\naddr add {pc.address}/16 dev eth0\nlink set eth0 up\nroute add default via {GATEWAY}\n"
    _run("ip", "-n", space, "-batch", "-", stdin=setup)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with Path(f"/run/hotdesk-lab.{NUMBER}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*argv: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


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


def _until(true: object, limit: float, message: str) -> None:
    assert callable(true)
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() > deadline:
            raise LabError(message)
        time.sleep(0.02)
