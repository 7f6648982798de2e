"""ansible.builtin.script: send a script of ours to the PC, run it there, take it away again."""

from __future__ import annotations

import io
import shlex
from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask, text
from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.command import PLAN, finished
from hotdesk.actions.builtin.copy import decrypted
from hotdesk.actions.carrying import placed
from hotdesk.actions.on_target import commands
from hotdesk.aio import in_thread
from hotdesk.errors import ArgumentError
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from pathlib import Path


class Script(Action):
    """Run a local script on the target."""

    name = "ansible.builtin.script"
    free_form = "_raw_params"
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Run a script of the control node on the target
description:
  - The script is put into a directory of its own that nobody else can enter, run, and removed, whatever becomes of it.
  - What follows its name is passed through the shell of the target.
attributes:
  check_mode: {support: partial, details: "Skipped, unless creates or removes tell whether it would run."}
  diff_mode: {support: none}
options:
  cmd: {description: "The script's path here and its arguments; or give them in free form.", type: str}
  chdir: {description: The directory on the target to run in., type: str}
  creates: {description: A glob pattern on the target; when something matches it the script is not run., type: str}
  removes: {description: A glob pattern on the target; when nothing matches it the script is not run., type: str}
  executable: {description: The program to run the script with., type: str}
  decrypt: {description: Decrypt a script that is vaulted., type: bool, default: true}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        line = args.get("_raw_params") or args.get("cmd")
        if not line:
            raise ArgumentError(
                "no script given: one of the following is required: free form, cmd",
                remedy="Give it in free form or as cmd:",
                place=call.task.place,
            )
        name, rest = _first_word(str(line).strip(), call)
        if call.check and not (args.get("creates") or args.get("removes")):
            return Result(skipped=True, data={"msg": "Check mode is not supported for this task."})
        plan: dict[str, Any] = {"cwd": None}
        if any(args.get(option) for option in ("chdir", "creates", "removes")):
            options = {option: args.get(option) for option in ("chdir", "creates", "removes")}
            env = dict(call.environment)
            plan = await ask(call, commands, "prepare", writes=False, answers=PLAN, env=env, **options)
        if plan.get("failed"):
            return failure(plan.get("msg", ""))
        if "skip" in plan:
            option = "creates" if plan.get("reason") == "exists" else "removes"
            return Result(skipped=True, data={"msg": f"{plan['skip']} {plan.get('reason')}, matching {option} option"})
        source = call.find_file(name)
        if call.check:
            return Result(changed=True)
        return await self._run(call, source, rest, plan["cwd"])

    async def _run(self, call: Call, source: Path, rest: str, cwd: str | None) -> Result:
        body = await in_thread(source.read_bytes)
        if call.args.get("decrypt", True):
            body = await decrypted(call, body, source)
        executable = call.args.get("executable")
        async with placed(call, source.name, body) as path:
            line = " ".join(part for part in (executable, shlex.quote(path), rest) if part)
            done = await call.machine.run(["/bin/sh", "-c", line], change=True, cwd=cwd)
        data = finished(done.rc, text(done.stdout), text(done.stderr))
        if done.rc:
            data["msg"] = "non-zero return code"
        return Result(changed=True, failed=done.rc != 0, data=data)


def _first_word(line: str, call: Call) -> tuple[str, str]:
    """The script's path (quotes taken off) and the text after it as it stands."""
    stream = io.StringIO(line)
    words = shlex.shlex(stream, posix=True)
    words.whitespace_split, words.commenters = True, ""
    try:
        first = words.get_token()
    except ValueError as exc:
        raise ArgumentError(f"cannot split {line!r}: {exc}", place=call.task.place) from exc
    return first or "", stream.read().strip()
