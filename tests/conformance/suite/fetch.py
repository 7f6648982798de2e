"""What the suite needs and is never part of the tree: its source, and the packages its targets expect. Both are kept below ``.cache``."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.suite.sandbox import Sandbox

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "conformance"
RELEASE = "ansible_core-2.19.14"


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the suite is and what its sandbox is made of."""

    source: Path
    """The unpacked source distribution of ansible-core."""
    archive: Path
    """The packages, to be unpacked on top of the machine's own files."""

    @property
    def targets(self) -> Path:
        return self.source / "test" / "integration" / "targets"


def fetched() -> Suite:
    """The suite, downloaded and its packages installed into an archive unless that was done before. Needs root and a Debian."""
    CACHE.mkdir(parents=True, exist_ok=True)
    suite = Suite(CACHE / RELEASE, CACHE / "packages.tar")
    if not suite.targets.is_dir():
        print("fetching the source of ansible-core ...", flush=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
        ]
        subprocess.run([*pip, "--require-hashes", "-r", str(HERE / "requirements.txt"), "-d", str(CACHE)], check=True)
        with tarfile.open(CACHE / f"{RELEASE}.tar.gz") as source:
            source.extractall(CACHE, filter="data")
    if not suite.archive.exists():
        print("installing the packages that its targets use, in a sandbox ...", flush=True)
        half = suite.archive.with_suffix(".half")
        with (CACHE / "packages.log").open("wb") as log:
            done = Sandbox(CACHE, None).run(
                ["/bin/bash", str(HERE / "packages.sh")], CACHE / "out", log, limit=900, keep=half
            )
        if done != 0:
            raise SystemExit(f"the packages could not be installed: see {CACHE / 'packages.log'}")
        half.rename(suite.archive)
    return suite
