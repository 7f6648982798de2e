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

    @property
    def targets(self) -> Path:
        return self.source / "test" / "integration" / "targets" if self.of.release else self.source / "targets"

    @property
    def collections(self) -> list[str]:
        """Directories with ``ansible_collections``."""
        return [str(CACHE / one.folder / one.collections) for one in self.of.packages if one.collections]

    @property
    def roles(self) -> list[str]:
        """Directories with roles."""
        return [str(CACHE / one.folder / one.roles) for one in self.of.packages if one.roles]

    @property
    def libraries(self) -> list[str]:
        """Directories with what plugins import on the control node."""
        return [str(CACHE / one.folder) for one in self.of.packages if one.python]


def fetched(of: TargetSet) -> Suite:
    """The suite, downloaded and its packages installed into an archive unless that was done before. Needs root and a Debian."""
    CACHE.mkdir(parents=True, exist_ok=True)
    suite = Suite(of, CACHE / of.release if of.release else of.folder, CACHE / "packages.tar")
    if not all(folder.is_dir() for folder in (suite.targets, *(CACHE / one.folder for one in of.packages))):
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
    """The source (of a set in collections: its targets and what these need) and the packages, from the package index."""
    of = suite.of
    archives = [one.wheel for one in of.packages] + ([f"{of.release}.tar.gz"] if of.release else [])
    if not all((CACHE / name).exists() for name in archives):
        print(f"fetching {', '.join(archives)} ...", flush=True)
        for line in (of.folder / "requirements.txt").read_text(encoding="utf-8").splitlines():
            _download(line)
    if not suite.targets.is_dir():
        _unpack_source(suite)
    for one in (one for one in of.packages if not (CACHE / one.folder).is_dir()):
        with zipfile.ZipFile(CACHE / one.wheel) as packed:
            packed.extractall(CACHE / one.folder)


def _unpack_source(suite: Suite) -> None:
    with tarfile.open(CACHE / f"{suite.of.release}.tar.gz") as archive:
        wanted = [member for member in archive.getmembers() if _is_wanted(member.name, suite)]
        archive.extractall(CACHE, wanted, filter="data")
    if suite.of.packages:
        for file in (*suite.targets.rglob("*.yml"), *suite.targets.rglob("*.yaml")):
            file.write_text(of_today(file.read_text(encoding="utf-8")), encoding="utf-8")


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
    if not suite.of.packages:
        return True
    target = below.partition("/")[0]
    return bool(marked) and (target in suite.of.candidates() or target.startswith(NEEDED))
