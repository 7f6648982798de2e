"""Which value of a variable wins: Ansible's 22 levels, in one table.

Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html#understanding-variable-precedence
The executor fills a ``Sources`` (one field per level); ``layered`` turns it into the Layers a Scope reads, highest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from hotdesk.frozen import frozen
from hotdesk.source import Map

if TYPE_CHECKING:
    from hotdesk.inventory.model import Inventory, VarsFiles

Raw = Mapping[str, Any]
Several = tuple[Raw, ...]

LEVELS: Final[tuple[tuple[int, str, str], ...]] = (
    (1, "", "command line values such as -u (settings, not variables)"),
    (2, "role_defaults", "role defaults: of the play's roles in order, then of the task's own role"),
    (3, "inventory_groups", "inventory file or script group vars: all first, then in merge order"),
    (4, "inventory_group_vars_all", "inventory group_vars/all"),
    (5, "playbook_group_vars_all", "playbook group_vars/all"),
    (6, "inventory_group_vars", "inventory group_vars/*, in merge order"),
    (7, "playbook_group_vars", "playbook group_vars/*, in merge order"),
    (8, "inventory_host", "inventory file or script host vars"),
    (9, "inventory_host_vars", "inventory host_vars/*"),
    (10, "playbook_host_vars", "playbook host_vars/*"),
    (11, "facts", "host facts and cached set_facts"),
    (12, "play_vars", "play vars"),
    (13, "play_prompts", "play vars_prompt"),
    (14, "play_vars_files", "play vars_files"),
    (15, "role_vars", "role vars: of the play's public roles in order, then of the task's own role"),
    (16, "block_vars", "block vars, outermost first"),
    (17, "task_vars", "task vars"),
    (18, "include_vars", "include_vars"),
    (19, "set_facts", "set_facts and registered variables"),
    (20, "role_params", "role and include_role params"),
    (21, "include_params", "include params"),
    (22, "extra_vars", "extra vars (-e): always win"),
)
"""(level, field of Sources, Ansible's words for it)."""


@frozen(kw_only=True)
class Sources:
    """Where variables come from: for each level a tuple of raw mappings, the later ones win. ``magic`` stands above all levels."""

    role_defaults: Several = ()
    inventory_groups: Several = ()
    inventory_group_vars_all: Several = ()
    playbook_group_vars_all: Several = ()
    inventory_group_vars: Several = ()
    playbook_group_vars: Several = ()
    inventory_host: Several = ()
    inventory_host_vars: Several = ()
    playbook_host_vars: Several = ()
    facts: Several = ()
    play_vars: Several = ()
    play_prompts: Several = ()
    play_vars_files: Several = ()
    role_vars: Several = ()
    block_vars: Several = ()
    task_vars: Several = ()
    include_vars: Several = ()
    set_facts: Several = ()
    role_params: Several = ()
    include_params: Several = ()
    extra_vars: Several = ()
    magic: Several = ()
    """inventory_hostname, hostvars, groups, ... as the executor computes them (``lazy.Lazy`` values are computed at access)."""


ORDER: Final = (*(name for _, name, _ in LEVELS if name), "magic")
assert {f.name for f in fields(Sources)} == set(ORDER)
_HIGHEST_FIRST = attrgetter(*reversed(ORDER))


class Layers(Mapping[str, Any]):
    """Raw mappings, highest precedence first, read as one. With ``merge`` (hash_behaviour) mappings of one name are merged."""

    __slots__ = ("maps", "merge")

    def __init__(self, maps: tuple[Raw, ...], *, merge: bool = False) -> None:
        self.maps = maps
        self.merge = merge

    def above(self, extra: Raw) -> Layers:
        """These layers with ``extra`` on top."""
        return Layers((extra, *self.maps), merge=self.merge)

    def __getitem__(self, name: str) -> Any:
        for position, layer in enumerate(self.maps):
            if name in layer:
                value = layer[name]
                if self.merge and isinstance(value, Mapping):
                    return self._merged(name, value, position)
                return value
        raise KeyError(name)

    def _merged(self, name: str, value: Mapping[Any, Any], position: int) -> Any:
        for layer in self.maps[position + 1 :]:
            if name in layer:
                below = layer[name]
                if not isinstance(below, Mapping):
                    break
                value = merge_hashes(below, value)
        return value

    def __contains__(self, name: object) -> bool:
        # A generator costs twice as much.
        for layer in self.maps:  # noqa: SIM110
            if name in layer:
                return True
        return False

    def present(self, names: frozenset[str]) -> set[str]:
        """Those of ``names`` that there are: fifty are asked for, for each task on each host."""
        found: set[str] = set()
        for layer in self.maps:
            found.update(names.intersection(layer) if len(layer) < len(names) else [n for n in names if n in layer])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(str(name) for layer in self.maps for name in layer))

    def __len__(self) -> int:
        return len(set().union(*self.maps)) if self.maps else 0

    def as_dict(self) -> dict[str, Any]:
        """Every name with its value, as reading one after the other would give."""
        if self.merge:
            return {name: self[name] for name in self}
        found: dict[str, Any] = {}
        for layer in reversed(self.maps):
            found.update(layer)
        return found


def layered(sources: Sources, *, hash_behaviour: Literal["replace", "merge"] = "replace") -> Layers:
    """The layers of ``sources``, highest first; empty ones are left out, nothing is copied."""
    highest_first = [layer for several in _HIGHEST_FIRST(sources) for layer in reversed(several) if len(layer)]
    return Layers(tuple(highest_first), merge=hash_behaviour == "merge")


def merge_hashes(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> Map:
    """Two mappings as ``hash_behaviour=merge`` merges them: recursively, everything else replaced. Text stays as written."""
    merged = Map(below, getattr(above, "place", None))
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge_hashes(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def inventory_sources(inventory: Inventory, host: str, playbook_files: Sequence[VarsFiles] = ()) -> Sources:
    """Levels 3 to 10 of one host; an unknown (implicit) host gets those of ``all``. Made once per host, then ``replace``d."""
    known = inventory.hosts.get(host)
    groups = _groups(known.groups if known else ())
    return Sources(
        inventory_groups=tuple(inventory.groups[g].vars for g in groups if g in inventory.groups),
        inventory_group_vars_all=_of_groups(inventory.vars_files, ["all"]),
        playbook_group_vars_all=_of_groups(playbook_files, ["all"]),
        inventory_group_vars=_of_groups(inventory.vars_files, groups[1:]),
        playbook_group_vars=_of_groups(playbook_files, groups[1:]),
        inventory_host=(known.vars,) if known else (),
        inventory_host_vars=tuple(f.hosts[host] for f in inventory.vars_files if host in f.hosts),
        playbook_host_vars=tuple(f.hosts[host] for f in playbook_files if host in f.hosts),
    )


def _groups(names: Iterable[str]) -> list[str]:
    return ["all", *(name for name in names if name != "all")]


def _of_groups(files: Sequence[VarsFiles], groups: Iterable[str]) -> Several:
    return tuple([f.groups[group] for group in groups for f in files if group in f.groups]) if files else ()
