"""ansible.builtin.reboot: start the PC anew and wait until it can be worked on again."""

from __future__ import annotations

import asyncio
import shlex
import time
from typing import TYPE_CHECKING

from hotdesk.actions.answers import text
from hotdesk.actions.base import Action, Call
from hotdesk.errors import HostError, TaskError
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine

SHUTDOWN = 'PATH="{search}:$PATH"; command -v shutdown >/dev/null && exec shutdown -r +{minutes} {message}; exec reboot'
"""Where there is no ``shutdown`` (Alpine), ``reboot`` takes no delay and no message."""


class Reboot(Action):
    """Reboot a PC."""

    name = "ansible.builtin.reboot"
    DOCUMENTATION = """
short_description: Reboot the PC and wait for it
description:
  - It has rebooted when what O(boot_time_command) prints is another than before, and is well when O(test_command) succeeds.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  boot_time_command: {description: Prints something that changes with each start., type: str, default: cat /proc/sys/kernel/random/boot_id}
  connect_timeout: {description: Seconds for one attempt to connect., type: int, aliases: [connect_timeout_sec]}
  msg: {description: What users are told., type: str, default: Reboot initiated by Ansible}
  post_reboot_delay: {description: Seconds to wait after the reboot., type: int, default: 0, aliases: [post_reboot_delay_sec]}
  pre_reboot_delay: {description: "Seconds to wait before; whole minutes count.", type: int, default: 0, aliases: [pre_reboot_delay_sec]}
  reboot_command: {description: The command that reboots., type: str}
  reboot_timeout: {description: Seconds for the reboot and again for the test., type: int, default: 600, aliases: [reboot_timeout_sec]}
  search_paths:
    description: Where shutdown is looked for.
    type: list
    elements: str
    default: [/sbin, /bin, /usr/sbin, /usr/bin, /usr/local/sbin]
  test_command: {description: Must succeed in the end., type: str, default: whoami}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        if call.machine.link.connection.endpoint.kind == "local":
            data = {"elapsed": 0, "rebooted": False}
            return failure("Running reboot with local connection would reboot the control node.", **data)
        if call.check:
            return Result(changed=True, data={"elapsed": 0, "rebooted": True})
        before = await _said(call.machine, str(args["boot_time_command"]))
        began = time.monotonic()
        if problem := await self._shut_down(call):
            return failure(problem, rebooted=False, elapsed=int(time.monotonic() - began))
        await asyncio.sleep(max(0, int(args.get("post_reboot_delay") or 0)))
        limit = float(args.get("reboot_timeout") or 600)
        try:
            async with asyncio.timeout(limit):
                machine = await self._back(call, before, limit)
            async with asyncio.timeout(limit):
                await self._well(call, machine)
        except TimeoutError:
            data = {"rebooted": True, "elapsed": int(time.monotonic() - began)}
            return failure(f"Timed out waiting for the reboot of {call.machine.host} (timeout={limit:g})", **data)
        return Result(changed=True, data={"rebooted": True, "elapsed": int(time.monotonic() - began)})

    async def _shut_down(self, call: Call) -> str:
        """Give the command; what is wrong, or nothing. A connection that ends at that is what one expects."""
        args = call.args
        minutes = max(0, int(args.get("pre_reboot_delay") or 0)) // 60
        search = ":".join(map(str, args.get("search_paths") or ()))
        line = args.get("reboot_command") or SHUTDOWN.format(
            search=search, minutes=minutes, message=shlex.quote(str(args["msg"]))
        )
        try:
            done = await call.machine.run(["/bin/sh", "-c", str(line)], change=True)
        except HostError:
            return ""
        if done.rc:
            return f"Reboot command failed. Error was: '{text(done.stdout).strip()}, {text(done.stderr).strip()}'"
        return ""

    async def _back(self, call: Call, before: str, limit: float) -> Machine:
        """The PC once it has started anew."""
        attempt = float(call.args.get("connect_timeout") or call.settings.connect_timeout)
        while True:
            try:
                if call.wait_for_connection is not None:
                    await call.wait_for_connection(limit, attempt)
                machine = await self._machine(call)
                if await _said(machine, str(call.args["boot_time_command"])) != before:
                    return machine
            except HostError:
                pass  # it is on its way down, or up
            await asyncio.sleep(1)

    async def _well(self, call: Call, machine: Machine) -> None:
        while True:
            try:
                await _said(machine, str(call.args["test_command"]))
                return
            except HostError:
                await asyncio.sleep(1)
                machine = await self._machine(call)

    async def _machine(self, call: Call) -> Machine:
        assert call.machine_for is not None
        return await call.machine_for(call.machine.host)


async def _said(machine: Machine, command: str) -> str:
    """What a command prints. Raises TaskError when it fails."""
    done = await machine.run(["/bin/sh", "-c", command], change=False)
    if done.rc:
        raise TaskError(f"{machine.host}: {command!r} failed ({done.rc}): {text(done.stderr).strip()}")
    return text(done.stdout).strip()
