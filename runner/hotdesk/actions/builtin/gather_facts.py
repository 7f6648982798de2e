"""ansible.builtin.gather_facts: what a play does first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.setup import facts_of
from hotdesk.results import Result
from hotdesk.variables.filters.data import combine

if TYPE_CHECKING:
    from collections.abc import Mapping

SETUP = frozenset({"setup", "ansible.builtin.setup", "ansible.legacy.setup"})
OF_SETUP = {"gather_subset": "subset", "gather_timeout": "timeout", "filter": "filter"}
"""Options that other modules are not given -> what the warning calls them."""


class GatherFacts(Action):
    """Gather facts as the settings and the play say."""

    name = "ansible.builtin.gather_facts"
    DOCUMENTATION = """
short_description: Gather facts at the start of a play
description:
  - Runs the modules that the setting C(facts_modules), or the variable C(ansible_facts_modules), names, one after the other. C(smart),
    which it is by default, stands for ansible.builtin.setup.
  - A play does it by itself unless C(gather_facts) is false.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  parallel: {description: "For playbooks that set it; modules go one after the other, so it changes nothing.", type: bool}
  gather_subset: {description: Groups of facts., type: list, elements: str}
  gather_timeout: {description: Seconds for what may hang., type: int}
  filter: {description: "Keep only facts whose name matches one of these shell patterns.", type: list, elements: str, default: []}
  fact_path: {description: The directory of facts of your own (*.fact) on the target., type: path}
"""

    async def run(self, call: Call) -> Result:
        done = {name: await _one(call, name) for name in await _modules(call)}
        ill = {name: one.registered() for name, one in done.items() if one.failed}
        skipped = {name: one.registered() for name, one in done.items() if one.skipped and not one.failed}
        data: dict[str, Any] = {}
        if skipped:
            data |= {
                "msg": f"The following modules were skipped: {', '.join(skipped)}.",
                "skipped_modules": skipped,
            }
        if ill:
            why = "; ".join(str(one.get("msg", "")) for one in ill.values())
            data |= {
                "msg": f"The following modules failed to execute: {', '.join(ill)}. {why}".rstrip(),
                "failed_modules": ill,
            }
        facts = combine(*(one.facts for one in done.values() if not one.failed), recursive=True, list_merge="append_rp")
        warnings = tuple(text for one in done.values() for text in one.warnings)
        return Result(failed=bool(ill), skipped=len(skipped) == len(done), data=data, facts=facts, warnings=warnings)


async def _modules(call: Call) -> list[str]:
    names: Any = call.settings.facts_modules
    if "ansible_facts_modules" in call.variables:
        names = await call.render(call.variables["ansible_facts_modules"])
        names = names if isinstance(names, list) else str(names).split(",")
    found = [str(name).strip() for name in names]
    if "smart" in found:
        found.remove("smart")
        if not SETUP.intersection(found):
            found.append("ansible.legacy.setup")
    return found


async def _one(call: Call, name: str) -> Result:
    if name in SETUP:
        return await facts_of(call)
    args = {key: value for key, value in call.args.items() if value is not None and key in call.given}
    args.pop("parallel", None)
    left = [_not_passed(option, args, name) for option in OF_SETUP if option in args]
    result = await call.run_module(call, name, {key: one for key, one in args.items() if key not in OF_SETUP})
    return result.but(warnings=(*result.warnings, *filter(None, left)))


def _not_passed(option: str, args: Mapping[str, Any], module: str) -> str:
    value = args[option]
    everything = option == "gather_subset" and value in ("all", ["all"])
    return "" if everything else f"Not passing {OF_SETUP[option]}({value}) to {module}"
