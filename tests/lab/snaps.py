"""Snaps made on the spot by mksquashfs, and this machine's own snapd, for PCs that have none and reach no store.

``python -m tests.lab.snaps pc1 pc2`` installs them on PCs that are up.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.lab import Lab

if TYPE_CHECKING:
    from tests.lab.pc import PC

SCRIPT = Path(__file__).with_name("snapd.sh")
PROGRAMS = (
    "/usr/bin/unsquashfs",
    "/usr/bin/snap",
    *(f"/usr/lib/snapd/{name}" for name in ("snapd", "snap-confine", "snap-seccomp")),
)
SNAPS = {
    "core_16-lab": "type: os",
    "hd-one_1": "base: none",
    "hd-one_2": "base: none",
    "hd-two_1": "base: none\nconfinement: devmode\ngrade: devel",
    "hd-base_1": "type: base",
    "hd-three_1": "base: hd-base\nconfinement: classic",
}
"""NAME_VERSION -> what its snap.yaml says besides."""


def install(pc: PC, folder: Path) -> None:
    """snapd runs on that PC, with the snaps as files in /srv; ``folder`` is for making them."""
    for each, more in SNAPS.items():
        pc.run("sh", "-c", f"cat >/srv/{each}.snap", stdin=_made(folder, each, more))
    pc.run("sh", "-c", "cat >/srv/snapd.sh", stdin=SCRIPT.read_bytes())
    pc.run("bash", "/srv/snapd.sh", stdin=_snapd())


def _made(folder: Path, each: str, more: str) -> bytes:
    name, version = each.split("_")
    root, file = folder / each, folder / f"{each}.snap"
    if not file.exists():
        (root / "meta").mkdir(parents=True)
        words = f'name: {name}\nversion: "{version}"\nsummary: lab\ndescription: lab\narchitectures: [all]\n{more}\n'
        (root / "meta/snap.yaml").write_text(words)
        quiet = ("-noappend", "-no-xattrs", "-no-fragments", "-all-root", "-quiet", "-no-progress")
        subprocess.run(["mksquashfs", str(root), str(file), "-comp", "gzip", *quiet], check=True, capture_output=True)
    return file.read_bytes()


def _snapd() -> bytes:
    """The files of this machine's packages, and the libraries that their programs need."""
    listed = subprocess.run(
        ["dpkg", "-L", "snapd", "squashfs-tools"], check=True, capture_output=True, text=True
    ).stdout
    files = {path for path in listed.splitlines() if not path.startswith("/usr/share/") and Path(path).is_file()}
    for program in PROGRAMS:
        for line in subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout.splitlines():
            if "=> /" in line:
                library = Path(line.split()[2])
                files |= {str(library.resolve()), str(library.resolve().with_name(library.name))}
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path in sorted(files):
            archive.add(path, path.replace("/lib/", "/usr/lib/", 1) if path.startswith("/lib/") else path)
    return out.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for each in sys.argv[1:]:
            install(Lab.found()[each], Path(made))
