"""What a task inherits: the keywords of everything around it, collected on the way down from the play to the task.

``when`` is and-ed outermost first, ``tags`` are united, ``vars``, ``environment`` and ``module_defaults`` are layers, of all others the innermost
counts. A dynamic include passes on what stands *around* it and its ``vars``, not its own other keywords (those need ``apply``);
a static import passes on its own keywords too. Source: Ansible's "Re-using Ansible artifacts" page.
"""

from __future__ import annotations

from dataclasses import field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.playbook.context import PlayScope
from hotdesk.playbook.model import Become
from hotdesk.playbook.tags import split_tags
from hotdesk.results import EMPTY
from hotdesk.source import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.playbook.model import Raw, RoleUse

_INNER: dict[str, str] = {
    name: name
    for name in (
        "any_errors_fatal", "check_mode", "connection", "debugger", "delegate_facts", "delegate_to", "diff", "ignore_errors",
        "ignore_unreachable", "no_log", "port", "remote_user", "run_once", "throttle", "timeout",
    )
}  # fmt: skip
"""Keywords of which the innermost counts, with the Task field of the same name."""
_BECOME = {
    "become": "enabled", "become_user": "user", "become_method": "method", "become_flags": "flags", "become_exe": "exe",
}  # fmt: skip
"""Keywords with their field of Become."""


@frozen
class Inherited:
    """Immutable; ``extend`` gives the record one level further in."""

    basedir: Path
    """The folder of the playbook."""
    inner: Mapping[str, Raw] = EMPTY
    when: tuple[Raw, ...] = ()
    tags: frozenset[str] = frozenset()
    vars: tuple[Mapping[str, Raw], ...] = ()
    include_params: tuple[Mapping[str, Raw], ...] = ()
    environment: tuple[Raw, ...] = ()
    module_defaults: tuple[Mapping[str, Raw], ...] = ()
    notify: tuple[Raw, ...] = ()
    become: Become = field(default_factory=Become)
    collections: tuple[str, ...] = ()
    role: RoleUse | None = None
    phase: str = "tasks"
    files: tuple[Path, ...] = ()
    """The task files that led here, nearest first: relative imports are looked for beside each."""
    statically_included: bool = False
    failure_handled: bool = False
    own_vars: Mapping[str, Raw] = EMPTY
    """Of a dynamic include: its own ``vars``."""
    scope: PlayScope = field(default_factory=PlayScope)

    def extend(self, values: Mapping[str, Any], *, with_vars: bool = True) -> Inherited:
        """As this, with the keywords of a play, role entry, block, import or ``apply`` added."""
        if not values:
            return self
        inner = {_INNER[name]: value for name, value in values.items() if name in _INNER and value is not None}
        own_vars = variables(values.get("vars")) if with_vars else EMPTY
        collections = values.get("collections")
        return replace(
            self,
            inner={**self.inner, **inner} if inner else self.inner,
            when=self.when + as_tuple(values.get("when")),
            tags=self.tags | split_tags([values["tags"]]) if "tags" in values else self.tags,
            vars=(*self.vars, own_vars) if own_vars else self.vars,
            environment=self.environment + layer(values.get("environment")),
            module_defaults=self.module_defaults + layers(values.get("module_defaults")),
            notify=as_tuple(values["notify"]) if values.get("notify") is not None else self.notify,
            become=become(self.become, values),
            collections=tuple(map(str, as_tuple(collections))) if collections is not None else self.collections,
        )

    def search(self) -> tuple[Path, ...]:
        """Where relative files are looked for, nearest first: the role and those that led to it, the task files, the playbook."""
        return _search(self.role, self.files, self.basedir)


@lru_cache(maxsize=64)
def _search(role: RoleUse | None, files: tuple[Path, ...], basedir: Path) -> tuple[Path, ...]:
    roles = [role.role.path, *(use.role.path for use in role.parents)] if role else []
    return tuple(dict.fromkeys((*roles, *(file.parent for file in files), basedir)))


def become(outer: Become, values: Mapping[str, Any]) -> Become:
    """``become*`` of ``values`` over those around them."""
    changes = {_BECOME[name]: value for name, value in values.items() if name in _BECOME and value is not None}
    return replace(outer, **changes) if changes else outer


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A list's items, nothing for None, else the one value."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def layer(value: Any) -> tuple[Any, ...]:
    """One layer, when something is said."""
    return () if value is None or value in ({}, []) else (value,)


def layers(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The mappings of a mapping or a list of mappings."""
    return tuple(one for one in as_tuple(value) if one)


def variables(value: Any) -> Mapping[str, Any]:
    """``vars:`` as one mapping (a list of mappings is merged)."""
    if value is None:
        return EMPTY
    if isinstance(value, Seq):
        return Map(((k, v) for one in value for k, v in one.items()), value.place)
    return value if isinstance(value, dict) else EMPTY
