"""ansible.builtin.add_host: a host for the rest of the run."""

from __future__ import annotations

import re
from typing import Any

from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.base import AddHost as NewHost
from hotdesk.errors import ArgumentError
from hotdesk.results import Result

NAMES = ("name", "host", "hostname")
GROUPS = ("groups", "group", "groupname")


def split_name(text: str) -> tuple[str, int | None]:
    """``host:port`` apart; IPv6 addresses need brackets to carry a port."""
    if found := re.fullmatch(r"\[(.+)\]:(\d+)", text):
        return found[1], int(found[2])
    if text.count(":") == 1 and (found := re.fullmatch(r"(.+):(\d+)", text)):
        return found[1], int(found[2])
    return text, None


class AddHost(Action):
    """Put a host into the inventory in memory, with variables, in groups that are made when missing."""

    name = "ansible.builtin.add_host"
    needs_machine = False
    bypass_host_loop = True
    raw_args = True
    DOCUMENTATION = """
short_description: Add a host to the inventory of this run
description:
  - Runs once for all hosts. Every argument that is not an option becomes a variable of the host.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  name: {description: "The host, with :PORT if wanted.", type: str, required: true, aliases: [host, hostname]}
  groups: {description: "Its groups, as a list or separated by commas.", type: list, elements: str, aliases: [group, groupname]}
"""

    async def run(self, call: Call) -> Outcome:
        args: dict[str, Any] = {str(key): await call.render(value) for key, value in call.args.items()}
        raw = next((args.pop(option) for option in NAMES if option in args), None)
        for option in NAMES:
            args.pop(option, None)
        if not isinstance(raw, (str, int)) or not str(raw).strip():
            raise ArgumentError("name, host or hostname needs to be provided", place=call.task.place)
        name, port = split_name(str(raw).strip())
        groups: list[str] = []
        for option in GROUPS:
            value = args.pop(option, None)
            if value is None:
                continue
            if isinstance(value, str):
                value = value.split(",")
            if not isinstance(value, (list, tuple)):
                raise ArgumentError("groups must be specified as a list", place=call.task.place)
            groups += [str(group).strip() for group in value if str(group).strip() not in groups]
        if port is not None:
            args["ansible_ssh_port"] = port
        known = call.inventory.hosts.get(name)
        same = known is not None and set(groups) <= set(known.groups) and args.items() <= dict(known.vars).items()
        data = {"add_host": {"host_name": name, "groups": groups, "host_vars": args}}
        return Outcome(Result(changed=not same, data=data), (NewHost(name, tuple(groups), args),))
