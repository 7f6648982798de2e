"""ansible.builtin.wait_for: until a port, a file or a text is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import waiting
from hotdesk.errors import ArgumentError
from hotdesk.results import Result

if TYPE_CHECKING:
    from typing import Any

OPTIONS: dict[str, Any] = {
    "host": "127.0.0.1",
    "timeout": 300,
    "connect_timeout": 5,
    "delay": 0,
    "port": None,
    "active_connection_states": None,
    "path": None,
    "search_regex": None,
    "state": "started",
    "exclude_hosts": None,
    "sleep": 1,
    "msg": None,
}


class WaitFor(Action):
    """Wait on the target until a condition holds."""

    name = "ansible.builtin.wait_for"
    background = True
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Wait until a port, a file or a text is there or gone
description:
  - Looks from the target itself. With neither O(port) nor O(path) it waits for O(timeout).
attributes:
  check_mode: {support: none}
  diff_mode: {support: none}
options:
  host: {description: The name or address to connect to., type: str, default: 127.0.0.1}
  port: {description: The TCP port to look at., type: int}
  path: {description: The file to look at., type: path}
  state:
    description: >-
      C(started) and C(present) want the port open or the file there, C(stopped) and C(absent) the opposite, C(drained) no active connection.
    type: str
    choices: [absent, drained, present, started, stopped]
    default: started
  search_regex: {description: An expression that must be found in the file or in what the service says., type: str}
  timeout: {description: Seconds to wait at most., type: int, default: 300}
  connect_timeout: {description: Seconds for one attempt to connect., type: int, default: 5}
  delay: {description: Seconds before the first look., type: int, default: 0}
  sleep: {description: Seconds between two looks., type: int, default: 1}
  exclude_hosts: {description: Peers whose connections do not count for C(drained)., type: list, elements: str}
  active_connection_states:
    description: Which TCP states count as active.
    type: list
    elements: str
    default: [ESTABLISHED, FIN_WAIT1, FIN_WAIT2, SYN_RECV, SYN_SENT, TIME_WAIT]
  msg: {description: The message when the time is over., type: str}
"""

    async def run(self, call: Call) -> Result:
        if call.check:
            return Result(skipped=True, data={"msg": "wait_for does not wait in check mode"})
        options = {
            name: default if call.args.get(name) is None else call.args[name] for name, default in OPTIONS.items()
        }
        self._check(call, options)
        return result_of(await ask(call, waiting, "wait", writes=False, options=options), call)

    def _check(self, call: Call, options: dict[str, Any]) -> None:
        place = call.task.place
        if options["port"] is not None and options["path"] is not None:
            raise ArgumentError("port and path parameter can not both be passed to wait_for", place=place)
        if options["path"] is not None and options["state"] in ("stopped", "drained"):
            raise ArgumentError(f"state={options['state']} should only be used for checking a port", place=place)
        if options["exclude_hosts"] is not None and options["state"] != "drained":
            raise ArgumentError("exclude_hosts should only be with state=drained", place=place)
        if options["state"] == "drained" and options["port"] is None:
            raise ArgumentError("state=drained needs a port", place=place)
        unknown = set(options["active_connection_states"] or ()) - set(waiting.STATES)
        if unknown:
            raise ArgumentError(f"unknown active_connection_state ({', '.join(sorted(unknown))}) defined", place=place)
