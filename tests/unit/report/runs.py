"""Runs as their log has them: written by the run log itself from events, so that a page is never made of what no run could say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.redaction import Redaction
from hotdesk.report.recap import Recap
from hotdesk.report.run_log import RunLog
from hotdesk.results import Diff, JobChange, Result, failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

BEGIN = 1_790_000_000.0
GIB = 1 << 30
NASTY = "<script>document.title='owned'</script>\x1b[2J\u202e & \"quoted\" </pre><img src=x onerror=alert(1)>"
"""What a host might say."""


def written(path: Path, events: Iterable[ev.Event], redaction: Redaction | None = None) -> Path:
    """The log of these events."""
    log = RunLog(path, path.stem, redaction or Redaction())
    for event in events:
        log(event)
    log.close()
    return path


class Clock:
    """Seconds since the run's beginning, as events have them."""

    def __init__(self) -> None:
        self.at = BEGIN

    def on(self, seconds: float) -> float:
        self.at += seconds
        return self.at


def small() -> Iterator[ev.Event]:
    """Three targets: vega is made the same, lyra nearly, deneb fails on the way and altair is not there."""
    clock, recap = Clock(), Recap()
    for event in _small(clock):
        recap(event)
        yield event
    yield ev.RunFinished(at=clock.on(0.1), exit_code=4, recap=recap.hosts, seconds=clock.at - BEGIN)


def _small(clock: Clock) -> Iterator[ev.Event]:
    hosts = ("vega", "lyra", "deneb", "altair")
    yield ev.RunStarted(at=clock.at, run="r1", command=("hotdesk", "sync", "--from", "atlas", "--to", "pcs"), forks=50)
    yield ev.PlayStarted(at=clock.at, play="Switch desks", hosts=hosts)
    for host in ("vega", "lyra", "deneb"):
        yield ev.DiskMeasured(at=clock.at, host=host, mount="/", free=212 * GIB, total=476 * GIB)
    yield from _snapshots(clock)
    yield from _packages(clock)
    yield from _files(clock)
    yield from _folder(clock)
    yield from _command(clock)
    yield from _end(clock)


def _task(clock: Clock, task: str, name: str, action: str) -> ev.Event:
    return ev.TaskStarted(at=clock.on(0.05), task=task, name=name, action=action)


def _done(clock: Clock, task: str, host: str, seconds: float, result: Result) -> Iterator[ev.Event]:
    yield ev.HostStarted(at=clock.at, task=task, host=host)
    yield ev.TaskFinished(at=clock.at + seconds, task=task, host=host, result=result, duration=seconds)


def _snapshots(clock: Clock) -> Iterator[ev.Event]:
    yield _task(clock, "t1", "Snapshots before the run", "hotdesk.sync.snapshot")
    for host in ("vega", "lyra"):
        changes = tuple(
            JobChange("snapshot", f"{mount} before the run", undo="hotdesk snapshots prune") for mount in ("/", "/home")
        )
        yield ev.JobDone(at=clock.at, task="t1", host=host, job="snapshot", changes=changes, total=2)
        yield from _done(clock, "t1", host, 0.6, Result())
    gone = Result(unreachable=True, data={"msg": "altair:22: no route to host"})
    yield from _done(clock, "t1", "altair", 3.0, gone)
    clock.on(3.1)


def _packages(clock: Clock) -> Iterator[ev.Event]:
    yield _task(clock, "t2", "Packages as on atlas", "hotdesk.sync.apt")
    changes = (
        JobChange("install", "ripgrep", "13.0.0-4", undo="apt-get remove ripgrep"),
        JobChange("upgrade", "firefox-esr", "140.4 to 140.5", undo="apt-get install firefox-esr=140.4"),
        JobChange("remove", "nano", "7.2-1", destructive=True, undo="apt-get install nano=7.2-1"),
        JobChange("delete", "/etc/apt/sources.list.d/old.list", destructive=True),
    )
    for host, seconds in (("vega", 41.0), ("lyra", 33.5)):
        yield ev.JobDone(at=clock.at, task="t2", host=host, job="apt", changes=changes, total=4)
        yield from _done(clock, "t2", host, seconds, Result(changed=True, data={"transactions": ["apt-1"]}))
    stderr = (
        "dpkg: error processing package ripgrep (--configure):\n installed post-installation script failed\n" + NASTY
    )
    yield from _done(
        clock, "t2", "deneb", 12.0, failure(f"could not be done: install ripgrep {NASTY}", stderr=stderr, rc=100)
    )
    yield ev.Warned(at=clock.at, host="lyra", text="apt's lists on lyra are eleven days old")
    clock.on(41.5)


def _files(clock: Clock) -> Iterator[ev.Event]:
    yield _task(clock, "t3", "Message of the day", "ansible.builtin.copy")
    for host in ("vega", "lyra"):
        diff = Diff("Welcome\nold line\n", f"Welcome\nto {NASTY}\n", "/etc/motd", "/etc/motd")
        result = Result(changed=True, data={"dest": "/etc/motd", "mode": "0644"}, diff=(diff,))
        yield from _done(clock, "t3", host, 0.4, result)
    clock.on(0.5)


def _folder(clock: Clock) -> Iterator[ev.Event]:
    yield _task(clock, "t4", "Home folders", "hotdesk.sync.folder")
    changes = (
        JobChange("update", "projects/atlas/notes.md", "12.1 KiB"),
        JobChange("create", "photos/2026/11/desk.jpg", "4.2 MiB"),
        JobChange("delete", "tmp/scratch.txt", destructive=True),
    )
    for host, rate, seconds in (("vega", 96 << 20, 118.0), ("lyra", 41 << 20, 151.0)):
        for step in range(1, 9):
            free = int((212 - 1.4 * step) * GIB)
            yield ev.DiskMeasured(at=clock.at + step * seconds / 8, host=host, mount="/", free=free, total=476 * GIB)
        yield ev.Transferred(
            at=clock.at + seconds, task="t4", host=host, source="atlas", what="/home/ana", bytes=int(rate * seconds), files=2214, seconds=seconds
        )  # fmt: skip
        yield ev.JobDone(at=clock.at + seconds, task="t4", host=host, job="folder", changes=changes, total=2214)
        yield from _done(clock, "t4", host, seconds, Result(changed=True, data={"bytes": int(rate * seconds)}))
    yield ev.DiskCrossed(
        at=clock.at + 140, host="lyra", mount="/", free=201 * GIB, total=476 * GIB, threshold=202 * GIB, level="warning"
    )
    clock.on(152)


def _command(clock: Clock) -> Iterator[ev.Event]:
    yield _task(clock, "t5", "Is the printer there", "ansible.builtin.command")
    for host in ("vega", "lyra"):
        result = failure("non-zero return code", rc=1, cmd=["lpstat", "-p"], stderr="lpstat: No destinations added.")
        yield ev.TaskFinished(at=clock.at + 0.2, task="t5", host=host, result=result, duration=0.2, ignored=True)
    clock.on(0.3)


def _end(clock: Clock) -> Iterator[ev.Event]:
    yield ev.VerifyStarted(at=clock.at, files=("test_desk.py",), hosts=("vega", "lyra"))
    for host in ("vega", "lyra"):
        for number in range(14):
            yield ev.Verified(
                at=clock.on(0.02), host=host, test=f"test_files[{number}]", outcome="passed", seconds=0.02
            )
    detail = "def test_motd(host):\n>   assert host.file('/etc/motd').contains('desk')\nE   AssertionError"
    yield ev.Verified(at=clock.on(0.1), host="lyra", test="test_motd", outcome="failed", detail=detail, seconds=0.1)
    yield ev.Warned(at=clock.at, text="host_vars/old.yml belongs to no host")


def large(hosts: int, tasks: int) -> Iterator[ev.Event]:
    """Every task changes something else on every host, with a long diff; two of them move something to it and warn; every tenth fails somewhere."""
    clock, names = Clock(), tuple(f"pc{number:03}" for number in range(hosts))
    yield ev.RunStarted(at=clock.at, run="r2", command=("hotdesk", "play", "site.yml"))
    yield ev.PlayStarted(at=clock.at, play="Everything", hosts=names)
    for number in range(tasks):
        task = f"t{number}"
        yield _task(clock, task, f"Task {number}", "ansible.builtin.copy")
        for place, host in enumerate(names):
            text = "".join(f"line {line} of {host}\n" for line in range(20))
            diff = Diff("", text, "/etc/file", "/etc/file")
            result = Result(changed=True, data={"dest": f"/etc/{task}"}, diff=(diff,))
            if place % 10 == 0 and number == place % tasks:
                result = failure(f"{host} has no space", stderr="x" * 5000)
            duration = 0.3 + place % 7 / 10
            yield ev.TaskFinished(at=clock.at + duration, task=task, host=host, result=result, duration=duration)
            if number < 2:
                yield ev.Transferred(
                    at=clock.at + duration, task=task, host=host, source="atlas", what="/srv", bytes=1000 + place, files=1, seconds=duration
                )  # fmt: skip
                yield ev.Warned(at=clock.at, host=host, text=f"{host} is slow at {task}")
        clock.on(1.0)
    yield ev.RunFinished(at=clock.at, exit_code=2, recap={}, seconds=clock.at - BEGIN)
