"""The two sets of targets that are run: each is a folder of files beside this package, and what it takes from the package index."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class TargetSet:
    """Targets of one release, what is known of them and how the page speaks of them.

    ``folder`` has ``requirements.txt`` (with hashes), ``targets.json`` (target -> ansible-playbook's recap; null: a script, whose exit code
    decides) and ``reasons.yaml`` (target -> why it does not pass); ``expected`` are the names of those that pass.
    """

    name: str
    folder: Path
    expected: Path
    release: str
    """The source distribution that has the targets, as its archive is called."""
    what: str
    """The set in the words of the page: "Of 106 targets of ..."."""
    collections: str = ""
    """The wheel whose collections the targets use, as its file is called; empty: none."""
    own_network: frozenset[str] = frozenset()
    """Targets that would change the machine's network."""

    def known(self) -> dict[str, dict[str, int] | None]:
        """Target -> ansible-playbook's recap."""
        found: dict[str, dict[str, int] | None] = json.loads((self.folder / "targets.json").read_text(encoding="utf-8"))
        return found

    def candidates(self) -> set[str]:
        """Targets that may be measured (``--peer --accept``): ``candidates.txt``, where a release has far more than can be of use."""
        file = self.folder / "candidates.txt"
        return names_in(file) if file.exists() else set(self.known())

    def reasons(self) -> dict[str, str]:
        """Target -> why it does not pass, in the words of the page."""
        text = (self.folder / "reasons.yaml").read_text(encoding="utf-8")
        found: dict[str, str] = yaml.safe_load(text) or {}
        return found

    def passing(self) -> set[str]:
        """The targets that are expected to pass."""
        return names_in(self.expected)


def names_in(file: Path) -> set[str]:
    """Names in a file, one a line; # begins a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name for line in lines if (name := line.partition("#")[0].strip())}


CORE = TargetSet(
    "conformance", HERE, HERE.parent / "expected.txt", "ansible_core-2.19.14",
    "ansible-core 2.19.14's integration suite", own_network=frozenset({"iptables"}),
)  # fmt: skip
COMMUNITY = TargetSet(
    "community", HERE.parent / "community", HERE.parent / "community" / "expected.txt", "ansible-2.9.27",
    "Ansible 2.9.27's suite for modules that are now in collections (run with those of Ansible 12.3.0)",
    collections="ansible-12.3.0-py3-none-any.whl",
)  # fmt: skip
SETS = {each.name: each for each in (CORE, COMMUNITY)}
