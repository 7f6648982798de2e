"""Counting as Ansible counts, and the exit code."""

from __future__ import annotations

import pytest

from hotdesk import events as ev
from hotdesk.report.recap import Recap
from hotdesk.results import HostRecap, Result, failure

GONE = Result(unreachable=True)


def finished(host: str, result: Result, *, ignored: bool = False, rescued: bool = False) -> ev.TaskFinished:
    """A result of some task."""
    return ev.TaskFinished(task="t", host=host, result=result, ignored=ignored, rescued=rescued)


def test_columns_count_as_ansibles() -> None:
    """Ignored failures are ok too; rescued ones are not failures; changed ones are ok too."""
    recap = Recap()
    for event in (
        finished("a", Result()),
        finished("a", Result(changed=True)),
        finished("a", Result(skipped=True)),
        finished("a", failure("x"), ignored=True),
        finished("a", failure("x"), rescued=True),
        finished("a", GONE, ignored=True),
        ev.Included(file="f", hosts=("a",)),
    ):
        recap(event)
    assert recap.hosts == {"a": HostRecap(ok=5, changed=1, skipped=1, rescued=1, ignored=2)}
    assert recap.exit_code() == 0


@pytest.mark.parametrize(
    ("happened", "code"),
    [
        ([finished("a", failure("x"))], 2),
        ([finished("a", failure("x")), finished("b", GONE)], 4),
        ([ev.Verified(host="a", test="t", outcome="failed")], 3),
        ([ev.Verified(host="a", test="t", outcome="failed"), finished("a", failure("x"))], 2),
        ([ev.Problems(host="a", job="folder", problems=(("m", "r"),))], 2),
        ([ev.Verified(host="a", test="t", outcome="passed"), finished("a", Result())], 0),
    ],
)
def test_the_exit_code_follows_the_worst(happened: list[ev.Event], code: int) -> None:
    """4 comes before 2, 2 before 3."""
    recap = Recap()
    for event in happened:
        recap(event)
    assert recap.exit_code() == code


def test_an_ignored_unreachable_host_counts_as_ansible_counts_it() -> None:
    """ok and ignored, not unreachable."""
    recap = Recap()
    recap(finished("a", GONE, ignored=True))
    assert recap.hosts == {"a": HostRecap(ok=1, ignored=1)}
    assert recap.exit_code() == 0
