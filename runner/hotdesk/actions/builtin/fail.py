"""ansible.builtin.fail: fail with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.results import failure

if TYPE_CHECKING:
    from hotdesk.results import Result


class Fail(Action):
    """Fail the host, usually under a ``when``."""

    name = "ansible.builtin.fail"
    needs_machine = False
    DOCUMENTATION = """
short_description: Fail with a message
description:
  - The task fails on the host; with C(when) this guards against a state that must not be.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  msg: {description: The message., type: str, default: Failed as requested from task}
"""

    async def run(self, call: Call) -> Result:
        return failure(str(call.args.get("msg") or "Failed as requested from task"))
