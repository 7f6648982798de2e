"""A run's log folded into its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.report.runs import BEGIN, GIB, small, written

from hotdesk import events as ev
from hotdesk.report.fold import read
from hotdesk.results import Progress, Result

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.report.story import Story


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Of the small run."""
    return read(written(tmp_path / "r1.jsonl", small()))


def test_hosts_are_counted_as_the_recap_counts(story: Story) -> None:
    """Ignored failures are ok."""
    vega, deneb, altair = (story.hosts[name] for name in ("vega", "deneb", "altair"))
    assert (vega.recap.ok, vega.recap.changed, vega.recap.ignored, vega.recap.failed) == (5, 3, 1, 0)
    assert (deneb.recap.failed, altair.recap.unreachable) == (1, 1)
    assert story.exit_code == 4
    assert vega.busy == pytest.approx(0.6 + 41 + 0.4 + 118 + 0.2)


def test_changes_are_told_by_task(story: Story) -> None:
    """What the job said, and a module's diff."""
    by_name = {task.name: task for task in story.tasks.values()}
    (apt,) = by_name["Packages as on atlas"].sets.sets.values()
    assert [line.subject for line in apt.made.lines][:2] == ["ripgrep", "firefox-esr"]
    (motd,) = by_name["Message of the day"].sets.sets.values()
    assert "-old line" in motd.made.diffs[0]
    assert not by_name["Snapshots before the run"].sets.hosts


def test_what_can_be_undone_is_counted(story: Story) -> None:
    """By job; removals apart; snapshots and journals by host."""
    assert (story.undo["apt"].can, story.undo["apt"].cannot, story.undo["apt"].gone) == (6, 2, 2)
    assert story.undo["folder"].cannot == 2 * 2214
    assert story.snapshots == {"/": {0, 1}, "/home": {0, 1}}
    assert story.journals == {"hotdesk.sync.apt": {0, 1}}


def test_bytes_are_counted(story: Story) -> None:
    """Transfers by size, disks over time with what was crossed."""
    largest = max(story.transfers)[2]
    assert (largest.source, largest.files, largest.host) == ("atlas", 2214, 0)
    assert story.transferred["bytes"] == sum(host.received for host in story.hosts.values())
    disk = story.disks["lyra", "/"]
    assert disk.crossed == {"warning": 202 * GIB}
    assert disk.samples[0] == (BEGIN, 212 * GIB)
    assert len(disk.samples) >= 8


def test_failures_warnings_and_checks(story: Story) -> None:
    """Each with its hosts."""
    how = {failure.how: hosts for failure, hosts in story.failures.kept.values()}
    assert how == {"unreachable": [3], "failed": [2], "ignored": [0, 1]}
    assert list(story.warnings.values()) == [{1}, set()]
    assert {test: hosts for (test, _), hosts in story.checks.items()} == {"test_motd": {1}}


def test_a_run_that_was_killed_says_what_was_under_way(tmp_path: Path) -> None:
    """From its start to the log's end, with the bytes that had come over."""
    log = written(
        tmp_path / "r3.jsonl",
        [
            ev.RunStarted(at=BEGIN, run="r3", command=("hotdesk", "play")),
            ev.PlayStarted(at=BEGIN, play="p", hosts=("vega",)),
            ev.TaskStarted(at=BEGIN, task="t", name="Copy", action="hotdesk.sync.folder"),
            ev.HostStarted(at=BEGIN + 1, task="t", host="vega"),
            ev.Progressed(at=BEGIN + 6, task="t", host="vega", progress=Progress(bytes_done=5 * GIB)),
        ],
    )
    with log.open("a") as file:
        file.write('{"event": "TaskFin')
    story = read(log)
    assert story.exit_code is None
    assert story.open == {("t", "vega"): (BEGIN + 1, 5 * GIB)}
    assert [bar.kind for bar in story.hosts["vega"].row.bars] == ["open"]
    assert story.seconds == 6


def test_items_of_a_loop_are_told_with_their_task(tmp_path: Path) -> None:
    """The log gives the end of a loop without them."""
    item = Result(changed=True, data={"dest": "/etc/a"})
    log = written(
        tmp_path / "r4.jsonl",
        [
            ev.TaskStarted(at=BEGIN, task="t", name="Copy", action="copy"),
            ev.ItemFinished(at=BEGIN, task="t", host="vega", label="a", result=item),
            ev.ItemFinished(at=BEGIN, task="t", host="vega", label="b", result=Result()),
            ev.TaskFinished(at=BEGIN, task="t", host="vega", result=Result(changed=True, items=(item, Result()))),
        ],
    )
    ((only,),) = ([each.made.lines for each in task.sets.sets.values()] for task in read(log).tasks.values())
    assert [line.subject for line in only] == ["/etc/a"]


def test_a_log_without_any_event_is_a_story(tmp_path: Path) -> None:
    """Of a run that was killed at once."""
    (tmp_path / "r5.jsonl").touch()
    assert read(tmp_path / "r5.jsonl").exit_code is None
