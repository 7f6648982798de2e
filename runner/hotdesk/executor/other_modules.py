"""The module that an action has done its part of a task for: ``package`` finds out that it is apt, and apt does the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.actions.groups import defaults_of
from hotdesk.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.actions.base import Call
    from hotdesk.executor.run import Run
    from hotdesk.results import Result
    from hotdesk.variables.scope import Scope


async def run_module(
    run: Run, scope: Scope, call: Call, name: str, args: Mapping[str, Any], *, defaults: bool = True
) -> Result:
    """The module ``name`` (as a task would name it) with ``args``, over its own module_defaults unless it is to have none.

    Raises TaskError when there is no such module.
    """
    module = run.actions.module(name, call.task.collections)
    if module is None:
        raise TaskError(
            f"Could not find a matching action: {call.task.written} needs the module {name!r}, which is not there", place=call.task.place,
            remedy="Modules of Ansible come with ansible-core (pip install 'hotdesk[ansible]') and with collections.")  # fmt: skip
    given = dict(args)
    own = module.fqcn == call.task.action  # its defaults are among the arguments already
    for layer in (
        reversed(defaults_of(replace(call.task, action=module.fqcn), run.actions.groups.members))
        if defaults and not own
        else ()
    ):
        given = {**await run.templates.render(layer, scope), **given}
    result: Result = await module.execute(call, given, call.task.written if own else name)
    return result
