"""ansible.builtin.set_fact: variables for the host, from here to the end of the run."""

from __future__ import annotations

from typing import Any

from hotdesk.actions.base import Action, Call, Outcome, SetFacts
from hotdesk.errors import ArgumentError
from hotdesk.results import Result
from hotdesk.source import Vaulted, place_of

_TRUE = frozenset({"yes", "on", "true", "1", "y", "t"})
_FALSE = frozenset({"no", "off", "false", "0", "n", "f"})


class SetFact(Action):
    """Set variables of a host."""

    name = "ansible.builtin.set_fact"
    needs_machine = False
    raw_args = True
    DOCUMENTATION = """
short_description: Set variables of the host
description:
  - Each argument but O(cacheable) is a variable, with the value of its template now. They beat play and inventory variables.
  - Names are templates too. Values written as C(name=value) are texts.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  key_value: {description: "The variables; there is no option of this name.", type: raw}
  cacheable: {description: "Keep them as facts too, for the fact cache.", type: bool, default: false}
"""

    async def run(self, call: Call) -> Outcome:
        args = dict(call.args)
        cacheable = boolean(await call.render(args.pop("cacheable", False)), "cacheable", call)
        facts: dict[str, Any] = {}  # what is vaulted stays so: "is vault_encrypted" still knows it
        shown: dict[str, Any] = {}
        for raw, value in args.items():
            name = await call.render(raw)
            if not isinstance(name, str) or not name.isidentifier():
                raise ArgumentError(
                    f"invalid variable name {name!r}",
                    remedy="A name starts with a letter or underscore and goes on with letters, digits and underscores",
                    place=place_of(raw) or call.task.place,
                )
            shown[str(name)] = await call.render(value)
            facts[str(name)] = value if isinstance(value, Vaulted) and not cacheable else shown[str(name)]
        if not facts:
            raise ArgumentError("no name and value given, at least one is needed", place=call.task.place)
        # Under ``data``, not ``facts``: the executor sets them by the effect, with set_fact's precedence.
        return Outcome(Result(data={"ansible_facts": shown}), (SetFacts(facts, cacheable),))


def boolean(value: Any, option: str, call: Call) -> bool:
    """A boolean option of an action whose arguments are not checked before. Raises ArgumentError."""
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ArgumentError(f"{option!r} must be true or false, not {value!r}", place=call.task.place)
