"""The loader: files of the user become a Playbook. Blocking; the app runs it in a thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.playbook.context import Context, PlayScope
from hotdesk.playbook.imports import find_tasks_file
from hotdesk.playbook.model import Block, Playbook
from hotdesk.playbook.plays import PlayReader
from hotdesk.playbook.tasks import TaskReader
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hotdesk.place import Place
    from hotdesk.playbook.context import Actions, RenderStatic
    from hotdesk.playbook.inherit import Inherited
    from hotdesk.playbook.model import RoleUse, TagSelection, Task
    from hotdesk.settings import Settings


class Loader:
    """One per run, for one thread at a time. ``warnings`` collects what is worth telling and is no error."""

    def __init__(
        self,
        settings: Settings,
        *,
        actions: Actions,
        decrypt: Callable[[bytes, Place], bytes] | None = None,
        render_static: RenderStatic | None = None,
        take_plugins: Callable[[Path], None] | None = None,
    ) -> None:
        """``decrypt``: for files that are wholly vault-encrypted. ``render_static(text, variables)``: for templates in static names.

        ``take_plugins`` is told the directory of every playbook and role, where ``filter_plugins/`` and the like may stand.
        """
        self._context = Context(settings, actions, decrypt, render_static, take_plugins)
        self._tasks = TaskReader(self._context)

    @property
    def warnings(self) -> list[tuple[str, Place | None]]:
        return self._context.warnings

    def load_playbook(
        self, path: Path, *, extra_vars: Mapping[str, Any] = EMPTY, tags: TagSelection | None = None
    ) -> Playbook:
        """The playbook with all its imports and roles. Raises PlaybookError; no host has been touched.

        ``tags`` does not leave anything out here (the executor asks ``tags.selected``).
        """
        plays = PlayReader(self._context, self._tasks, extra_vars).read_file(path)
        return Playbook(path=path, plays=plays)

    def find_tasks_file(self, name: str, parent: Task) -> Path:
        """The file an include_tasks of ``name`` (rendered) means. Raises PlaybookError naming the places that were tried."""
        return find_tasks_file(name, parent.inherited, handlers=parent.is_handler, place=parent.place)

    def load_included_tasks(
        self,
        file: Path,
        parent: Task,
        *,
        vars: Mapping[str, Any] = EMPTY,
        apply: Mapping[str, Any] = EMPTY,
        handlers: bool = False,
    ) -> tuple[Task | Block, ...]:
        """The tasks of ``file`` as included by ``parent``.

        They inherit what stands around ``parent``, its own ``vars``, then ``vars`` (the item of a loop, rendered values), and ``apply``.
        """
        around = self._around(parent, vars, apply)
        self._context.loading.clear()
        return self._tasks.read_file(file, around, handlers=handlers or parent.is_handler, place=parent.place)

    def load_included_role(
        self,
        name: str,
        parent: Task,
        *,
        tasks_from: str = "",
        vars_from: str = "",
        defaults_from: str = "",
        handlers_from: str = "",
        public: bool = False,
        allow_duplicates: bool = True,
        rolespec_validate: bool = True,
        vars: Mapping[str, Any] = EMPTY,
        apply: Mapping[str, Any] = EMPTY,
    ) -> tuple[Block, tuple[Task | Block, ...], RoleUse]:
        """(one block with the dependencies' and the role's blocks, its handlers to add to the play, the use)."""
        around = self._around(parent, vars, apply)
        self._context.loading.clear()
        args = {
            "name": name, "tasks_from": tasks_from or None, "vars_from": vars_from or None, "defaults_from": defaults_from or None,
            "handlers_from": handlers_from or None, "allow_duplicates": allow_duplicates, "rolespec_validate": rolespec_validate,
        }  # fmt: skip
        applied = self._tasks.roles.named(args, around, parent.place, public=public, from_include=True)
        extra = tuple(around.scope.handlers)
        return Block(tasks=applied.blocks, place=parent.place), (*applied.handlers, *extra), applied.use

    def _around(self, parent: Task, variables: Mapping[str, Any], apply: Mapping[str, Any]) -> Inherited:
        around: Inherited = parent.inherited
        scope = PlayScope(variables=around.scope.variables, extra_vars=around.scope.extra_vars)
        params = tuple(layer for layer in (around.own_vars, variables) if layer)
        around = replace(
            around,
            include_params=around.include_params + params,
            own_vars=EMPTY,
            scope=scope,
            statically_included=False,
        )
        return around.extend(self._tasks.named(apply, around)) if apply else around
