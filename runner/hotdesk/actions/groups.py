"""Action groups: one name for several modules in ``module_defaults: {group/NAMESPACE.COLLECTION.NAME: ...}``, and which defaults a task has.

Source: Ansible's "Module defaults" and "Collection structure" pages (``action_groups`` in a collection's meta/runtime.yml).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError, PlaybookError, nearest
from hotdesk.paths import is_file
from hotdesk.source import load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hotdesk.actions.collections import Collections
    from hotdesk.place import Place
    from hotdesk.playbook.model import Raw, Task

PREFIX = "group/"
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

    def __init__(self, collections: Collections | None) -> None:
        self._collections = collections
        self._members: dict[str, frozenset[str]] = {}

    def resolve(self, written: str, place: Place | None) -> str:
        """``group/NAMESPACE.COLLECTION.NAME`` of a key; a short name is ansible.builtin's. Raises PlaybookError when there is none."""
        name = written.removeprefix(PREFIX)
        full = name if name.count(".") >= 2 else f"ansible.builtin.{name}"
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

    def _exists(self, full: str) -> bool:
        if full.startswith("ansible.builtin."):
            return full.removeprefix("ansible.builtin.") in BUILTIN
        return full in self._of_collection(full)

    def _of_collection(self, full: str) -> Mapping[str, Any]:
        """Full name -> entries, of every group in the collection of ``full``."""
        found = self._collections.split(full) if self._collections else None
        if found is None:
            return {}
        return {f"{found[0].name}.{name}": entries for name, entries in action_groups(found[0].path).items()}

    def _walk(self, full: str, seen: set[str]) -> Iterator[str]:
        if full in seen:
            return
        seen.add(full)
        collection = ".".join(full.split(".")[:2])
        for extended in (
            BUILTIN.get(full.removeprefix("ansible.builtin."), ()) if collection == "ansible.builtin" else ()
        ):
            yield from self._walk(extended, seen)
        for entry in self._of_collection(full).get(full) or ():
            if isinstance(entry, str):
                yield entry if entry.count(".") >= 2 else f"{collection}.{entry}"
                continue
            about = entry.get("metadata") if isinstance(entry, dict) else None
            for extended in (about.get("extend_group") if isinstance(about, dict) else None) or ():
                yield from self._walk(extended if extended.count(".") >= 2 else f"{collection}.{extended}", seen)


@cache
def action_groups(collection: Path) -> Mapping[str, Sequence[Any]]:
    """``action_groups`` of a collection's meta/runtime.yml; none when it has no such file. Raises PlaybookError."""
    path = collection / "meta" / "runtime.yml"
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

    What stands further in takes the place of what stands further out under the same name; an empty mapping takes it away.
    """
    entries: dict[str, Raw] = {}
    for layer in task.module_defaults:
        entries.update((str(name), value) for name, value in layer.items())
    names = (_ALSO.get(task.action), task.action)
    groups = [
        value for name, value in entries.items() if name.startswith(PREFIX) and not members(name).isdisjoint(names)
    ]
    return [value for value in (*groups, *(entries.get(name) for name in names if name)) if value]
