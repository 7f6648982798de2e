"""Vaulted values that a playbook is sure to need are decrypted before any host is touched, so that a wrong password is told then.

Sure to need: what stands in a task that runs whatever happens, or what its templates name, on a host that the play is for. What hangs
on a condition, a loop, a handler or a branch of a template is met while the run goes on, as in Ansible: a value may be vaulted with a
password that this person does not have and never needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.aio import in_thread
from hotdesk.errors import HotdeskError, VaultError
from hotdesk.executor.handlers import flat
from hotdesk.executor.host import HostState
from hotdesk.executor.machines import CONNECTION_VARIABLES
from hotdesk.executor.play_variables import PlayVarsFiles
from hotdesk.executor.scopes import Scopes
from hotdesk.executor.walk import META
from hotdesk.inventory.patterns import select
from hotdesk.inventory.vars_files import load_vars_files
from hotdesk.paths import is_file
from hotdesk.place import Place
from hotdesk.playbook.keywords import is_template
from hotdesk.playbook.model import Block, Task
from hotdesk.playbook.tags import selected
from hotdesk.source import VAULT_HEADER, Vaulted
from hotdesk.variables.references import references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from hotdesk.executor.run import Run
    from hotdesk.inventory.model import VarsFiles
    from hotdesk.playbook.model import Play, Playbook
    from hotdesk.variables.references import Reference
    from hotdesk.variables.scope import Scope

FILES = {
    "ansible.builtin.copy": ("src", "files"),
    "ansible.builtin.template": ("src", "templates"),
    "ansible.builtin.include_vars": ("file", "vars"),
}
"""Action -> the argument that names a file it decrypts, and the folder where it is looked for."""
BRINGING = frozenset(
    f"ansible.builtin.{name}" for name in ("include_vars", "include_tasks", "include_role", "add_host", "group_by")
)
"""Actions after which variables may have other values than the files say."""
_RENDERED = ("environment", "delegate_to", "remote_user", "port", "connection", "throttle", "timeout")
DEEPEST = 20
"""Variables named by variables, before it is given up."""


async def check_vaulted(run: Run, playbooks: Sequence[Playbook]) -> None:
    """Raises VaultError with the place of the first value that no password opens."""
    if run.options.start_at_task or run.options.step:
        return  # what runs is not known
    replaced = _Replaced()
    beside: dict[Path, VarsFiles] = {}
    for playbook in playbooks:
        for play in playbook.plays:
            await _PlayCheck(run, play, replaced).check(beside)


@dataclass(slots=True)
class _Replaced:
    """Variables that tasks may have set so far: what the files say of them need not hold any more."""

    names: set[str] = field(default_factory=set)
    all: bool = False
    """A task brings variables of names that are not known before."""

    def by(self, task: Task) -> None:
        if task.register:
            self.names.add(task.register)
        if task.action in ("ansible.builtin.set_fact", "ansible.builtin.set_stats") and isinstance(task.args, dict):
            self.names.update(map(str, task.args))
        self.all = self.all or task.action in BRINGING or is_template(task.action)

    def __contains__(self, name: str) -> bool:
        return self.all or name in self.names


class _PlayCheck:
    def __init__(self, run: Run, play: Play, replaced: _Replaced) -> None:
        self._run = run
        self._play = play
        self._replaced = replaced
        self._vars_files: tuple[Any, ...] | None = ()
        """None: which they are depends on the host."""
        self._references: dict[str, tuple[Reference, ...]] = {}
        self._opened: set[int] = set()

    async def check(self, beside: dict[Path, VarsFiles]) -> None:
        """``beside``: group_vars and host_vars beside playbooks, as far as they have been read."""
        run, play = self._run, self._play
        scopes = Scopes(run, play)
        try:
            pattern = await run.templates.render(play.hosts, scopes.for_play(), place=play.place)
            hosts = select(run.inventory, pattern, limit=run.options.limit or None, mismatch="ignore")
        except HotdeskError:
            return  # the play itself says so
        basedir = play.basedir or run.playbook_dir
        if basedir not in beside:
            names: dict[str, Any] = {"groups": run.inventory.groups, "hosts": run.inventory.hosts}
            merge = run.settings.hash_behaviour == "merge"
            beside[basedir] = await load_vars_files(basedir, decrypt=run.decrypt, merge=merge, **names)
        scopes.playbook_files = (beside[basedir],)
        if hosts:
            self._vars_files = await self._loaded_vars_files(scopes)
            await in_thread(self._try_all, scopes, hosts)

    async def _loaded_vars_files(self, scopes: Scopes) -> tuple[Any, ...] | None:
        if any(not isinstance(name, str) or is_template(name) for name in self._play.vars_files):
            return None
        state = HostState("")
        try:
            await PlayVarsFiles(self._run, self._play, scopes).load(state)
        except VaultError:
            raise
        except HotdeskError:
            return None  # the play itself says so
        return state.vars_files

    def _try_all(self, scopes: Scopes, hosts: Sequence[str]) -> None:
        """Blocking."""
        self._replaced.names |= {str(prompt.get("name")) for prompt in self._play.vars_prompt}
        for handler in flat(self._play.handlers):
            self._replaced.by(handler)
        suspects, connected = self._suspects(scopes), False
        for task, rescues in (found for _, items in self._play.sections for found in _in_order(items)):
            if not rescues and self._is_sure(task):
                if not connected:  # with the play's own variables, before the first task
                    connected = True
                    names = [
                        (name,) for name in CONNECTION_VARIABLES if name in suspects and name not in self._replaced
                    ]
                    self._try_each(scopes, hosts, self._play.keywords, names)
                self._file_of(task)
                self._values_of(task)
                named = self._of_task(task) if suspects else ()
                wanted = [one for one in named if one[0] in suspects and one[0] not in self._replaced]
                self._try_each(scopes, hosts if task.run_once is False else hosts[:1], task, wanted)
            self._replaced.by(task)
            if task.action == META and "end_" in str(task.args):
                return  # whether the rest runs is not known

    def _try_each(self, scopes: Scopes, hosts: Sequence[str], task: Task | None, wanted: Sequence[Reference]) -> None:
        for name in hosts if wanted else ():
            scope = scopes.for_task(HostState(name, vars_files=self._vars_files), task)
            for one in wanted:
                self._try(one, scope)

    def _suspects(self, scopes: Scopes) -> set[str]:
        """Names of variables that are vaulted somewhere, or whose templates name such a one; none when it cannot be known."""
        if self._vars_files is None:
            return set()
        run, play = self._run, self._play
        tasks = [task for _, items in play.sections for task in flat(items)]
        files = (*run.inventory.vars_files, *scopes.playbook_files)
        layers = [
            run.extra_vars, play.vars, *self._vars_files, *(group.vars for group in run.inventory.groups.values()),
            *(host.vars for host in run.inventory.hosts.values()),
            *(layer for one in files for layer in (*one.groups.values(), *one.hosts.values())),
            *(layer for use in play.roles for layer in (use.role.defaults, use.role.vars, use.params)),
            *(layer for task in tasks for layer in (*task.vars, *task.include_params)),
        ]  # fmt: skip
        leaves = [(name, leaf) for layer in layers for name, value in layer.items() for leaf in _leaves(value)]
        found = {name for name, leaf in leaves if isinstance(leaf, Vaulted)}
        by_name: dict[str, set[str]] = {}
        for name, leaf in leaves if found else ():
            if not isinstance(leaf, Vaulted):
                by_name.setdefault(name, set()).update(one[0] for one in self._named_by(leaf))
        grown = bool(found)
        while grown:
            more = {name for name, named in by_name.items() if name not in found and named & found}
            found |= more
            grown = bool(more)
        return found

    def _is_sure(self, task: Task) -> bool:
        """It runs on every host (with ``run_once``: one), whatever happens before, and renders all its arguments."""
        if (
            not selected(task.tags, self._run.options.tags)
            or not all(one is True for one in task.when)
            or task.ignore_errors not in (False, None)
            or task.failed_when is not None
            or task.loop is not None
            or task.failure_handled
            or is_template(task.action)
            or self._run.actions.control(task.action)
        ):
            return False
        return not self._run.load_action(task.action).raw_args

    def _values_of(self, task: Task) -> None:
        """Vaulted values that stand in the task itself."""
        for value in _leaves(_rendered(task)):
            if isinstance(value, Vaulted):
                self._open(value)

    def _of_task(self, task: Task) -> Iterator[Reference]:
        for value in _leaves(_rendered(task)):
            if not isinstance(value, Vaulted):
                yield from self._named_by(value)

    def _named_by(self, text: str) -> tuple[Reference, ...]:
        found = self._references.get(text)
        if found is None:
            found = self._references[text] = tuple(references(self._run.templates, text))
        return found

    def _try(self, reference: Reference, scope: Scope, depth: int = 0) -> None:
        """Follow a name to its value, and that value's own names, as they stand in ``scope``."""
        name, *path = reference
        if depth > DEEPEST or name not in scope:
            return
        value: Any = scope.raw(name)
        for key in path:
            if not isinstance(value, dict | list):
                break
            try:
                value = value[key]
            except (LookupError, TypeError):
                return
        if isinstance(value, Vaulted):
            self._open(value)
        elif is_template(value):
            for one in references(self._run.templates, value):
                self._try(one, scope, depth + 1)

    def _open(self, value: Vaulted) -> None:
        if id(value) not in self._opened:
            self._opened.add(id(value))
            self._run.templates.decrypted(value)

    def _file_of(self, task: Task) -> None:
        """A file that the task decrypts, when its name is known."""
        option, folder = FILES.get(task.action, ("", ""))
        if not option or not isinstance(task.args, dict) or task.args.get("remote_src") or self._run.decrypt is None:
            return
        name = task.args.get(option) or (task.args.get("_raw_params") if folder == "vars" else None)
        if not isinstance(name, str) or is_template(name) or task.args.get("decrypt") in (False, "no", "false"):
            return
        path = _found(task.search, folder, name)
        if path is not None:
            with path.open("rb") as stream:
                head = stream.read(len(VAULT_HEADER))
                if head == VAULT_HEADER:
                    self._run.decrypt(head + stream.read(), Place(str(path)))


def _rendered(task: Task) -> list[Any]:
    """What of a task is rendered whenever it runs."""
    become = task.become
    return [task.args, *(getattr(task, name) for name in _RENDERED), become.user, become.method, become.exe]


def _in_order(items: Iterable[Task | Block], rescues: bool = False) -> Iterator[tuple[Task, bool]]:
    """Every task, and whether it is there for failures only."""
    for item in items:
        if isinstance(item, Block):
            yield from _in_order(item.tasks, rescues)
            yield from _in_order(item.rescue, True)
            yield from _in_order(item.always, rescues)
        else:
            yield item, rescues


def _found(search: Sequence[Path], folder: str, name: str) -> Path | None:
    candidates = (path for directory in search for path in (directory / folder / name, directory / name))
    return next((path for path in candidates if is_file(path)), None)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, Vaulted) or is_template(value):
        yield value
