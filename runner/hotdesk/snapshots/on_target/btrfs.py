"""btrfs as a PC has it: which subvolumes are mounted where, one file system as a whole for a moment, and the store kept in each."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import subprocess
import time
from typing import Any, Iterator, Sequence

STORE = ".hotdesk-snapshots"
"""A subvolume of its own in the top level of each file system: so that no snapshot holds older ones, none is lost when ``@`` is replaced,
and (mode 0700) nobody reaches a setuid program that was replaced for a reason."""
ROOT_INODE = 256
"""Of every subvolume (btrfs(5): BTRFS_FIRST_FREE_OBJECTID)."""
LOCAL = ("ext2", "ext3", "ext4", "xfs", "jfs", "f2fs", "reiserfs", "zfs", "bcachefs", "overlay", "ntfs3", "exfat")
"""Kinds of file systems with people's files on them, of which no snapshot can be made here."""
PATIENCE = 120.0
"""Seconds to wait for another run's work in the same store."""
CLONE_NEWNS = 0x00020000
_TOOL_LIMIT = 300.0


class Failed(Exception):
    """Becomes the task's error (agent.calls)."""

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.data = data


def tool(argv: Sequence[str], limit: float = _TOOL_LIMIT) -> str:
    """A program's output. Raises Failed with its own words."""
    environment = dict(os.environ, LC_ALL="C", PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=limit, check=False
        )  # fmt: skip
    except FileNotFoundError:
        raise Failed("there is no program " + argv[0]) from None
    except subprocess.TimeoutExpired:
        raise Failed("%s did not end within %g seconds" % (" ".join(argv[:3]), limit)) from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split()) or "exit code %d" % done.returncode
        raise Failed("%s: %s" % (" ".join(argv[:3]), said[-400:]), rc=done.returncode)
    return done.stdout.decode(errors="surrogateescape")


def btrfs_version() -> list[int] | None:
    """Of btrfs-progs; None: not installed."""
    try:
        found = re.search(r"v?(\d+)\.(\d+)", tool(["btrfs", "--version"], 30.0))
    except Failed:
        return None
    return [int(found.group(1)), int(found.group(2))] if found else [0, 0]


def mounts(text: str | None = None) -> list[dict[str, str]]:
    """The mount table (proc(5), mountinfo): ``root`` within its file system, ``at``, ``kind``, ``device``, ``options`` of the mount and
    of the file system, ``number`` (the same for all mounts of a file system). What a later mount hides is left out."""
    if text is None:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    seen: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        number, root, at, options = left.split(" ")[2:6]
        kind, device, own = (right.split(" ") + ["", ""])[:3]
        fields = {
            "number": number,
            "root": root,
            "at": at,
            "kind": kind,
            "device": device,
            "options": options,
            "own": own,
        }
        seen[_plain(at)] = {name: _plain(value) for name, value in fields.items()}
    return list(seen.values())


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def subvolumes(table: Sequence[dict[str, str]] | None = None) -> list[dict[str, str]]:
    """The subvolumes that are mounted, writable and as a whole: ``path`` from the top level ("" for the top level itself), ``mount`` (the
    shortest place of several), ``device`` and ``number`` of the file system. A bind mount of a directory is none."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in sorted(mounts() if table is None else table, key=lambda one: (len(one["at"]), one["at"])):
        options = dict(part.partition("=")[::2] for part in each["own"].split(","))
        if each["kind"] != "btrfs" or each["root"] != options.get("subvol", "/") or "ro" in each["options"].split(","):
            continue
        path = each["root"].strip("/")
        if path.split("/")[0] != STORE:
            one = {"path": path, "mount": each["at"], "device": each["device"], "number": each["number"]}
            found.setdefault((each["number"], path), one)
    return list(found.values())


def waiting(table: Sequence[dict[str, str]] | None = None) -> list[str]:
    """Places where a subvolume is mounted that was replaced: the PC waits for its reboot."""
    old = "/" + STORE + "/"
    return [
        each["at"]
        for each in (mounts() if table is None else table)
        if each["kind"] == "btrfs" and each["root"].startswith(old + "replaced/")
    ]


def unprotected(wanted: Sequence[str] | None, table: Sequence[dict[str, str]] | None = None) -> list[str]:
    """Places of which no snapshot can be made, as "/home (ext4)": of ``wanted``, else of all local file systems but ``/boot``."""
    table = mounts() if table is None else table
    places = {each["mount"] for each in subvolumes(table)}
    kinds = {each["at"]: each["kind"] for each in table}
    if wanted is not None:
        return ["%s (%s)" % (path, kinds.get(path, "no mount point")) for path in wanted if path not in places]
    return ["%s (%s)" % (at, kind) for at, kind in sorted(kinds.items()) if _people(at, kind)]


def _people(at: str, kind: str) -> bool:
    if at == "/":
        return kind != "btrfs"
    return kind in LOCAL and not at.startswith(
        ("/boot", "/efi", "/var/lib/docker", "/var/lib/containers", "/run/", "/snap/")
    )


def by_number(mount: str, default: bool, fstab: str | None = None, command_line: str | None = None) -> bool:
    """The next boot mounts a subvolume by its number there, so that another one in its place would not be seen: by ``subvolid=``, or as the
    file system's ``default`` subvolume (it is that) for want of a ``subvol=``. The texts are those of this PC unless given."""
    options = []
    for line in (_text("/etc/fstab") if fstab is None else fstab).splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[1] == mount and not line.startswith("#"):
            options += fields[3].split(",")
    if mount == "/":  # what the initramfs goes by
        words = (_text("/proc/cmdline") if command_line is None else command_line).split()
        options += [
            part for word in words if word.startswith("rootflags=") for part in word[len("rootflags=") :].split(",")
        ]
    named = [option.partition("=")[0] for option in options]
    return "subvolid" in named or (default and "subvol" not in named)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def is_subvolume(path: str) -> bool:
    """A directory that is the root of a subvolume."""
    try:
        state = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_ino == ROOT_INODE


def show(path: str) -> dict[str, str]:
    """Of a subvolume: ``uuid``, ``parent`` (uuid of what it is a snapshot of), ``received`` (of what it is a copy, "" if that is not whole),
    ``ro`` ("yes" or ""), ``id`` and ``generation``."""
    fields = dict(
        (name.strip(), value.strip())
        for name, _, value in (line.partition(":") for line in tool(["btrfs", "subvolume", "show", path]).splitlines())
    )
    return {
        "uuid": fields.get("UUID", ""),
        "parent": fields.get("Parent UUID", "").strip("-") and fields["Parent UUID"],
        "received": fields.get("Received UUID", "").strip("-") and fields["Received UUID"],
        "ro": "yes" if "readonly" in fields.get("Flags", "") else "",
        "id": fields.get("Subvolume ID", ""),
        "generation": fields.get("Generation", ""),
    }


def libc() -> tuple[Any, Any]:
    """The C library, and ctypes, which a minimal Python lacks."""
    try:
        import ctypes
    except ImportError:
        raise Failed("python there has no ctypes: install the whole package python3") from None
    return ctypes.CDLL(None, use_errno=True), ctypes


_private = False


def own_mounts() -> None:
    """From now on what this process mounts is its own, and gone with it, however it ends (mount_namespaces(7))."""
    global _private
    if _private:
        return
    if hasattr(os, "unshare"):
        os.unshare(CLONE_NEWNS)
    else:
        library, ctypes = libc()
        if library.unshare(CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "mount namespace")
    tool(["mount", "--make-rprivate", "/"])
    _private = True


@contextlib.contextmanager
def whole(device: str) -> Iterator[str]:
    """The top level of a file system, mounted where only this process sees it. Gives the place."""
    own_mounts()
    place = "/mnt" if os.path.isdir("/mnt") else "/tmp"  # what is there is hidden from this process alone
    tool(["mount", "-t", "btrfs", "-o", "subvolid=5,noatime,nosuid,nodev", device, place])
    try:
        yield place
    finally:
        tool(["umount", "-l", place])


def store_of(top: str, make: bool = False) -> str | None:
    """The store of a file system; None: there is none yet. Raises Failed for something else of that name."""
    path = os.path.join(top, STORE)
    if not os.path.lexists(path):
        if not make:
            return None
        tool(["btrfs", "subvolume", "create", path])
        os.chmod(path, 0o700)
    if not is_subvolume(path):
        raise Failed("%s in the top level of the file system is no subvolume; move it away" % STORE)
    return path


@contextlib.contextmanager
def locked(store: str) -> Iterator[None]:
    """Nobody else works in this store meanwhile; the lock ends with the process. Raises Failed when it is not to be had."""
    handle = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Failed("another run has been at work on the snapshots for %g seconds" % PATIENCE) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def delete(paths: Sequence[str]) -> None:
    """Remove subvolumes, those within them first."""
    for path in paths:
        for inner in nested(path):
            tool(["btrfs", "subvolume", "delete", "--commit-after", inner])
        tool(["btrfs", "subvolume", "delete", "--commit-after", path])


def nested(path: str) -> list[str]:
    """The subvolumes within a subvolume, the deepest first."""
    lines = tool(["btrfs", "subvolume", "list", "-o", path]).splitlines()
    below = []
    top = _top(path)
    for line in lines:
        inner = os.path.join(top, line.split(" path ", 1)[1]) if " path " in line else ""
        if inner and is_subvolume(inner):
            below += [*nested(inner), inner]
    return below


def _top(path: str) -> str:
    """Where the file system of ``path`` is mounted as a whole (by ``whole``). Not by os.path.ismount: every subvolume looks like a mount."""
    return max((each["at"] for each in mounts() if (path + "/").startswith(each["at"].rstrip("/") + "/")), key=len)


def free(path: str) -> list[int]:
    """[bytes free for people, size] of a file system."""
    state = os.statvfs(path)
    return [state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize]
