"""ansible.builtin.ping: is there an agent that can run Python?"""

from __future__ import annotations

from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import ping
from hotdesk.results import Result


class Ping(Action):
    """Answer pong."""

    name = "ansible.builtin.ping"
    DOCUMENTATION = """
short_description: Check that the host can be worked on
description:
  - Logs in, runs a function in the host's Python and gives back its answer. This is no ICMP ping.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  data: {description: "The text to give back; C(crash) raises an exception there instead.", type: str, default: pong}
"""

    async def run(self, call: Call) -> Result:
        data = str(call.args.get("data", "pong"))
        return Result(data={"ping": await call.machine.call(ping, "pong", data, change=False, answers=str)})
