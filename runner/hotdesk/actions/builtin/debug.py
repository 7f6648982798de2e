"""ansible.builtin.debug: show a message or a value."""

from __future__ import annotations

from typing import Any

from hotdesk.actions.base import Action, Call
from hotdesk.errors import ArgumentError, UndefinedError, nearest
from hotdesk.results import Result
from hotdesk.source import Trusted, place_of


class Debug(Action):
    """Print while a play runs. Touches no host."""

    name = "ansible.builtin.debug"
    needs_machine = False
    raw_args = True
    DOCUMENTATION = """
short_description: Print a message or the value of an expression
description:
  - For a look at what a play works with. Nothing is sent to the host.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  msg: {description: What to print; any type., type: raw, default: "Hello world!"}
  var: {description: "An expression to print the value of, written without braces. Excludes O(msg).", type: str}
  verbosity: {description: Print only from this level of -v on., type: int, default: 0}
"""

    async def run(self, call: Call) -> Result:
        for option in call.args:
            if option not in ("msg", "var", "verbosity"):
                raise ArgumentError(
                    f"unsupported option {option!r} for {self.name}",
                    remedy=nearest(option, ("msg", "var", "verbosity")),
                    place=place_of(option) or call.task.place,
                )
        if "msg" in call.args and "var" in call.args:
            raise ArgumentError("'msg' and 'var' are mutually exclusive", place=call.task.place)
        level = await call.render(call.args.get("verbosity", 0))
        try:
            wanted = int(level)
        except (TypeError, ValueError):
            raise ArgumentError(f"'verbosity' must be a number, not {level!r}", place=call.task.place) from None
        if wanted > call.settings.verbosity:
            return Result(skipped=True, data={"skipped_reason": "Verbosity threshold not met."})
        if "var" in call.args:
            return await self._value(call, call.args["var"])
        msg = await call.render(call.args.get("msg", "Hello world!"))
        return Result(data={"msg": msg})

    async def _value(self, call: Call, raw: Any) -> Result:
        if not isinstance(raw, str):
            kind = type(raw).__name__
            raise ArgumentError(f"'var' must be text (an expression), not {kind}", place=call.task.place)
        expression = raw
        if isinstance(raw, Trusted) and "{{" in raw:
            rendered = await call.render(raw)
            if not isinstance(rendered, str):
                return Result(data={str(raw): rendered})
            # What a template gives may have come from a host: it names a variable at most, it is never an expression.
            if not rendered.isidentifier():
                return Result(data={str(raw): rendered})
            expression = Trusted(rendered, raw.place)
        try:
            value = await call.render(Trusted("{{ " + expression + " }}", place_of(raw)))
        except UndefinedError as exc:
            shown = f"VARIABLE IS NOT DEFINED!: {exc.message}"
            return Result(data={str(expression): shown}, warnings=(f"{expression}: {exc.message}",))
        return Result(data={str(expression): value})
