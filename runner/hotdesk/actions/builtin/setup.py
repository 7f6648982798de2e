"""ansible.builtin.setup: facts of a PC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.fact_names import cleaned
from hotdesk.actions.on_target import facts as gathering
from hotdesk.text import brief

if TYPE_CHECKING:
    from hotdesk.results import Result

OPTIONS = """
  gather_subset:
    description: "Groups of facts, such as C(network); with C(!) before it, without that group; C(min) is what is always gathered."
    type: list
    elements: str
    default: [all]
  gather_timeout: {description: Seconds for what may hang., type: int, default: 10}
  filter: {description: "Keep only facts whose name matches one of these shell patterns.", type: list, elements: str, default: []}
  fact_path: {description: The directory of facts of your own (*.fact) on the target., type: path, default: /etc/ansible/facts.d}
"""


async def facts_of(call: Call) -> Result:
    """The facts of the task's PC as a Result whose ``facts`` have the names Ansible gives them in a result (``ansible_kernel``)."""
    args = call.args
    answer = await ask(
        call,
        gathering,
        "gather",
        writes=False,
        subset=list(args.get("gather_subset") or call.settings.gather_subset),
        filters=list(args.get("filter") or ()),
        timeout=float(args.get("gather_timeout") or call.settings.gather_timeout),
        fact_path=str(args.get("fact_path") or "/etc/ansible/facts.d"),
        env=dict(call.environment),
    )
    facts, refused = cleaned(answer.pop("ansible_facts", {}))
    result = result_of(answer, call)
    if refused:
        text = f"left out of the facts, since no host may set them: {brief(', '.join(refused))}"
        result = result.but(warnings=(*result.warnings, text))
    return result.but(facts=facts)


class Setup(Action):
    """Gather facts: what the system, its hardware and its network are like."""

    name = "ansible.builtin.setup"
    background = True
    DOCUMENTATION = (
        """
short_description: Gather facts
description:
  - Facts become variables of the host; in C(ansible_facts) without, as variables with the prefix C(ansible_).
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
"""
        + OPTIONS
    )

    async def run(self, call: Call) -> Result:
        return await facts_of(call)
