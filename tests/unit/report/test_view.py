"""The order and the words of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.report.runs import BEGIN, small, written

from hotdesk import events as ev
from hotdesk.report.fold import read
from hotdesk.report.story import Disk, Host, Story
from hotdesk.report.view import MOST_HOSTS, MOST_TASKS, view
from hotdesk.results import Result

if TYPE_CHECKING:
    from pathlib import Path


def test_the_headline_says_what_went_wrong(tmp_path: Path) -> None:
    """Counted; the exit code's meaning where there is nothing to count."""
    told = view(read(written(tmp_path / "r1.jsonl", small())))
    assert told["verdict"] == "Of 4 hosts, 1 failed, 1 could not be reached, 1 did not pass verification"
    assert told["tone"] == "bad"


@pytest.mark.parametrize(
    ("code", "verdict", "tone"),
    [(None, "Did not finish", "bad"), (0, "All went well", "good"), (130, "Stopped by SIGINT", "bad"), (1, "hotdesk itself failed", "bad"),
     (77, "Exit code 77", "bad")],
)  # fmt: skip
def test_every_end_has_words(code: int | None, verdict: str, tone: str) -> None:
    """Also one that nobody knows."""
    told = view(Story("r", exit_code=code))
    assert (told["verdict"], told["tone"]) == (verdict, tone)


def test_hosts_with_trouble_are_among_those_shown() -> None:
    """When there are too many for a page; the rest is counted."""
    story = Story("r")
    for number in range(MOST_HOSTS + 10):
        story.hosts[f"h{number}"] = Host(f"h{number}", number)
    last = story.hosts[f"h{MOST_HOSTS + 9}"]
    last.checks["failed"] += 1
    told = view(story)
    assert last in told["hosts"]
    assert len(told["hosts"]) == MOST_HOSTS
    assert told["left_out"] == [(10, "hosts")]


def test_of_many_tasks_those_that_count_are_shown(tmp_path: Path) -> None:
    """The one that failed is, in its place."""
    events: list[ev.Event] = []
    for number in range(MOST_TASKS + 5):
        result = Result(failed=number == 2)
        events += [
            ev.TaskStarted(at=BEGIN, task=f"t{number}", name=f"Task {number}", action="ping"),
            ev.TaskFinished(at=BEGIN + number, task=f"t{number}", host="vega", result=result, duration=number),
        ]
    told = view(read(written(tmp_path / "r.jsonl", events)))
    assert [task.number for task in told["tasks"]][:2] == [2, 6]
    assert (5, "tasks") in told["left_out"]


def test_a_curve_goes_from_edge_to_edge() -> None:
    """Also of a disk that was looked at once, and of one that did not change."""
    story = Story("r", begin=0, end=10, disks={("a", "/"): Disk(0, "/", 100, [(5.0, 50)], {"warning": 60})})
    (curve,) = view(story)["curves"]
    points = [tuple(map(float, point.split(","))) for point in curve.points.split()]
    assert (points[0][0], points[-1][0]) == (0, 100)
    assert all(0 <= y <= 100 for _, y in points)
    assert curve.limits[0] < points[0][1]
