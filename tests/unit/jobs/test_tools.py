from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import CheckModeError, LinkLost, TaskError, TimedOut
from hotdesk.jobs import Change
from hotdesk.jobs.tools import carry_out, lacking, reason, run, still_wanted

if TYPE_CHECKING:
    from tests.unit.machines import MakeMachine


async def test_a_program_that_is_missing_is_named(make_machine: MakeMachine) -> None:
    """By ``lacking``, and by ``run`` when nobody asked before."""
    machine = make_machine("vega")
    assert await lacking(machine, "sh", "no-such-program", "cat") == ["no-such-program"]
    with pytest.raises(TaskError, match="vega has no no-such-program"):
        await run(machine, ["no-such-program"], change=False)


async def test_an_exit_code_that_is_not_accepted_is_an_error(make_machine: MakeMachine) -> None:
    """With the program's own last words; what it was given on its standard input is not repeated."""
    machine = make_machine("vega")
    argv = ["sh", "-c", "cat >/dev/null; echo it is broken >&2; exit 3"]
    with pytest.raises(TaskError, match=r"vega: making it: it is broken \(exit code 3\)") as raised:
        await run(machine, argv, change=False, stdin=b"secret", name="making it")
    assert "secret" not in str(raised.value)
    assert (await run(machine, ["sh", "-c", "exit 3"], change=False, accept=(0, 3))).rc == 3


async def test_a_program_that_is_stuck_is_ended(make_machine: MakeMachine) -> None:
    """No program is waited for without a limit."""
    with pytest.raises(TimedOut):
        await run(make_machine(), ["sleep", "60"], change=False, timeout=0.2)


def test_what_was_done_and_is_wanted_again_is_a_problem(make_machine: MakeMachine) -> None:
    """Named with its PC; what else is wanted was not promised, and is none."""
    (problem,) = still_wanted(make_machine("vega"), ["create one", "create two"], {"create two", "create three"})
    assert problem.message == "create two was done, and is not so on vega"


def change(subject: str, *needs: str) -> Change:
    return Change(verb="make", subject=subject, needs=needs)


async def test_a_failing_change_takes_what_needs_it_along(make_machine: MakeMachine) -> None:
    """By name, also over two steps; the others are done in their order."""
    asked = []

    async def act(one: Change) -> None:
        asked.append(one.subject)
        if one.subject == "a":
            raise TaskError("no", remedy="Do.")
        if one.subject == "e":
            raise OSError(errno.ENOSPC, "No space left on device", "/x")

    changes = [change("a"), change("b", "make a"), change("c", "make b"), change("d"), change("e")]
    done, failed = await carry_out(make_machine(), changes, act)
    assert [one.subject for one in done] == ["d"]
    assert asked == ["a", "d", "e"]
    assert failed == {
        "make a": "no Do.",
        "make b": "not done, since 'make a' failed",
        "make c": "not done, since 'make b' failed",
        "make e": "/x: No space left on device",
    }


@pytest.mark.parametrize("error", [LinkLost("gone"), CheckModeError("check")])
async def test_what_concerns_the_whole_pc_ends_the_job(make_machine: MakeMachine, error: Exception) -> None:
    """A lost link is not a change that failed."""

    async def act(_one: Change) -> None:
        raise error

    with pytest.raises(type(error)):
        await carry_out(make_machine(), [change("a")], act)


def test_a_reason_is_one_line() -> None:
    """Message and remedy."""
    assert reason(TaskError("it failed", remedy="Try.")) == "it failed Try."
