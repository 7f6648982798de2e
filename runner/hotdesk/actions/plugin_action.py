"""Action plugins that users and collections bring: classes ``ActionModule`` derived from Ansible's ``ActionBase``, run on the control node.

They are plain Python that waits: each runs in a thread of a bounded pool of its own, and what it asks of the PC is done by the event loop.
``variables.plugin_imports`` says what such a file may import, and gives it our ActionBase (``plugins.action``).
"""

from __future__ import annotations

import ast
import concurrent.futures
from functools import partial
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action
from hotdesk.actions.module_answers import as_result
from hotdesk.aio import Threads
from hotdesk.errors import HotdeskError, JobError, TaskError
from hotdesk.place import Place
from hotdesk.results import Result, failure
from hotdesk.variables import blocking
from hotdesk.variables.plugin_imports import plugin_module

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.actions.base import Call

AT_A_TIME = 64
"""Plugins at work at a time: most of their time they wait for their PC."""
_threads = Threads(AT_A_TIME, "hotdesk-action")
_LOADER = "_shared_loader_obj"
_OWN_KEYS = ("_ansible_", "exception")
"""What a plugin tells Ansible's controller about its result."""


class PluginAction(Action):
    """One such plugin."""

    name = "ansible.legacy.action"
    DOCUMENTATION = "short_description: An action plugin that is not hotdesk's own\noptions: {}\n"
    unchecked = True

    def __init__(self, fqcn: str, path: Path) -> None:
        """Raises JobError for a file that cannot be used."""
        kind = _class(path)
        self.name = fqcn  # type: ignore[misc]
        self.path = path
        self._kind = kind
        self.check_mode = "full" if kind._supports_check_mode else "none"  # type: ignore[misc]
        self.needs_machine = bool(kind._requires_connection)  # type: ignore[misc]
        self.bypass_host_loop = bool(kind.BYPASS_HOST_LOOP)  # type: ignore[misc]
        self.background = bool(kind._supports_async)  # type: ignore[misc]

    async def run(self, call: Call) -> Result:
        return await blocking.run(partial(self._perform, call), thread=True, pool=_threads)

    def _perform(self, call: Call) -> Result:
        with self._kind.for_call(call) as made:
            try:
                found = made.run(task_vars=made.task_vars)
            except (HotdeskError, OSError, concurrent.futures.CancelledError):
                raise
            except Exception as problem:
                return _raised(problem)
        if not isinstance(found, dict):
            raise TaskError(f"the action plugin {self.path} gave {type(found).__name__}, and must give a dict")
        return as_result({key: value for key, value in found.items() if not str(key).startswith(_OWN_KEYS)}, call, [])


def _class(path: Path) -> Any:
    try:
        kind = plugin_module(path).ActionModule
    except HotdeskError as problem:
        raise JobError(problem.message, place=problem.place, remedy=problem.remedy) from None
    except Exception as problem:
        why = f"the action plugin cannot be loaded: {type(problem).__name__}: {problem}"
        raise JobError(why, place=Place(str(path), 1)) from problem
    if line := _asks_for(path, _LOADER):
        raise JobError(
            f"the action plugin asks for {_LOADER}, Ansible's loader of other plugins", place=Place(str(path), line),
            remedy="It may call modules with _execute_module; ansible-playbook can run this play.")  # fmt: skip
    if not hasattr(kind, "for_call"):
        raise JobError("the action plugin's ActionModule is not derived from ActionBase", place=Place(str(path), 1))
    return kind


def _asks_for(path: Path, attribute: str) -> int:
    """The line where a file mentions an attribute; 0: nowhere."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    return next((node.lineno for node in nodes if isinstance(node, ast.Attribute) and node.attr == attribute), 0)


def _raised(problem: Exception) -> Result:
    """What Ansible's own exceptions (``ansible.errors``) and all others mean for the task."""
    names = {kind.__name__ for kind in type(problem).__mro__ if kind.__module__ == "ansible.errors"}
    said = getattr(problem, "result", None)
    data = {str(key): value for key, value in said.items() if key != "failed"} if isinstance(said, dict) else {}
    text = {"msg": str(getattr(problem, "message", "") or problem) or type(problem).__name__}
    if "AnsibleActionSkip" in names:
        return Result(skipped=True, data={**text, **data})
    if "AnsibleConnectionFailure" in names:
        return Result(unreachable=True, data=text)
    if "_AnsibleActionDone" in names:
        return Result(changed=bool(data.pop("changed", False)), data=data)
    return failure(**{**data, **text})
