"""ansible.builtin.async_status: what has become of a task that was left running."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotdesk.actions.answers import result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.module_answers import as_result, unwrapped
from hotdesk.actions.on_target import background
from hotdesk.errors import ArgumentError
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from hotdesk.results import Result

_JID = re.compile(r"[\w-][\w.-]*")


class AsyncStatus(Action):
    """Look into a job file, or remove it."""

    name = "ansible.builtin.async_status"
    DOCUMENTATION = """
short_description: Ask what has become of an asynchronous task
description:
  - The result is that of the task once C(finished) is true; so register it, and repeat C(until) that.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  jid: {description: "C(ansible_job_id) of the task that was started with async.", type: str, required: true}
  mode: {description: "C(cleanup) removes the job file.", type: str, choices: [status, cleanup], default: status}
"""

    async def run(self, call: Call) -> Result:
        jid = str(call.args["jid"])
        if not _JID.fullmatch(jid):  # it becomes part of a path, and may have come from a host
            raise ArgumentError(f"{jid!r} is no job id", place=call.task.place)
        if call.args.get("mode") == "cleanup":
            if call.check:
                return result_of({"ansible_job_id": jid}, call)
            answer = await call.machine.call(
                bundle(background), "forget", call.async_dir, jid, change=True, answers={str: object}
            )
            return result_of(answer, call)
        half = bundle(background)
        answer = await call.machine.call(half, "status", call.async_dir, jid, change=False, answers={str: object})
        return as_result(unwrapped(answer), call, [])
