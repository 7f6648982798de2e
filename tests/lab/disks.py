"""Disks of limited size: a PC's own (memory, an ext4 image or a btrfs image with ``@`` and ``@home``) and further small mounts on it.

They are mounted on this machine below the PC's directory, so that a power cut keeps what is on them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.lab.layers import base, layer
from tests.lab.machine import MARK, LabError, missing, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.options import Options

COPY = """
mkdir -p "$D/base"; mount -t overlay overlay -o "lowerdir=$LOWER" "$D/base"
rsync -aHAX --numeric-ids '--exclude=/home/*' "$D/base/" "$D/disk/@/"
rsync -aHAX --numeric-ids "$D/base/home/" "$D/disk/@home/"
"""


def make(directory: Path, name: str, options: Options) -> None:
    """Make and mount the disk and the further mounts of a PC, those that are not there yet."""
    disk = directory / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    if not disk.is_mount():
        KINDS[options.disk](directory, name, options)
    for number, (_, size) in enumerate(options.mounts):
        mount = directory / f"mount{number}"
        mount.mkdir(exist_ok=True)
        if not mount.is_mount():
            _memory(mount, f"{MARK}-{name}", size)


def unmount(directory: Path) -> None:
    """Unmount all of them, also those whose directory is busy."""
    for mount in [*directory.glob("mount*"), directory / "disk"]:
        run("umount", "-l", str(mount), check=False)


def device(directory: Path) -> str:
    """The block device of a PC's disk."""
    return run("findmnt", "-nvo", "SOURCE", "--mountpoint", str(directory / "disk")).strip()


def loops(below: Path) -> list[str]:
    """Loop devices whose image lies below a directory."""
    lines = run("losetup", "--noheadings", "--list", "--output", "NAME,BACK-FILE", check=False).splitlines()
    return [line for line in lines if f" {below}/" in line]


def _tmpfs(directory: Path, name: str, options: Options) -> None:
    _memory(directory / "disk", f"{MARK}-{name}", options.size)


def _memory(mount: Path, source: str, size: str) -> None:
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", source, str(mount))


def _ext4(directory: Path, name: str, options: Options) -> None:
    image = _image(directory, options.size)
    run("mkfs.ext4", "-q", "-m", "0", "-L", name, "-E", "lazy_itable_init=1,lazy_journal_init=1", str(image))
    run("mount", "-o", "loop,noatime", str(image), str(directory / "disk"))


def _btrfs(directory: Path, name: str, options: Options) -> None:
    """A root that is btrfs itself, no overlay: base and layer are copied into ``@`` and ``@home``."""
    if reason := missing({"mkfs.btrfs": "btrfs-progs"}):
        raise LabError(reason)
    disk, image = directory / "disk", _image(directory, options.size)
    run("mkfs.btrfs", "-q", "-L", name, str(image))
    run("mount", "-o", "loop,noatime", str(image), str(disk))
    for subvolume in ("@", "@home", "@snapshots"):
        run("btrfs", "subvolume", "create", str(disk / subvolume))
    lower = f"{layer(options.base)}:{base(options.base)}"
    run("unshare", "--mount", "bash", "-euc", COPY, env={**os.environ, "D": str(directory), "LOWER": lower})
    fstab = f"LABEL={name} / btrfs subvol=@ 0 0\nLABEL={name} /home btrfs subvol=@home 0 0\n"
    (disk / "@" / "etc/fstab").write_text(fstab)


def _image(directory: Path, size: str) -> Path:
    image = directory / "disk.img"
    image.unlink(missing_ok=True)
    run("truncate", "-s", size, str(image))
    return image


KINDS = {"tmpfs": _tmpfs, "ext4": _ext4, "btrfs": _btrfs}
