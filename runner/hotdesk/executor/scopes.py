"""The variables of a host for a task: every source of them put in its place of the one precedence table."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.results import EMPTY
from hotdesk.variables.lazy import Lazy
from hotdesk.variables.precedence import Sources, inventory_sources, layered
from hotdesk.variables.scope import HostVars, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.executor.host import HostState
    from hotdesk.executor.run import Run
    from hotdesk.inventory.model import VarsFiles
    from hotdesk.playbook.model import Play, RoleUse, Task

ANSIBLE_VERSION = "2.19.14"
"""Whose language we speak: playbooks compare ``ansible_version`` with it."""
IMPLICIT_LOCALHOST = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
LOCALHOST = frozenset({"localhost", "127.0.0.1", "::1"})


class Scopes:
    """Makes scopes for one play (or, without a play, for what only needs inventory variables)."""

    def __init__(self, run: Run, play: Play | None = None, *, playbook_files: Sequence[VarsFiles] = ()) -> None:
        self.run = run
        self.play = play
        self.playbook_files = playbook_files
        self.batch: Sequence[str] = ()
        """Hosts of the batch under way; ``hosts_all`` are the play's."""
        self.hosts_all: Sequence[str] = ()
        self.play_vars: Mapping[str, Any] = play.vars if play else EMPTY
        self.prompts: Mapping[str, Any] = EMPTY
        self.name = ""
        self.removed: set[str] = set()
        self._parts: dict[str, dict[str, Any]] = {}
        self._magic = self._play_magic()
        self._public_uses = [use for use in (play.roles if play else ()) if use.public]
        self._public = _layers_of(self._public_uses)
        self._grouped: tuple[Any, dict[str, list[str]]] | None = None

    def for_task(self, state: HostState, task: Task | None, extra: Mapping[str, Any] | None = None) -> Scope:
        """The scope of ``task`` on a host; ``extra`` (loop item, ...) comes before everything else."""
        sources = self._host_sources(state)
        magic = (self._magic, self._host_magic(state))
        if task is None:
            sources = replace(sources, magic=magic)
        else:
            parts = self._parts.get(task.id)
            if parts is None:
                parts = self._parts[task.id] = self._task_parts(task)
            own_defaults, own_vars = parts["defaults"], parts["vars"]
            defaults, variables = self._role_layers(state, task.role)
            sources = replace(
                sources,
                role_defaults=({"ansible_host": state.name}, *defaults, *own_defaults),
                role_vars=(*variables, *own_vars),
                task_vars=task.vars,
                role_params=parts["params"],
                include_params=task.include_params,
                magic=(*magic, parts["magic"]),
            )
        layers = layered(sources, hash_behaviour=self.run.settings.hash_behaviour)
        scope = Scope(layers, self.run.templates)
        return scope.with_(extra) if extra else scope

    def for_host(self, name: str) -> Scope:
        """What ``hostvars[name]`` shows: no task, no play variables."""
        state = self.run.state(name)
        sources = replace(
            self._host_sources(state),
            play_vars=(),
            play_prompts=(),
            play_vars_files=(),
            magic=(self._magic, self._host_magic(state)),
        )
        return Scope(layered(sources, hash_behaviour=self.run.settings.hash_behaviour), self.run.templates)

    def for_play(self) -> Scope:
        """What a play's own keywords (hosts, serial, ...) are rendered with: no host."""
        sources = Sources(
            play_vars=(self.play_vars,),
            play_prompts=(self.prompts,),
            extra_vars=(self.run.extra_vars,),
            magic=(self._magic,),
        )
        return Scope(layered(sources, hash_behaviour=self.run.settings.hash_behaviour), self.run.templates)

    def inventory_changed(self) -> None:
        """add_host, group_by, refresh_inventory: what was cached of the inventory is old."""
        for state in self.run.hosts.values():
            state.sources = None

    # Inside

    def _host_sources(self, state: HostState) -> Sources:
        if state.sources is None:
            sources = inventory_sources(self.run.inventory, state.name, self.playbook_files)
            if state.name in LOCALHOST and state.name not in self.run.inventory.hosts:
                sources = replace(sources, inventory_host=(IMPLICIT_LOCALHOST,))
            state.sources = replace(
                sources,
                play_vars=(self.play_vars,),
                play_prompts=(self.prompts,),
                set_facts=(state.set_facts,),
                include_vars=(state.include_vars,),
                extra_vars=(self.run.extra_vars,),
            )
        facts = (state.injected,) if self.run.settings.inject_facts_as_vars else ()
        return replace(
            state.sources, facts=facts, play_vars_files=state.vars_files or (),
            set_facts=(state.set_facts,), include_vars=(state.include_vars,),
        )  # fmt: skip

    def _role_layers(self, state: HostState, own: RoleUse | None) -> tuple[list[Any], list[Any]]:
        """Defaults and vars of the play's public roles, in order."""
        if not state.public_roles:
            return self._public
        return _layers_of((*self._public_uses, *state.public_roles))

    def _task_parts(self, task: Task) -> dict[str, Any]:
        chain = chain_of(task.role) if task.role else []
        dependencies = dependencies_of(task.role) if task.role else []
        return {
            "defaults": [u.role.defaults for u in (*dependencies, *chain) if u.role.defaults],
            "vars": [u.role.vars for u in (*chain[:-1], *dependencies, *chain[-1:]) if u.role.vars],
            "params": tuple(u.params for u in chain if u.params),
            "magic": self._task_magic(task),
        }

    def _play_magic(self) -> dict[str, Any]:
        run, settings = self.run, self.run.settings
        names = [use.role.name for use in (self.play.roles if self.play else ()) if not use.from_include]
        direct = [
            use.role.name for use in (self.play.roles if self.play else ()) if not use.from_include and not use.parents
        ]
        directory = self.play.basedir if self.play and self.play.basedir else run.playbook_dir
        return {
            "playbook_dir": str(directory),
            "ansible_play_name": Lazy(lambda: self.name),
            "ansible_play_hosts_all": Lazy(lambda: list(self.hosts_all)),
            "ansible_play_hosts": Lazy(lambda: self._left(self.hosts_all)),
            "ansible_play_batch": Lazy(lambda: self._left(self.batch)),
            "play_hosts": Lazy(lambda: self._left(self.batch)),
            "groups": Lazy(self._groups),
            "hostvars": Lazy(lambda: HostVars(run.inventory.hosts, self.for_host, implicit=LOCALHOST)),
            "ansible_check_mode": settings.check,
            "ansible_diff_mode": settings.diff,
            "ansible_verbosity": settings.verbosity,
            "ansible_forks": settings.forks,
            "ansible_version": _version(),
            "ansible_run_tags": sorted(run.options.tags.only),
            "ansible_skip_tags": sorted(run.options.tags.skip),
            "ansible_inventory_sources": Lazy(lambda: list(run.inventory.sources)),
            "ansible_limit": run.options.limit or None,
            "ansible_config_file": str(settings.config_file) if settings.config_file else None,
            "ansible_playbook_python": sys.executable,
            "ansible_play_role_names": direct,
            "ansible_role_names": names,
            "ansible_dependent_role_names": [name for name in names if name not in direct],
            "role_names": direct,
        }

    def _host_magic(self, state: HostState) -> dict[str, Any]:
        host = self.run.inventory.hosts.get(state.name)
        return {
            "inventory_hostname": state.name,
            "inventory_hostname_short": state.name.split(".")[0],
            "group_names": Lazy(lambda: sorted(g for g in (host.groups if host else ()) if g != "all")),
            "ansible_facts": state.facts,
        }

    def _task_magic(self, task: Task) -> dict[str, Any]:
        search = [str(path) for path in task.search]
        magic: dict[str, Any] = {"ansible_search_path": search, "environment": list(task.environment)}
        if (use := task.role) is not None:
            magic |= {
                "role_name": use.role.name.rpartition(".")[2],
                "ansible_role_name": use.role.name,
                "role_path": str(use.role.path),
                "role_uuid": task.id,
            }
            if use.parents:
                magic["ansible_parent_role_names"] = [parent.role.name for parent in use.parents]
                magic["ansible_parent_role_paths"] = [str(parent.role.path) for parent in use.parents]
            if "." in use.role.name:
                magic["ansible_collection_name"] = use.role.name.rpartition(".")[0]
        return magic

    def _left(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self.removed]

    def _groups(self) -> dict[str, list[str]]:
        inventory = self.run.inventory
        if self._grouped is not None and self._grouped[0] is inventory:
            return self._grouped[1]
        found = {name: [h.name for h in inventory.hosts.values() if name in h.groups] for name in inventory.groups}
        found["all"] = list(inventory.hosts)
        self._grouped = (inventory, found)
        return found


def _layers_of(uses: Sequence[RoleUse]) -> tuple[list[Any], list[Any]]:
    return [u.role.defaults for u in uses if u.role.defaults], [u.role.vars for u in uses if u.role.vars]


def chain_of(use: RoleUse) -> list[RoleUse]:
    """The roles that led to this one, outermost first, then itself."""
    return [*reversed(use.parents), use]


def dependencies_of(use: RoleUse) -> list[RoleUse]:
    """All dependencies, those of dependencies first."""
    return [deep for one in use.dependencies for deep in (*dependencies_of(one), one)]


def _version() -> dict[str, Any]:
    major, minor, revision = (int(part) for part in ANSIBLE_VERSION.split("."))
    return {"full": ANSIBLE_VERSION, "string": ANSIBLE_VERSION, "major": major, "minor": minor, "revision": revision}
