"""ansible.builtin.set_stats: numbers and texts for the end of the run."""

from __future__ import annotations

from typing import Any

from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.base import SetStats as Stats
from hotdesk.errors import ArgumentError, nearest
from hotdesk.results import Result
from hotdesk.source import place_of

OPTIONS = ("data", "per_host", "aggregate")


class SetStats(Action):
    """Keep values that are shown after the recap."""

    name = "ansible.builtin.set_stats"
    needs_machine = False
    raw_args = True
    DOCUMENTATION = """
short_description: Keep values for the end of the run
description:
  - Shown after the recap when custom statistics are switched on.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  data: {description: The values by name., type: dict, required: true}
  per_host: {description: Keep them apart for each host., type: bool, default: false}
  aggregate: {description: "Add to what is kept under the name (numbers are added, lists joined); false: replace it.", type: bool, default: true}
"""

    async def run(self, call: Call) -> Outcome:
        for option in call.args:
            if option not in OPTIONS:
                raise ArgumentError(
                    f"unsupported option {option!r} for {self.name}",
                    remedy=nearest(option, OPTIONS),
                    place=place_of(option) or call.task.place,
                )
        given = await call.render(call.args.get("data"))
        if not isinstance(given, dict):
            raise ArgumentError("The 'data' option needs to be a dictionary/hash", place=call.task.place)
        data: dict[str, Any] = {}
        for raw, value in given.items():
            name = await call.render(raw)
            if not str(name).isidentifier():
                raise ArgumentError(
                    f"Invalid variable name {name!r}",
                    remedy="It must start with a letter or underscore, and hold only letters, digits and underscores",
                    place=call.task.place,
                )
            data[str(name)] = await call.render(value)
        per_host = await _truth(call, "per_host", default=False)
        aggregate = await _truth(call, "aggregate", default=True)
        shown = {"data": data, "per_host": per_host, "aggregate": aggregate}
        return Outcome(Result(data={"ansible_stats": shown}), (Stats(data, per_host, aggregate),))


async def _truth(call: Call, option: str, *, default: bool) -> bool:
    """A boolean; as in Ansible a word that is none counts as false here."""
    value = await call.render(call.args.get(option, default))
    return str(value).lower() in ("true", "yes", "on", "1", "y", "t")
