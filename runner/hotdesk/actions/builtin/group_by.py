"""ansible.builtin.group_by: groups from facts."""

from __future__ import annotations

from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.base import GroupBy as Grouping
from hotdesk.results import Result


class GroupBy(Action):
    """Put the host into a group whose name comes from its variables."""

    name = "ansible.builtin.group_by"
    needs_machine = False
    DOCUMENTATION = """
short_description: Make groups from facts
description:
  - Each host goes into the group that O(key) gives for it, from here to the end of the run. Spaces become dashes.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  key: {description: The name of the group; a template over the host's variables., type: str, required: true}
  parents: {description: Groups that the new group is a child of., type: list, elements: str, default: [all]}
"""

    async def run(self, call: Call) -> Outcome:
        key = str(call.args["key"]).replace(" ", "-")
        parents = [str(parent).replace(" ", "-") for parent in call.args.get("parents") or ["all"]]
        data = {"add_group": key, "parent_groups": parents}
        # Whether it changed anything is known later, when all hosts have said their groups.
        return Outcome(Result(changed=True, data=data), (Grouping(key, tuple(parents)),))
