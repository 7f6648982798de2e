"""ansible.builtin.gather_facts: what a play does first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.setup import facts_of

if TYPE_CHECKING:
    from hotdesk.results import Result


class GatherFacts(Action):
    """Gather facts as the settings and the play say."""

    name = "ansible.builtin.gather_facts"
    DOCUMENTATION = """
short_description: Gather facts at the start of a play
description:
  - Does what ansible.builtin.setup does; a play does it by itself unless C(gather_facts) is false.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  parallel: {description: "For playbooks that set it; there is one gatherer, so it changes nothing.", type: bool}
  gather_subset: {description: Groups of facts., type: list, elements: str}
  gather_timeout: {description: Seconds for what may hang., type: int}
  filter: {description: "Keep only facts whose name matches one of these shell patterns.", type: list, elements: str, default: []}
  fact_path: {description: The directory of facts of your own (*.fact) on the target., type: path}
"""

    async def run(self, call: Call) -> Result:
        return await facts_of(call)
