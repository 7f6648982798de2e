"""ansible.builtin.command: a program with its words, never through a shell. ``execute`` is shared with shell."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask, result_of, text
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import background, commands
from hotdesk.connections.bounds import LINE, OUTPUT
from hotdesk.errors import ArgumentError
from hotdesk.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAN = {"argv": [str], "cwd": (str, None), "skip?": str, "reason?": str}
"""What ``commands.prepare`` answers."""
WOULD_RUN = "Command would have run if not in check mode"


def finished(rc: int, stdout: str, stderr: str) -> dict[str, Any]:
    """The keys every command's result has."""
    return {
        "rc": rc,
        "stdout": stdout,
        "stderr": stderr,
        "stdout_lines": stdout.splitlines(),
        "stderr_lines": stderr.splitlines(),
    }


async def execute(call: Call, argv: Sequence[str], *, shown: str | list[str], expand: bool = False) -> Result:
    """Run ``argv`` with the options that command and shell share; ``shown`` is the result's ``cmd``."""
    args = call.args
    frame: dict[str, Any] = {"cmd": shown, "start": None, "end": None, "delta": None}
    conditional = bool(args.get("creates") or args.get("removes"))
    if call.check and not conditional:
        return Result(skipped=True, data={**frame, **finished(0, "", ""), "msg": WOULD_RUN})
    cwd: str | None = None
    words = list(argv)
    if conditional or args.get("chdir") or (expand and any("$" in word or word.startswith("~") for word in argv)):
        options = {name: args.get(name) for name in ("chdir", "creates", "removes")}
        plan = await ask(
            replace(call, background=None),
            commands,
            "prepare",
            writes=False,
            argv=words,
            expand_vars=expand,
            env=dict(call.environment),
            answers=PLAN,
            **options,
        )
        if plan.get("failed"):
            return Result(failed=True, data={**frame, **finished(1, "", ""), "rc": None, "msg": plan.get("msg", "")})
        if "skip" in plan:
            note = f"skipped, since {plan['skip']} {plan.get('reason')}"
            msg = f"Did not run command since '{plan['skip']}' {plan.get('reason')}"
            return Result(data={**frame, **finished(0, note, ""), "msg": msg})
        if call.check:
            return Result(changed=True, data={**frame, **finished(0, "", ""), "msg": WOULD_RUN})
        words, cwd = plan["argv"], plan["cwd"]
    return await _run(call, words, cwd, frame)


async def _run(call: Call, argv: list[str], cwd: str | None, frame: dict[str, Any]) -> Result:
    stdin = call.args.get("stdin")
    if stdin is not None:
        stdin = str(stdin) + ("\n" if call.args.get("stdin_add_newline", True) else "")
    if call.background is not None:
        work = {
            "argv": argv,
            "shown": frame["cmd"],
            "cwd": cwd,
            "env": dict(call.environment),
            "stdin": stdin,
            "strip": bool(call.args.get("strip_empty_ends", True)),
        }
        answer = await call.background.answer(call, background, "run", change=True, **work)
        return result_of(answer, call)
    start = datetime.now()
    try:
        done = await call.machine.run(
            argv, change=True, cwd=cwd, stdin=None if stdin is None else stdin.encode("utf-8", "surrogateescape")
        )
    except OSError as exc:
        msg = f"Error executing command: {exc.strerror or exc}: {argv[0]!r}"
        cmd = frame["cmd"] if isinstance(frame["cmd"], str) else shlex.join(frame["cmd"])
        return Result(failed=True, data={**finished(exc.errno or 1, "", ""), "cmd": cmd, "msg": msg})
    delta = timedelta(seconds=done.seconds)
    stdout, stderr = text(done.stdout), text(done.stderr)
    if call.args.get("strip_empty_ends", True):
        stdout, stderr = stdout.rstrip("\r\n"), stderr.rstrip("\r\n")
    data = {**frame, "start": str(start), "end": str(start + delta), "delta": str(delta)}
    data |= finished(done.rc, stdout, stderr) | {"msg": "non-zero return code" if done.rc else ""}
    warnings = (
        (f"the output was longer than {OUTPUT >> 20} MiB (a line counts {LINE} bytes more); its middle was dropped",)
        if done.truncated
        else ()
    )
    return Result(changed=True, failed=done.rc != 0, data=data, warnings=warnings)


class Command(Action):
    """Run one program."""

    name = "ansible.builtin.command"
    background = True
    free_form = "_raw_params"
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Run a program, without a shell
description:
  - The words are handed to the program as they are. No pipes, redirections or wildcards; use ansible.builtin.shell for these.
  - The command is given in free form, as O(cmd) or as the list O(argv).
attributes:
  check_mode: {support: partial, details: "Skipped, unless creates or removes tell whether it would run."}
  diff_mode: {support: none}
options:
  argv: {description: The program and its words as a list., type: list, elements: str}
  cmd: {description: "The program and its words as one text, split as a POSIX shell would split it.", type: str}
  chdir: {description: The directory to run in., type: path}
  creates: {description: A glob pattern; when something matches it the command is not run., type: path}
  removes: {description: A glob pattern; when nothing matches it the command is not run., type: path}
  stdin: {description: Text for the command's standard input., type: str}
  stdin_add_newline: {description: End that text with a newline., type: bool, default: true}
  executable: {description: "Has no meaning here: there is no shell. Accepted with a warning.", type: path}
  strip_empty_ends: {description: Take newlines off the end of stdout and stderr in the result., type: bool, default: true}
  expand_argument_vars: {description: "Expand $NAME and ~ in the words, on the target.", type: bool, default: true}
"""

    async def run(self, call: Call) -> Result:
        given = [call.args.get(name) for name in ("_raw_params", "cmd", "argv")]
        present = [value for value in given if value]
        if not present:
            raise ArgumentError(
                "no command given: one of the following is required: free form, cmd, argv",
                remedy="Give it in free form, as cmd: or as argv:",
                place=call.task.place,
            )
        if len(present) > 1:
            raise ArgumentError(
                "parameters are mutually exclusive: a free form command, cmd and argv", place=call.task.place
            )
        argv = split(present[0], call) if isinstance(present[0], str) else [str(word) for word in present[0]]
        result = await execute(call, argv, shown=argv, expand=bool(call.args.get("expand_argument_vars", True)))
        if call.args.get("executable"):
            return result.but(
                warnings=(
                    *result.warnings,
                    "'executable' is no longer supported with the command module: it has no shell; use the shell module",
                )
            )
        return result


@lru_cache(maxsize=256)
def _split(command: str) -> tuple[str, ...]:  # every host of a task has the same
    return tuple(shlex.split(command))


def split(command: str, call: Call) -> list[str]:
    """The words of a command text. Raises ArgumentError for an open quote or no words."""
    try:
        words = list(_split(command))
    except ValueError as exc:
        raise ArgumentError(f"cannot split the command {command!r}: {exc}", place=call.task.place) from exc
    if not words:
        raise ArgumentError("no command given", place=call.task.place)
    return words
