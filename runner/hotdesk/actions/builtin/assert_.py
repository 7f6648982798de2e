"""ansible.builtin.assert: conditions that must hold. (The file's name ends in an underscore because the word is Python's.)"""

from __future__ import annotations

from typing import Any

from hotdesk.actions.base import Action, Call
from hotdesk.errors import ArgumentError, nearest
from hotdesk.results import Result
from hotdesk.source import Trusted, place_of

OPTIONS = ("that", "fail_msg", "msg", "success_msg", "quiet")


class Assert(Action):
    """Check conditions; the first that does not hold fails the host."""

    name = "ansible.builtin.assert"
    needs_machine = False
    raw_args = True
    DOCUMENTATION = """
short_description: Fail unless conditions hold
description:
  - The conditions are expressions as in C(when); the first that is false fails the task and is named in the result.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  that: {description: One condition or a list of them., type: list, elements: str, required: true}
  fail_msg: {description: "The message when one does not hold; text or a list of texts.", type: raw, aliases: [msg]}
  success_msg: {description: "The message when all hold; text or a list of texts.", type: raw}
  quiet: {description: Leave the list of checked conditions out of the output., type: bool, default: false}
"""

    async def run(self, call: Call) -> Result:
        for option in call.args:
            if option not in OPTIONS:
                remedy = nearest(option, OPTIONS)
                place = place_of(option) or call.task.place
                raise ArgumentError(f"unsupported option {option!r} for {self.name}", remedy=remedy, place=place)
        if call.args.get("that") is None:
            raise ArgumentError("missing required option 'that'", place=call.task.place)
        for condition in await self._conditions(call, call.args["that"]):
            if not await holds(call, condition):
                data = {
                    "evaluated_to": False,
                    "assertion": condition,
                    "msg": await self._message(call, ("fail_msg", "msg"), "Assertion failed"),
                }
                return Result(failed=True, data=data)
        return Result(data={"msg": await self._message(call, ("success_msg",), "All assertions passed")})

    async def _conditions(self, call: Call, that: Any) -> list[Any]:
        """``that`` as a list; a template that gives a list of conditions is followed (its texts must be the user's own)."""
        if isinstance(that, Trusted) and that.strip().startswith("{{"):
            given = await (call.contained or call.render)(that)
            return given if isinstance(given, list) else [given if isinstance(given, bool) else that]
        return list(that) if isinstance(that, (list, tuple)) else [that]

    async def _message(self, call: Call, options: tuple[str, ...], default: str) -> Any:
        for option in options:
            if call.args.get(option) is not None:
                value = await call.render(call.args[option])
                many = isinstance(value, list) and all(isinstance(one, str) for one in value)
                if not isinstance(value, str) and not many:
                    kind = type(value).__name__
                    raise ArgumentError(
                        f"{option!r} must be text or a list of texts, not {kind}", place=call.task.place
                    )
                return value
        return default


async def holds(call: Call, condition: Any) -> bool:
    """A condition by the rules of ``when``: an expression of the user's that gives a real boolean."""
    if call.condition is not None:
        return await call.condition(condition)
    if isinstance(condition, bool):
        return condition
    if not isinstance(condition, str):
        raise ArgumentError(f"a condition must be an expression, not {condition!r}", place=call.task.place)
    value = await call.render(Trusted("{{ (" + condition + "\n) }}", place_of(condition) or call.task.place))
    if not isinstance(value, bool):
        kind = type(value).__name__
        raise ArgumentError(
            f"the condition {condition!r} gives {kind}, and must give true or false",
            remedy="Compare it with something, or use a test such as 'is truthy'",
            place=call.task.place,
        )
    return value
