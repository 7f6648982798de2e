"""ansible.builtin.shell: a command line for a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.command import execute
from hotdesk.errors import ArgumentError

if TYPE_CHECKING:
    from hotdesk.results import Result


class Shell(Action):
    """Run a command line through /bin/sh or another shell."""

    name = "ansible.builtin.shell"
    background = True
    free_form = "_raw_params"
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Run a command line through a shell
description:
  - The text is given to the shell as it stands, so put values of variables through the C(quote) filter.
attributes:
  check_mode: {support: partial, details: "Skipped, unless creates or removes tell whether it would run."}
  diff_mode: {support: none}
options:
  cmd: {description: The command line; or give it in free form., type: str}
  chdir: {description: The directory to run in., type: path}
  creates: {description: A glob pattern; when something matches it the command is not run., type: path}
  removes: {description: A glob pattern; when nothing matches it the command is not run., type: path}
  executable: {description: "The shell, as an absolute path. It must understand -c.", type: path}
  stdin: {description: Text for the command's standard input., type: str}
  stdin_add_newline: {description: End that text with a newline., type: bool, default: true}
  expand_argument_vars: {description: "Refused, as Ansible does: the shell expands what it is given.", type: bool}
"""

    async def run(self, call: Call) -> Result:
        if call.args.get("expand_argument_vars") is not None:
            text = "Unsupported parameters for (shell) module: expand_argument_vars"
            raise ArgumentError(text, place=call.task.place)
        given = [
            value for value in (call.args.get("_raw_params"), call.args.get("cmd")) if value and str(value).strip()
        ]
        if len(given) != 1:
            what = (
                "no command given: one of the following is required: free form, cmd"
                if not given
                else "parameters are mutually exclusive: a free form command and cmd"
            )
            raise ArgumentError(what, remedy="Give it in free form or as cmd:", place=call.task.place)
        line = str(given[0])
        return await execute(call, [call.args.get("executable") or "/bin/sh", "-c", line], shown=line)
