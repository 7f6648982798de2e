"""ansible.builtin.slurp: the content of a file of the target, in base64."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import inspecting

if TYPE_CHECKING:
    from hotdesk.results import Result


class Slurp(Action):
    """Read a small file of the target into a variable."""

    name = "ansible.builtin.slurp"
    background = True
    DOCUMENTATION = """
short_description: Read a file of the target
description:
  - The result has the content in base64; decode it with the C(b64decode) filter. Files of more than 16 MiB are for C(fetch).
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  src: {description: The file on the target., type: path, required: true, aliases: [path]}
"""

    async def run(self, call: Call) -> Result:
        shape = dict.fromkeys(("content", "source", "encoding"), str)
        answer = await ask(call, inspecting, "whole", writes=False, answers=shape, path=str(call.args["src"]))
        return result_of(answer, call)
