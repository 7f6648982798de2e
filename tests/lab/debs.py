"""Signed package archives, made on the spot by real dpkg-deb and gpg, laid into PCs as folders: no network is needed."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.lab.lab import PC

HOME = "/srv/hotdesk-archives"
"""Where they are on a PC."""


@dataclass(frozen=True, slots=True)
class Deb:
    """One package: ``fields`` are further ones of control(5), ``files`` path -> text, ``scripts`` maintainer scripts."""

    name: str
    version: str
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    def build(self, folder: Path) -> None:
        root = folder / f"build-{self.name}-{self.version.replace(':', '.')}"
        control = root / "DEBIAN"
        control.mkdir(parents=True)
        more = "".join(f"{name}: {value}\n" for name, value in self.fields.items())
        (control / "control").write_text(
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
            f"{more}Description: a test\n"
        )
        for name, text in self.files.items():
            path = root / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if conffiles := [name for name in self.files if name.startswith("/etc/")]:
            (control / "conffiles").write_text("".join(f"{name}\n" for name in conffiles))
        for name, text in self.scripts.items():
            (control / name).write_text(f"#!/bin/sh\n{text}\n")
            (control / name).chmod(0o755)
        out = folder / f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"
        _run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(out)])
        _run(["rm", "-rf", str(root)])


def archive(folder: Path, origin: str, debs: Sequence[Deb]) -> bytes:
    """A flat signed archive in ``folder``; the public key that signs it."""
    folder.mkdir(parents=True)
    for deb in debs:
        deb.build(folder)
    packages = _run(["dpkg-scanpackages", "--multiversion", "."], cwd=folder)
    (folder / "Packages").write_bytes(packages)
    (folder / "Packages.gz").write_bytes(gzip.compress(packages))
    listed = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n"
        for name in ("Packages", "Packages.gz")
        for data in [(folder / name).read_bytes()]
    )
    label = f"Origin: {origin}\nLabel: {origin}\n" if origin else ""
    release = f"{label}Suite: stable\nCodename: stable\nDate: Sat, 21 Nov 2026 12:00:00 UTC\nArchitectures: all amd64\nSHA256:\n{listed}"
    with tempfile.TemporaryDirectory() as home:  # short: its agent's sockets have at most 107 bytes
        environment = {**os.environ, "GNUPGHOME": home}
        gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        _run([*gpg, "--quick-generate-key", f"{folder.name}@example.org", "ed25519", "sign", "0"], env=environment)
        (folder / "InRelease").write_bytes(_run([*gpg, "--clearsign"], stdin=release.encode(), env=environment))
        key = _run([*gpg, "--export"], env=environment)
        _run(["gpgconf", "--kill", "all"], env=environment)
    return key


def lay(pc: PC, folder: Path) -> None:
    """Put the archives (the folders in ``folder``) into a PC, at HOME."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    pc.run(
        "sh",
        "-c",
        f"rm -rf {HOME}; mkdir -p {HOME}; tar -x -C {HOME}; chmod -R u=rwX,go=rX {HOME}",
        stdin=buffer.getvalue(),
    )


def _run(
    argv: Sequence[str], *, stdin: bytes = b"", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    done = subprocess.run(argv, input=stdin, cwd=cwd, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
