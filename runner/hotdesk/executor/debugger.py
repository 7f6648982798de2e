"""``debugger``: the person looks at a task that ended as the keyword says, changes it, and has it done again.

Commands and keyword as on Ansible's "Debugging tasks" page. What is printed is an expression of the template language, as typed by the person.
"""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.errors import HotdeskError, UsageError, nearest
from hotdesk.executor import values
from hotdesk.source import Map, Trusted
from hotdesk.variables.scope import VarsView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.executor.run import Run
    from hotdesk.executor.task import Finished
    from hotdesk.playbook.model import Task
    from hotdesk.variables.scope import Scope

COMMANDS = {
    "p": "print", "print": "print", "r": "redo", "redo": "redo", "c": "continue", "continue": "continue", "q": "quit", "quit": "quit",
    "u": "update_task", "update_task": "update_task", "h": "help", "?": "help", "help": "help",
}  # fmt: skip
HELP = """p EXPRESSION               print task, task.name, task.args, task_vars, task_vars['x'], host, result, or what one makes of them
task.args['x'] = VALUE     give the task another argument
task_vars['x'] = VALUE     give it another variable
u, update_task             take the task as it is written again
r, redo                    do it again
c, continue                go on with this result
q, quit                    stop the run"""
_ASSIGNMENT = re.compile(r"(task\.args|task_vars)\[(['\"])(.+?)\2\]\s*=\s*(.+)")


@dataclass(slots=True)
class Debugger:
    """At one task on one host. ``scope`` and ``task`` are what it is done with the next time."""

    run: Run
    host: str
    name: str
    original: Task
    task: Task
    scope: Scope
    changed: dict[str, Any] = field(default_factory=dict)
    everywhere: bool = False
    """Also a task without the keyword is looked at, when it has failed or its host is unreachable."""

    async def wanted(self, finished: Finished) -> bool:
        """Do ``debugger`` and the settings say to stop at this result?"""
        when = await values.text(self.run.templates, self.original.debugger, self.scope)
        result = finished.result
        failed = result.failed and not (finished.ignored and self.run.settings.task_debugger_ignore_errors)
        if when == "never":
            return False
        return (
            when == "always"
            or (result.unreachable and (self.everywhere or when == "on_unreachable"))
            or (failed and not result.unreachable and (self.everywhere or when == "on_failed"))
            or (when == "on_skipped" and result.skipped)
        )

    async def ask(self, finished: Finished) -> bool:
        """Talk with the person until they say how it goes on. True: do the task again."""
        if self.run.prompt is None:
            self.run.warn("'debugger' is passed over: there is no terminal to ask on", place=self.original.place)
            return False
        async with self.run.asking:
            if self.run.stop.begun:
                return False
            self._say(
                f"{self.host}: {self.name}: {finished.shown.status.value}: {json.dumps(finished.shown.registered(), default=str)}"
            )
            while True:
                try:
                    line = (await self.run.prompt(f"[{self.host}] TASK: {self.name} (debug)> ")).strip()
                except UsageError:  # the terminal has ended
                    return False
                match COMMANDS.get(line.split(None, 1)[0] if line else ""):
                    case "redo":
                        return True
                    case "continue":
                        return False
                    case "quit":
                        signal.raise_signal(signal.SIGINT)  # the one way in which a person stops a run
                        return False
                    case command:
                        await self._obey(command, line, finished)

    async def _obey(self, command: str | None, line: str, finished: Finished) -> None:
        try:
            if command == "print":
                self._say(await self._shown(line.partition(" ")[2].strip(), finished))
            elif command == "update_task":
                self.task = self.original
            elif command == "help":
                self._say(HELP)
            elif match := _ASSIGNMENT.fullmatch(line):
                await self._assign(match[1], match[3], match[4], finished)
            elif line:
                self._say(nearest(line.split()[0], COMMANDS) or HELP)
        except HotdeskError as problem:
            self._say(problem.message)

    async def _value(self, expression: str, finished: Finished) -> Any:
        args = self.task.args if isinstance(self.task.args, dict) else {}
        known = {
            "task": {"name": self.name, "action": self.task.written, "args": dict(args), "tags": sorted(self.task.tags)},
            "task_vars": VarsView(self.scope), "host": self.host, "result": (shown := finished.shown.registered()) | {"_result": shown},
        }  # fmt: skip
        text = Trusted("{{ (" + expression + ") }}", self.original.place)
        return await self.run.templates.render(text, self.scope.with_(known))

    async def _shown(self, expression: str, finished: Finished) -> str:
        found = await self._value(expression or "task.name", finished)
        return found if isinstance(found, str) else json.dumps(found, indent=4, default=str)

    async def _assign(self, what: str, name: str, expression: str, finished: Finished) -> None:
        value = await self._value(expression, finished)
        if what == "task_vars":
            self.changed[name] = value
            self.scope = self.scope.with_({name: value})
            return
        args = self.task.args if isinstance(self.task.args, dict) else {}
        self.task = replace(self.task, args=Map({**args, name: value}, getattr(args, "place", None)))

    def _say(self, text: str) -> None:
        self.run.emit(ev.Noted(text=text, host=self.host))


async def with_debugger(
    debugger: Debugger, do: Callable[[Task, Scope], Awaitable[Finished]], fresh: Callable[[], Scope]
) -> Finished:
    """``do`` the debugger's task, again as long as the person says so; ``fresh`` gives the scope of each further time."""
    finished = await do(debugger.task, debugger.scope)
    while await debugger.wanted(finished) and await debugger.ask(finished):
        debugger.scope = fresh().with_(debugger.changed)
        finished = await do(debugger.task, debugger.scope)
    return finished
