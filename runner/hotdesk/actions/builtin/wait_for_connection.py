"""ansible.builtin.wait_for_connection: until the PC can be worked on (again)."""

from __future__ import annotations

import asyncio
import time

from hotdesk.actions.base import Action, Call
from hotdesk.errors import Unreachable
from hotdesk.results import Result, failure


class WaitForConnection(Action):
    """Wait until an agent answers on the host."""

    name = "ansible.builtin.wait_for_connection"
    needs_machine = False
    DOCUMENTATION = """
short_description: Wait until the host can be worked on
description:
  - Connects anew, again and again, until an agent answers; after a reboot for example.
attributes:
  check_mode: {support: full, details: In a preview it does not wait.}
  diff_mode: {support: none}
options:
  connect_timeout: {description: Seconds for one attempt., type: int, default: 5}
  delay: {description: Seconds before the first attempt., type: int, default: 0}
  sleep: {description: Seconds between attempts., type: int, default: 1}
  timeout: {description: Seconds for everything., type: int, default: 600}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        start = time.monotonic()
        timeout = float(args.get("timeout", 600))
        if call.check:
            return Result(data={"elapsed": 0})
        try:
            async with asyncio.timeout(timeout):
                await asyncio.sleep(float(args.get("delay", 0)))
                await self._connect(call, start, timeout)
        except TimeoutError:
            elapsed = int(time.monotonic() - start)
            return failure(f"timed out waiting for the host to answer ({timeout:g} seconds)", elapsed=elapsed)
        return Result(data={"elapsed": int(time.monotonic() - start)})

    async def _connect(self, call: Call, start: float, timeout: float) -> None:
        attempt = float(call.args.get("connect_timeout", 5))
        while True:
            left = timeout - (time.monotonic() - start)
            try:
                if call.wait_for_connection is None:
                    return  # the control node itself: nothing to connect to
                await call.wait_for_connection(left, attempt)
                return
            except Unreachable:
                await asyncio.sleep(float(call.args.get("sleep", 1)))
