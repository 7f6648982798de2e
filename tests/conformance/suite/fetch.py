"""What a set needs and is never part of the tree: sources, collections, and the packages its targets expect. All are kept below ``.cache``."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.suite.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.conformance.suite.sets import TargetSet

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "conformance"
NEEDED = ("prepare_", "setup_")
"""How targets are called that others need before them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the suite is and what its sandbox is made of."""

    of: TargetSet
    source: Path
    """The unpacked source distribution."""
    archive: Path
    """The packages, to be unpacked on top of the machine's own files."""
    collections: Path | None
    """The directory with ``ansible_collections``, when the set uses it."""

    @property
    def targets(self) -> Path:
        return self.source / "test" / "integration" / "targets"


def fetched(of: TargetSet) -> Suite:
    """The suite, downloaded and its packages installed into an archive unless that was done before. Needs root and a Debian."""
    CACHE.mkdir(parents=True, exist_ok=True)
    collections = CACHE / of.collections.removesuffix("-py3-none-any.whl") if of.collections else None
    suite = Suite(of, CACHE / of.release, CACHE / "packages.tar", collections)
    if not suite.targets.is_dir() or (collections and not collections.is_dir()):
        _unpack(suite)
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


def _unpack(suite: Suite) -> None:
    """The source (of a set in collections: its targets and what these need) and the collections, from the package index."""
    source, wheel = CACHE / f"{suite.of.release}.tar.gz", CACHE / (suite.of.collections or "-")
    if not source.exists() or (suite.collections and not wheel.exists()):
        print(f"fetching {suite.of.release} ...", flush=True)
        for line in (suite.of.folder / "requirements.txt").read_text(encoding="utf-8").splitlines():
            _download(line)
    with tarfile.open(source) as archive:
        wanted = [member for member in archive.getmembers() if _is_wanted(member.name, suite)]
        archive.extractall(CACHE, wanted, filter="data")
    if suite.collections:
        for file in (*suite.targets.rglob("*.yml"), *suite.targets.rglob("*.yaml")):
            file.write_text(of_today(file.read_text(encoding="utf-8")), encoding="utf-8")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(suite.collections)


def of_today(text: str) -> str:
    """A playbook of Ansible 2.9 without what ansible-core has removed since: ``include`` (2.16) and ``warn`` of command and shell (2.14)."""
    text = re.sub(r"^(\s*(?:- )?)include:", r"\1include_tasks:", text, flags=re.M)
    text = re.sub(r"^ *args:\n *warn: *\w+\n", "", text, flags=re.M)
    return re.sub(r"^ *warn: *\w+\n|(?<=\S) warn=\w+", "", text, flags=re.M)


def _download(requirement: str) -> None:
    """A line of requirements.txt; a package of which a wheel is there too is taken as source where the line says ``--no-binary``."""
    line, _, source = requirement.partition(" # ")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps", "-d", str(CACHE)]
    file = CACHE / "requirement.txt"
    file.write_text(line + "\n", encoding="utf-8")
    words = ["--no-binary", ":all:"] if source == "source" else ["--only-binary", ":all:"]
    subprocess.run([*pip, *words, "--require-hashes", "-r", str(file)], check=True)
    file.unlink()


def _is_wanted(member: str, suite: Suite) -> bool:
    _, marked, below = member.partition("/test/integration/targets/")
    if not suite.collections:
        return True
    target = below.partition("/")[0]
    return bool(marked) and (target in suite.of.candidates() or target.startswith(NEEDED))
