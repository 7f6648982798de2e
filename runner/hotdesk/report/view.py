"""What the template is given: the story in the order of the page, and what it leaves out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.results import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.report.story import Disk, Host, Story, Task

MOST_HOSTS = 500
"""Rows of hosts; those with trouble come first into them."""
MOST_TASKS = 300
"""Rows of tasks; those that failed, changed something or took long."""
NAMED = 8
"""Hosts that are named where several are meant."""
SIGNALS = {129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT", 143: "SIGTERM"}
MEANING = {
    0: "All went well",
    1: "hotdesk itself failed",
    2: "Some hosts failed",
    3: "Verification found differences",
    4: "Some hosts could not be reached",
}
"""docs/exit-codes.md, in a few words."""


@frozen
class Curve:
    """A disk's free space over time, for a picture of 100 x 100: points ``x,y``, and where its thresholds are."""

    disk: Disk
    points: str
    limits: tuple[float, ...]

    @property
    def first(self) -> int:
        return self.disk.samples[0][1]

    @property
    def last(self) -> int:
        return self.disk.samples[-1][1]


def view(story: Story) -> dict[str, Any]:
    """The template's variables."""
    hosts, tasks = _hosts(story), _tasks(story)
    names = [host.name for host in story.hosts.values()]
    verdict, tone = _verdict(story)

    def named(numbers: Iterable[int]) -> str:
        return labels([names[number] for number in sorted(numbers)], NAMED)

    return {
        "story": story, "verdict": verdict, "tone": tone, "command": shlex.join(story.command), "names": names, "named": named,
        "hosts": hosts, "tasks": tasks, "changed_tasks": [task for task in story.tasks.values() if task.sets.hosts],
        "by_host": _by_host(story), "ticks": _ticks(story), "failures": _failures(story),
        "unfinished": _unfinished(story), "transfers": [one for _, _, one in sorted(story.transfers, reverse=True)],
        "curves": [_curve(disk, story) for _, disk in sorted(story.disks.items())], "left_out": _left_out(story, hosts, tasks),
        "failed_hosts": sum(bool(_trouble(host)) for host in story.hosts.values()),
        "changed_hosts": sum(bool(host.recap.changed) for host in story.hosts.values()),
        "checks": sum((host.checks for host in story.hosts.values()), start=type(story.transferred)()),
    }  # fmt: skip


def _verdict(story: Story) -> tuple[str, str]:
    """In words, and good, bad or odd."""
    code = story.exit_code
    if code is None:
        return "Did not finish", "bad"
    if code in SIGNALS:
        return f"Stopped by {SIGNALS[code]}", "bad"
    return _counted(story) or MEANING.get(code, f"Exit code {code}"), "bad" if code else "good"


def _counted(story: Story) -> str:
    """What went wrong, counted."""
    hosts = story.hosts.values()
    told = (
        (sum(bool(host.recap.failed) for host in hosts), "failed"),
        (sum(bool(host.recap.unreachable) for host in hosts), "could not be reached"),
        (sum(bool(host.checks["failed"] or host.checks["error"]) for host in hosts), "did not pass verification"),
    )
    happened = [(count, what) for count, what in told if count]
    if not happened:
        return ""
    if len(story.hosts) == 1:
        return "The host " + ", ".join(what for _, what in happened)
    return f"Of {len(story.hosts)} hosts, " + ", ".join(f"{count} {what}" for count, what in happened)


def _trouble(host: Host) -> int:
    return host.recap.failed + host.recap.unreachable + host.checks["failed"] + host.checks["error"]


def _hosts(story: Story) -> list[Host]:
    """In the order of the run, if there are not too many of them."""
    found = list(story.hosts.values())
    if len(found) > MOST_HOSTS:
        found = sorted(found, key=lambda host: (-_trouble(host), -host.recap.changed, host.number))[:MOST_HOSTS]
    return sorted(found, key=lambda host: host.number)


def _tasks(story: Story) -> list[Task]:
    found = [task for task in story.tasks.values() if task.row.bars]
    if len(found) > MOST_TASKS:
        found = sorted(found, key=lambda task: (-task.failed, -task.changed, -task.longest))[:MOST_TASKS]
    return sorted(found, key=lambda task: task.number)


def _by_host(story: Story) -> list[tuple[Host, list[Task]]]:
    """Which tasks changed something there."""
    found: dict[int, list[Task]] = {}
    for task in story.tasks.values():
        for number in task.sets.hosts:
            found.setdefault(number, []).append(task)
    return [(host, found[host.number]) for host in _hosts(story) if host.number in found]


def _failures(story: Story) -> Sequence[tuple[Any, list[int]]]:
    """What was ignored or rescued comes last."""
    return sorted(story.failures.kept.values(), key=lambda pair: pair[0].how in ("ignored", "rescued"))


def _unfinished(story: Story) -> list[tuple[str, str, float, int]]:
    """Of a run that was cut off: host, task, for how long it had run, bytes that had come over."""
    return [
        (host, story.tasks[task].name if task in story.tasks else task, story.end - since, done)
        for (task, host), (since, done) in list(story.open.items())[:MOST_HOSTS]
    ]


def _ticks(story: Story) -> list[float]:
    """Seconds since the beginning, at each quarter."""
    return [(story.end - story.begin) * quarter / 4 for quarter in range(5)]


def _curve(disk: Disk, story: Story) -> Curve:
    """The picture's height is what was seen and a little around it, so that little is seen too."""
    whole = max(story.end - story.begin, 0.001)
    amounts = [free for _, free in disk.samples] + list(disk.crossed.values())
    room = max((max(amounts) - min(amounts)) * 0.15, disk.total * 0.002, 1)
    low, high = min(amounts) - room, max(amounts) + room

    def height(amount: int) -> float:
        return round(100 - (amount - low) / (high - low) * 100, 1)

    points = [(round((at - story.begin) / whole * 100, 1), height(free)) for at, free in disk.samples]
    points = [(0.0, points[0][1]), *points, (100.0, points[-1][1])]
    text = " ".join(f"{x:g},{y:g}" for x, y in points)
    return Curve(disk, text, tuple(height(amount) for amount in disk.crossed.values()))


def _left_out(story: Story, hosts: Sequence[Host], tasks: Sequence[Task]) -> list[tuple[int, str]]:
    """(How many, of what)."""
    shown = sum(1 for task in story.tasks.values() if task.row.bars)
    found = {
        "hosts": len(story.hosts) - len(hosts),
        "tasks": shown - len(tasks) + story.left_out["tasks"],
        "sets of changes": sum(len(task.sets.others) for task in story.tasks.values()),
        "failures": story.failures.left_out,
        "transfers": story.transferred["count"] - len(story.transfers),
        "warnings": story.left_out["warnings"],
        "failed checks": story.left_out["failed checks"],
    }
    return [(count, what) for what, count in found.items() if count]
