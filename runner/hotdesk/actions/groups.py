"""Action groups: one name for several modules in ``module_defaults: {group/NAMESPACE.COLLECTION.NAME: ...}``, and which defaults a task has.

Source: Ansible's "Module defaults" and "Collection structure" pages (``action_groups`` in a collection's meta/runtime.yml).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError, PlaybookError, nearest
from hotdesk.paths import is_file
from hotdesk.routing import LEGACY, ansible_core
from hotdesk.source import load_yaml_file
from hotdesk.variables.trust import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hotdesk.actions.collections import Collections
    from hotdesk.place import Place
    from hotdesk.playbook.model import Raw, Task

PREFIX = "group/"
_CORE = "ansible.builtin."
BUILTIN: dict[str, tuple[str, ...]] = {
    "acme": ("community.crypto.acme",),
    "aws": ("amazon.aws.aws", "community.aws.aws"),
    "azure": ("azure.azcollection.azure",),
    "cpm": ("wti.remote.cpm",),
    "docker": ("community.general.docker", "community.docker.docker"),
    "gcp": ("google.cloud.gcp",),
    "k8s": ("community.general.k8s", "community.okd.k8s", "kubernetes.core.k8s"),
    "os": ("openstack.cloud.os",),
    "ovirt": ("ovirt.ovirt.ovirt", "community.general.ovirt"),
    "vmware": ("community.vmware.vmware",),
}
"""The groups of ansible.builtin, which are the collections' of the same subject."""
_ALSO = {"ansible.builtin.gather_facts": "ansible.builtin.setup"}
"""Gathering facts is doing what setup does, with its defaults."""


class Groups:
    """The action groups of the collections that a run can see."""

    def __init__(
        self, collections: Collections | None, resolved: Callable[[str], str | None] = lambda name: name
    ) -> None:
        """``resolved``: what a fully qualified name stands for now (None: there is no such action)."""
        self._collections, self._resolved = collections, resolved
        self._members: dict[str, frozenset[str]] = {}

    def resolve(self, written: str, place: Place | None) -> str:
        """``group/NAMESPACE.COLLECTION.NAME`` of a key; a short name is ansible.builtin's. Raises PlaybookError when there is none."""
        name = written.removeprefix(PREFIX)
        full = name if name.count(".") >= 2 else _CORE + name
        if not self._exists(full):
            known = (*(PREFIX + one for one in BUILTIN), *(PREFIX + one for one in self._of_collection(full)))
            raise PlaybookError(
                f"module_defaults: there is no action group {written!r}", place=place,
                remedy=nearest(written, known) or "Write group/NAMESPACE.COLLECTION.NAME, of action_groups in its meta/runtime.yml.",
            )  # fmt: skip
        return PREFIX + full

    def members(self, group: str) -> frozenset[str]:
        """The fully qualified actions of a group, by its full name with the prefix; those of the groups that it extends, too."""
        if group not in self._members:
            self._members[group] = frozenset(self._walk(group.removeprefix(PREFIX), set()))
        return self._members[group]

    def faults(self, group: str) -> list[str]:
        """What is wrong with the metadata of a group (by its full name with the prefix), in Ansible's words; it has an effect all the same."""
        full = group.removeprefix(PREFIX)
        entries = [entry for entry in self._of_collection(full).get(full, ()) if isinstance(entry, dict) and entry]
        found = []
        for number, entry in enumerate(entries):
            said = " ".join(_faults(entry, again=number > 0))
            if said:
                found.append(
                    f"Invalid metadata was found for action_group {full} while loading module_defaults. {said}"
                )
        return found

    def _exists(self, full: str) -> bool:
        if full.removeprefix(_CORE) in BUILTIN and full.startswith(_CORE):
            return True
        return full in self._of_collection(full)

    def _of_collection(self, full: str) -> Mapping[str, Any]:
        """Full name -> entries, of every group in the collection of ``full``."""
        if full.startswith(_CORE):
            core = ansible_core()
            groups = action_groups(core / "config/ansible_builtin_runtime.yml") if core else {}
            return {f"{_CORE}{name}": entries for name, entries in groups.items() if name not in BUILTIN}
        found = self._collections.split(full) if self._collections else None
        if found is None:
            return {}
        groups = action_groups(found[0].path / "meta" / "runtime.yml")
        return {f"{found[0].name}.{name}": entries for name, entries in groups.items()}

    def _walk(self, full: str, seen: set[str]) -> Iterator[str]:
        if full in seen:
            return
        seen.add(full)
        collection = ".".join(full.split(".")[:2])
        for extended in BUILTIN.get(full.removeprefix(_CORE), ()) if full.startswith(_CORE) else ():
            yield from self._walk(extended, seen)
        for entry in self._of_collection(full).get(full) or ():
            if isinstance(entry, str):
                name = entry if entry.count(".") >= 2 else f"{collection}.{entry}"
                yield self._resolved(name) or name
                continue
            about = entry.get("metadata") if isinstance(entry, dict) else None
            extends = about.get("extend_group") if isinstance(about, dict) else None
            for extended in extends if isinstance(extends, list) else ():
                yield from self._walk(extended if extended.count(".") >= 2 else f"{collection}.{extended}", seen)


def _faults(entry: Mapping[str, Any], *, again: bool) -> Iterator[str]:
    """What is wrong with an entry of a group that is no name; ``again``: it is not the first."""
    if again:
        yield "The group contains multiple metadata entries."
    if list(entry) != ["metadata"]:
        yield f"The only expected key is metadata, but got keys: {', '.join(sorted(entry))}"
    about = plain(entry.get("metadata", {}))
    if not isinstance(about, dict):
        yield f"The metadata is not a dictionary. Got {about}"
    elif unknown := sorted(about.keys() - {"extend_group"}):
        yield f"The metadata contains unexpected keys: {', '.join(unknown)}"
    elif not isinstance(extends := about.get("extend_group", []), list):
        yield f"The metadata contains unexpected key types: extend_group is {extends} (expected type list)"


@cache
def action_groups(path: Path) -> Mapping[str, Sequence[Any]]:
    """``action_groups`` of a collection's meta/runtime.yml; none when there is no such file. Raises PlaybookError."""
    if not is_file(path):
        return {}
    try:
        found = load_yaml_file(path)
    except InputError as problem:
        raise PlaybookError(f"{path} cannot be read: {problem.message}", place=problem.place) from None
    groups = found.get("action_groups") if isinstance(found, dict) else None
    return {str(name): entries for name, entries in groups.items() if isinstance(entries, list)} if groups else {}


def defaults_of(task: Task, members: Callable[[str], frozenset[str]]) -> list[Raw]:
    """The module_defaults that ``task`` has, weakest first: those of its groups, then those of its own name.

    What stands further in takes the place of what stands further out under the same name; an empty mapping takes it away. What is
    written for one's own action of a name goes for Ansible's too, not the other way round.
    """
    entries: dict[str, Raw] = {}
    for layer in task.module_defaults:
        entries.update((str(name), value) for name, value in layer.items())
    legacy = LEGACY + task.action.removeprefix(_CORE) if task.action.startswith(_CORE) else None
    names = (_ALSO.get(task.action), legacy, task.action)
    groups = [
        value for name, value in entries.items() if name.startswith(PREFIX) and not members(name).isdisjoint(names)
    ]
    return [value for value in (*groups, *(entries.get(name) for name in names if name)) if value]
