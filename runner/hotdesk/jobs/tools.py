"""What jobs that work through a PC's own programs share: is a program there, run it and mean it, do the changes of a plan one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hotdesk.aio import TaskGroup, first
from hotdesk.errors import CheckModeError, DiskLow, TaskError
from hotdesk.results import Problem, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Mapping, Sequence

    from hotdesk.connections.link import Completed
    from hotdesk.jobs.base import Change
    from hotdesk.jobs.machine import Machine

A = TypeVar("A")
B = TypeVar("B")
ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}
"""For programs whose words are read: in English, and found where an ordinary user's PATH does not look."""
LIMIT = 120.0
"""Seconds that a program may take unless its caller says otherwise."""
WORDS = 400
"""Characters of a failed program's own words that a message repeats."""
_LACKING = 'for each; do command -v -- "$each" >/dev/null || printf "%s\\n" "$each"; done'


async def lacking(machine: Machine, *programs: str) -> list[str]:
    """Those of ``programs`` (names) that are not installed there."""
    done = await run(machine, ["sh", "-c", _LACKING, "sh", *programs], change=False)
    return done.stdout.decode().split()


async def run(
    machine: Machine,
    argv: Sequence[str],
    *,
    change: bool,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    accept: Iterable[int] = (0,),
    timeout: float = LIMIT,
    name: str = "",
) -> Completed:
    """A command that must end with one of ``accept``. Raises TaskError with its own last words; a program that is missing raises it too.

    An answer that was cut in the middle is none: TaskError. ``name`` is what errors call it: its first
    words, unless given. What ``stdin`` says never appears in an error.
    """
    what = f"{machine.host}: {name or ' '.join(argv[:3])}"
    try:
        done = await machine.run(argv, change=change, stdin=stdin, env={**ENVIRONMENT, **(env or {})}, timeout=timeout)
    except FileNotFoundError:
        raise TaskError(f"{machine.host} has no {argv[0]}") from None
    if done.rc not in accept:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())[-WORDS:]
        raise TaskError(f"{what}: {said or 'it said nothing'} (exit code {done.rc})", data={"rc": done.rc})
    if done.truncated:
        raise TaskError(f"{what}: its answer is too long to be read whole")
    return done


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Ask two at once, mostly the source and the target. The first error is raised."""
    try:
        async with TaskGroup() as group:
            tasks = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as found:
        raise first(found) from None
    return tasks[0].result(), tasks[1].result()


def still_wanted(machine: Machine, done: Iterable[str], wanted: Container[str]) -> list[Problem]:
    """For ``post_sync``: what was done must not be wanted any more. Both are ids of changes, ``wanted`` those of a new look."""
    return [Problem(f"{item} was done, and is not so on {machine.host}") for item in done if item in wanted]


async def carry_out(
    machine: Machine, changes: Sequence[Change], act: Callable[[Change], Awaitable[object]]
) -> tuple[list[Change], dict[str, str]]:
    """Do ``changes`` of a plan for ``machine`` in their order, shown as progress.

    Returns what was done, and id -> why of those that failed or needed one that failed.
    ``act`` raises TaskError or OSError for a change that cannot be done. What concerns the whole PC (a lost link, a full disk) is raised.
    """
    done: list[Change] = []
    failed: dict[str, str] = {}
    for number, change in enumerate(changes):
        machine.report(Progress(files_done=number, files_total=len(changes), message=change.id))
        blocked = next((need for need in change.needs if need in failed), None)
        if blocked is not None:
            failed[change.id] = f"not done, since '{blocked}' failed"
            continue
        try:
            await act(change)
        except (CheckModeError, DiskLow):
            raise
        except (TaskError, OSError) as exc:
            failed[change.id] = reason(exc)
        else:
            done.append(change)
    return done, failed


def reason(exc: BaseException) -> str:
    """An error as one line: what and, if it says so, the remedy."""
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    remedy = exc.remedy if isinstance(exc, TaskError) else ""
    return f"{exc} {remedy}".strip()
