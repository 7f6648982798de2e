"""The sets of targets that are run: each is a folder of files beside this package, and what it takes from the package index."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel of the package index with collections or roles that targets use."""

    wheel: str
    """Its file name."""
    collections: str = ""
    """The directory in it that has ``ansible_collections``; empty: it has none."""
    roles: str = ""
    """The directory in it that has roles; empty: it has none."""
    python: bool = False
    """It is a library that plugins of the others import on the control node."""

    @property
    def folder(self) -> str:
        """What it is unpacked as."""
        return self.wheel.partition("-py")[0]


@dataclass(frozen=True, slots=True)
class TargetSet:
    """Targets of one release (or of our own), what is known of them and how the page speaks of them.

    ``folder`` has ``requirements.txt`` (with hashes), ``targets.json`` (target -> ansible-playbook's recap of each of its runs; null: a
    script, whose exit code decides) and ``reasons.yaml`` (target -> why it does not pass); ``expected`` are the names of those that pass.
    """

    name: str
    folder: Path
    expected: Path
    release: str
    """The source distribution that has the targets, as its archive is called; empty: they are in ``folder``."""
    what: str
    """The set in the words of the page: "Of 106 ..."."""
    judged: str = "those that are roles"
    """What passes only with the recap of ansible-playbook, in the words of the page."""
    packages: tuple[Package, ...] = ()
    """What the targets use."""
    own_network: frozenset[str] = frozenset()
    """Targets that would change the machine's network."""

    def known(self) -> dict[str, list[dict[str, int]] | None]:
        """Target -> ansible-playbook's recaps."""
        found: dict[str, list[dict[str, int]] | None] = json.loads(
            (self.folder / "targets.json").read_text(encoding="utf-8")
        )
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


ANSIBLE = Package("ansible-12.3.0-py3-none-any.whl", collections=".")
CORE = TargetSet(
    "conformance", HERE, HERE.parent / "expected.txt", "ansible_core-2.19.14",
    "targets of ansible-core 2.19.14's integration suite", own_network=frozenset({"iptables"}),
)  # fmt: skip
COMMUNITY = TargetSet(
    "community", HERE.parent / "community", HERE.parent / "community" / "expected.txt", "ansible-2.9.27",
    "targets of Ansible 2.9.27's suite for modules that are now in collections (run with those of Ansible 12.3.0)",
    packages=(ANSIBLE,),
    own_network=frozenset({"ufw"}),
)  # fmt: skip
PROJECTS = TargetSet(
    "projects", HERE.parent / "projects", HERE.parent / "projects" / "expected.txt", "",
    "playbooks with roles of DebOps 3.3.2, TripleO 6.0.0 and Kayobe 18.6.0",
    judged="both times they are run",
    packages=(
        ANSIBLE,
        Package("debops-3.3.2-py2.py3-none-any.whl", collections="debops/_data/ansible/collections"),
        Package("tripleo_ansible-6.0.0-py2.py3-none-any.whl", roles="tripleo_ansible-6.0.0.data/data/share/ansible/roles"),
        Package("netaddr-1.3.0-py3-none-any.whl", python=True),
        Package("passlib-1.7.4-py2.py3-none-any.whl", python=True),
        Package("kayobe-18.6.0-py3-none-any.whl", roles="kayobe-18.6.0.data/data/share/kayobe/ansible/roles"),
    ),
)  # fmt: skip
SETS = {each.name: each for each in (CORE, COMMUNITY, PROJECTS)}
