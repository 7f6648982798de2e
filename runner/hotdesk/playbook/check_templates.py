"""Templates that can never work are found when a playbook is loaded: wrong syntax, unknown filters, tests and lookups.

Whether a variable is defined is known only on a host. A task whose failure its author expects (``ignore_errors``, ``failed_when``,
a ``rescue``), or that can never run (``when: false``), is left alone: it may be there to fail. A condition of a task with a loop is looked at
once for each item, and there may be none: what is wrong with it is worth a warning. (The role ``cron`` of DebOps 3.3 has one that lacks a bracket.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hotdesk.playbook.model import Block, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hotdesk.errors import TemplateError
    from hotdesk.playbook.model import Loop, Play, Playbook
    from hotdesk.variables.plugins import Plugins


class Checks(Protocol):
    """``variables.templates.Templates``, as far as it is needed here."""

    plugins: Plugins

    def check(self, value: Any) -> list[TemplateError]:
        """Problems of the templates in a value."""

    def check_condition(self, expression: Any) -> list[TemplateError]:
        """Problems of a bare expression."""


_RENDERED = (
    "args", "environment", "delegate_to", "run_once", "ignore_errors", "ignore_unreachable", "any_errors_fatal", "check_mode", "diff",
    "no_log", "timeout", "throttle", "connection", "remote_user", "port", "retries", "delay", "notify", "module_defaults",
)  # fmt: skip
_CONDITIONS = ("when", "until", "changed_when")
_ASSERT = "ansible.builtin.assert"
_PLAY = ("hosts", "vars", "vars_files", "serial", "strategy", "gather_facts", "gather_subset", "force_handlers")


def check_templates(playbook: Playbook, templates: Checks) -> list[TemplateError]:
    """Raises TemplateError for the first template of ``playbook`` that can never work, in the order of the text. Gives those to warn of."""
    check = _Checking(templates)
    for play in playbook.plays:
        for problem in check.play(play):
            raise problem
    return check.doubtful


class _Checking:
    def __init__(self, templates: Checks) -> None:
        self._templates = templates
        self._seen: set[int] = set()
        self.doubtful: list[TemplateError] = []
        """Problems that a run may never come to."""

    def play(self, play: Play) -> Iterator[TemplateError]:
        for name in _PLAY:
            yield from self._templates.check(getattr(play, name))
        for _, items in play.sections:
            yield from self.items(items)
        yield from self.items(play.handlers)

    def items(self, items: Iterable[Task | Block]) -> Iterator[TemplateError]:
        for item in items:
            if isinstance(item, Block):
                yield from self.items((*item.tasks, *item.rescue, *item.always))
            elif not _may_fail(item):
                yield from self._task(item)

    def _task(self, task: Task) -> Iterator[TemplateError]:
        check = self._templates.check
        for layer in (*task.vars, *task.include_params):
            if id(layer) not in self._seen:  # the vars of a block stand in each of its tasks
                self._seen.add(id(layer))
                yield from check(layer)
        for name in _CONDITIONS:
            problems = self._conditions(getattr(task, name) or ())
            if task.loop is not None:
                self.doubtful += problems
            else:
                yield from problems
        if task.loop is not None:
            yield from self._loop(task.loop)
        if task.action == _ASSERT and isinstance(task.args, dict):
            that = task.args.get("that")
            yield from self._conditions(that if isinstance(that, (list, tuple)) else (that,))
        for name in _RENDERED:
            value = getattr(task, name)
            if value is not None and not isinstance(value, (bool, int, float)):
                yield from check(value)
        become = task.become
        yield from check([become.enabled, become.user, become.method, become.flags, become.exe])

    def _loop(self, loop: Loop) -> Iterator[TemplateError]:
        if loop.lookup:
            self._templates.plugins.need("lookup", loop.lookup, loop.place)
        yield from self._templates.check([loop.terms, loop.label, loop.loop_var, loop.index_var, loop.pause])
        yield from self._conditions(loop.break_when)

    def _conditions(self, conditions: Sequence[Any]) -> Iterator[TemplateError]:
        for condition in conditions:
            yield from self._templates.check_condition(condition)


def _may_fail(task: Task) -> bool:
    return (
        task.ignore_errors not in (False, None)
        or task.failed_when is not None
        or task.failure_handled
        or any(condition is False for condition in task.when)
    )
