"""ansible.builtin.pause: wait for some time, or for the person."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from hotdesk.actions.base import Action, Call
from hotdesk.errors import ArgumentError
from hotdesk.results import Result

HOW = "(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)"


class Pause(Action):
    """Wait. Runs once for all hosts."""

    name = "ansible.builtin.pause"
    needs_machine = False
    bypass_host_loop = True
    DOCUMENTATION = """
short_description: Wait for some time or for a key
description:
  - With O(seconds) or O(minutes) waits that long, else until somebody presses Return. Where nobody can be asked it goes on.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  minutes: {description: "How many minutes to wait. Only whole ones count, as in Ansible.", type: raw}
  seconds: {description: "How many seconds to wait, whole ones too.", type: raw}
  prompt: {description: What to ask., type: str}
  echo: {description: Show what is typed., type: bool, default: true}
mutually_exclusive: [[minutes, seconds]]
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        unit, factor = ("minutes", 60) if args.get("minutes") is not None else ("seconds", 1)
        echo = bool(args.get("echo", True))
        start = datetime.now()
        duration = None
        typed = ""
        warnings: tuple[str, ...] = ()
        if args.get(unit) is not None:
            duration = max(1.0, _whole(call, unit) * factor)
            await self._timed(call, duration, str(args.get("prompt") or ""))
        elif call.prompt is None:
            warnings = ("Not waiting for response to prompt as stdin is not interactive",)
        else:
            text = str(args.get("prompt") or "Press enter to continue, Ctrl+C to interrupt")
            typed = await call.prompt(text + ("" if echo else " (output is hidden)") + ":", echo=echo, pausing=True)
        return Result(data=_data(start, unit if duration else "minutes", echo, typed), warnings=warnings)

    async def _timed(self, call: Call, duration: float, text: str) -> None:
        call.emit_note(f"Pausing for {duration:.12g} seconds")
        if call.prompt is None:
            if text:
                call.emit_note(text)
            await asyncio.sleep(duration)
            return
        shown = f"{HOW}\r\n{text}:" if text else f"{HOW}\r\n"
        await call.prompt(shown, echo=False, timeout=duration, pausing=True)


def _whole(call: Call, unit: str) -> int:
    """What Ansible makes of a duration: a number without its fraction. Raises ArgumentError."""
    try:
        return int(call.args[unit])
    except (TypeError, ValueError, OverflowError) as reason:
        native = "str" if isinstance(call.args[unit], str) else type(call.args[unit]).__name__
        said = f"argument {unit!r} is of type {native} and we were unable to convert to int: {reason}"
        raise ArgumentError(said, place=call.task.place) from None


def _data(start: datetime, unit: str, echo: bool, typed: str) -> dict[str, Any]:
    stop = datetime.now()
    seconds = (stop - start).total_seconds()
    shown = round(seconds / 60 if unit == "minutes" else seconds, 2)
    return {
        "rc": 0,
        "stderr": "",
        "stdout": f"Paused for {shown} {unit}",
        "start": str(start),
        "stop": str(stop),
        "delta": int(seconds),
        "echo": echo,
        "user_input": typed,
    }
