"""Failures as the page tells them."""

from __future__ import annotations

from hotdesk.events import Room
from hotdesk.report.trouble import MOST, Failure, Failures


def test_a_failure_has_what_a_person_looks_for() -> None:
    """Its command, exit code and output, and those of the items of a loop that failed."""
    items = [
        {"label": "a", "failed": True, "msg": "no a", "stderr": "a: gone"},
        {"label": "b", "changed": True, "msg": "fine"},
    ]
    result = {"msg": "One or more items failed\nsee below", "cmd": ["ls", "-l"], "rc": 2, "stdout": "", "secret": "x"}
    failure = Failure.of("List", "site.yml:3", "failed", result, items)
    assert failure.headline == "One or more items failed"
    assert failure.details == (("cmd", "ls -l"), ("rc", "2"), ("item a", "no a"), ("stderr", "a: gone"))


def test_one_message_on_many_hosts_is_one_failure() -> None:
    """With the details of the first of them."""
    failures = Failures()
    for host in range(5):
        failures.add(Failure("t", "", "failed", "no space", (("stderr", f"of {host}"),)), host, Room())
    ((failure, hosts),) = failures.kept.values()
    assert (hosts, failure.details) == ([0, 1, 2, 3, 4], (("stderr", "of 0"),))


def test_texts_are_cut_and_the_rest_is_counted() -> None:
    """A host may say a gigabyte, and each of many something else."""
    failures, room = Failures(), Room(longest=1000)
    for host in range(MOST + 3):
        failures.add(Failure("t", "", "failed", f"{host}", (("stdout", "x" * 5000),)), host, room)
    assert (len(failures.kept), failures.left_out) == (MOST, 3)
    longest = max(len(text) for failure, _ in failures.kept.values() for _, text in failure.details)
    assert longest < 1100
