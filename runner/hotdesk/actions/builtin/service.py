"""ansible.builtin.service: services, whatever the target's init system is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.package import fact

if TYPE_CHECKING:
    from hotdesk.results import Result

UNUSED = {"systemd": ("pattern", "runlevel", "sleep", "arguments", "args")}
"""Options of ``service`` that the module below does not have."""
PLAIN = "service"
"""What knows most of the older init systems."""


class Service(Action):
    """Start, stop, enable services with the module of the target's init system."""

    name = "ansible.builtin.service"
    unchecked = True
    background = True
    DOCUMENTATION = """
short_description: Services of the target's own init system
description:
  - Hands everything but O(use) to the module of the init system.
attributes:
  check_mode: {support: full, details: As the module below it.}
  diff_mode: {support: none}
options:
  name: {description: The service., type: str, required: true}
  state: {description: What it shall be or become., type: str, choices: [reloaded, restarted, started, stopped]}
  enabled: {description: Whether it starts when the PC does., type: bool}
  sleep: {description: Seconds between stop and start of a restart., type: int}
  pattern: {description: What to look for among the processes where there is no status., type: str}
  runlevel: {description: For init scripts of OpenRC., type: str, default: default}
  arguments: {description: Arguments on the command line., type: str, default: "", aliases: [args]}
  use: {description: "The module to use; C(auto) looks at the fact C(service_mgr).", type: str, default: auto}
"""

    async def run(self, call: Call) -> Result:
        args = dict(call.args)
        use = str(args.pop("use", None) or "auto").lower()
        if use == "auto":
            use = await fact(call, "service_mgr")
        if not call.has_module(use):
            use = PLAIN
        unused = [name for name in UNUSED.get(use, ()) if name in args]
        for name in unused:
            del args[name]
            call.machine.warn(f'Ignoring "{name}" as it is not used in "{use}"')
        return await call.run_module(call, use, args)
