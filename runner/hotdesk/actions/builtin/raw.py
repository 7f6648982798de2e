"""ansible.builtin.raw: a command line for the PC's shell, with nothing around it."""

from __future__ import annotations

from hotdesk.actions.answers import text
from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.command import finished
from hotdesk.errors import ArgumentError
from hotdesk.results import Result


class Raw(Action):
    """Run a command line and give back what it printed, untouched."""

    name = "ansible.builtin.raw"
    free_form = "_raw_params"
    check_mode = "none"
    DOCUMENTATION = """
short_description: Run a command line and give back its output as it is
description:
  - The command line is run with C(sh -c), or with O(executable), by the agent. An agent needs Python 3.8 or later on the PC;
    a PC without Python is reported as unreachable, with what to install, before any task runs there.
attributes:
  check_mode: {support: none}
  diff_mode: {support: none}
options:
  executable: {description: "The shell, as an absolute path.", type: path}
"""

    async def run(self, call: Call) -> Result:
        line = call.args.get("_raw_params")
        if not line:
            raise ArgumentError("no command given", remedy="raw takes it in free form", place=call.task.place)
        done = await call.machine.run([call.args.get("executable") or "/bin/sh", "-c", str(line)], change=True)
        data = finished(done.rc, text(done.stdout), text(done.stderr))
        if done.rc:
            data["msg"] = "non-zero return code"
        return Result(changed=True, failed=done.rc != 0, data=data)
