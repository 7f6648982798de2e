"""ansible.builtin.tempfile: a new file or directory with a name that nothing else has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import temporary

if TYPE_CHECKING:
    from hotdesk.results import Result


class Tempfile(Action):
    """Make a temporary file or directory."""

    name = "ansible.builtin.tempfile"
    background = True
    check_mode = "none"
    DOCUMENTATION = """
short_description: Make a temporary file or directory
description:
  - Only its owner can read it. Nothing takes it away again; remove it with ansible.builtin.file when it has served.
attributes:
  check_mode: {support: none}
  diff_mode: {support: none}
options:
  state: {description: What to make., type: str, choices: [directory, file], default: file}
  path: {description: "The directory to make it in; without it, where the host keeps temporary files.", type: path}
  prefix: {description: What its name begins with., type: str, default: ansible.}
  suffix: {description: What its name ends with., type: str, default: ""}
"""

    async def run(self, call: Call) -> Result:
        given: dict[str, Any] = {name: call.args.get(name) for name in ("state", "path", "prefix", "suffix")}
        return result_of(await ask(call, temporary, "make", writes=True, **given), call)
