"""The run log of a run, entry by entry, folded into its story."""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.events import Room
from hotdesk.report.bars import Scale
from hotdesk.report.made import of_job
from hotdesk.report.recap import Recap
from hotdesk.report.run_log import entries
from hotdesk.report.story import Disk, Host, Story, Task, Transfer, Undo
from hotdesk.report.trouble import Failure
from hotdesk.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from hotdesk.report.made import Told

BARS = 8000
"""Grains of a page, shared out among its hosts."""
MOST_TRANSFERS = 100
"""The largest that are told."""
MOST_TEXTS = 200
"""Different warnings, and failed checks, that are told."""
MOST_SAMPLES = 200
"""Of one disk."""
MOST_TASKS = 2000
TEXT = 2 << 20
"""Characters of changes, messages and output on a page."""
LONGEST = 6000
"""Characters of one text."""


def read(path: Path) -> Story:
    """The story that a run log tells. Reads it twice, line by line."""
    fold = Fold(path.stem, entries(path))
    for entry in entries(path):
        fold.take(entry)
    return fold.finished()


def seconds(entry: Mapping[str, Any]) -> float:
    """When it was."""
    return datetime.fromisoformat(entry["time"]).timestamp()


class Fold:
    """Takes one entry after another."""

    def __init__(self, run: str, before: Iterable[Mapping[str, Any]]) -> None:
        self.story = Story(run)
        hosts: set[str] = set()
        for entry in before:
            self.story.end = seconds(entry)
            self.story.begin = self.story.begin or self.story.end
            hosts.update(entry.get("hosts", ()) if entry["event"] == "PlayStarted" else ())
        grain = max(4, min(25, 1000 * len(hosts) // BARS))
        self._scale = Scale(self.story.begin, self.story.end, grain)
        self._task_scale = Scale(self.story.begin, self.story.end)
        self._room = Room(TEXT, LONGEST)
        self._recap = Recap()
        self._play = ""
        self._pending: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._told: dict[tuple[str, str], Told] = {}
        self._takes: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "RunStarted": self._run_started,
            "PlayStarted": self._play_started,
            "TaskStarted": self._task_started,
            "HostStarted": self._host_started,
            "ItemFinished": self._item,
            "TaskFinished": self._finished,
            "Included": lambda entry: self._recap(ev.Included(file="", hosts=tuple(entry["hosts"]))),
            "Progressed": self._progressed,
            "Problems": self._problems,
            "Warned": lambda entry: self._warned(entry, str(entry["text"])),
            "DiskMeasured": self._disk,
            "DiskCrossed": self._disk,
            "Transferred": self._transferred,
            "JobDone": self._job_done,
            "InterruptedRun": self._interrupted,
            "Verified": self._verified,
            "RunFinished": self._run_finished,
        }

    def take(self, entry: Mapping[str, Any]) -> None:
        """Entries of kinds that a page says nothing of are passed by."""
        take = self._takes.get(entry["event"])
        if take is not None:
            take(entry)

    def finished(self) -> Story:
        story = self.story
        for name, recap in self._recap.hosts.items():
            self._host(name).recap = recap
        for (task, name), (since, _) in story.open.items():
            label = story.tasks[task].name if task in story.tasks else task
            self._host(name).row.add(self._scale, since, story.end, "open", label)
            if task in story.tasks:
                story.tasks[task].row.add(self._task_scale, since, story.end, "open", name)
        story.seconds = story.seconds or story.end - story.begin
        return story

    def _host(self, name: str) -> Host:
        known = self.story.hosts.get(name)
        if known is None:
            known = self.story.hosts[name] = Host(name, len(self.story.hosts))
        return known

    # The run

    def _run_started(self, entry: Mapping[str, Any]) -> None:
        self.story.command = tuple(map(str, entry["command"]))

    def _play_started(self, entry: Mapping[str, Any]) -> None:
        self._play = str(entry.get("play", ""))
        for name in entry["hosts"]:
            self._host(name)

    def _interrupted(self, entry: Mapping[str, Any]) -> None:
        how = " (forced)" if entry.get("forced") else ""
        self.story.interrupted.append(f"{entry['reason']}{how}")

    def _run_finished(self, entry: Mapping[str, Any]) -> None:
        self.story.exit_code = int(entry["exit_code"])
        self.story.seconds = float(entry["seconds"])

    # Tasks

    def _task_started(self, entry: Mapping[str, Any]) -> None:
        known = self.story.tasks
        if entry["task"] in known:
            return
        if len(known) >= MOST_TASKS:
            self.story.left_out["tasks"] += 1
            return
        known[entry["task"]] = Task(
            str(entry["name"]), entry["action"], entry["kind"], entry.get("place", ""), self._play, len(known)
        )

    def _host_started(self, entry: Mapping[str, Any]) -> None:
        self.story.open[entry["task"], entry["host"]] = (seconds(entry), 0)

    def _progressed(self, entry: Mapping[str, Any]) -> None:
        at = (entry["task"], entry["host"])
        known = self.story.open.get(at)
        if known is not None:
            self.story.open[at] = (known[0], int(entry["progress"].get("bytes_done", 0)))

    def _item(self, entry: Mapping[str, Any]) -> None:
        result = entry["result"]
        if result.get("changed") or result.get("failed"):
            kept = self._pending.setdefault((entry["task"], entry["host"]), [])
            if len(kept) < 1000:
                kept.append({"label": entry.get("label", ""), **result})

    def _job_done(self, entry: Mapping[str, Any]) -> None:
        host = self._host(entry["host"])
        lines, more = of_job(entry)
        if entry["job"] == "snapshot":
            for line in lines:
                mount, _, phase = line.subject.partition(" before the run")
                if line.verb == "snapshot" and not phase and mount != line.subject:
                    self.story.snapshots.setdefault(mount, set()).add(host.number)
            return
        before, after = self._told.get((entry["task"], entry["host"]), ((), 0))
        self._told[entry["task"], entry["host"]] = (*before, *lines), after + more
        undo = self.story.undo.setdefault(str(entry["job"]), Undo())
        undo.hosts.add(host.number)
        for line in lines:
            undo.can += bool(line.undo)
            undo.cannot += not line.undo
            undo.gone += line.gone and not line.undo
        undo.cannot += more

    def _finished(self, entry: Mapping[str, Any]) -> None:
        at = (entry["task"], entry["host"])
        self.story.open.pop(at, None)
        items, told = self._pending.pop(at, []), self._told.pop(at, None)
        event = _event(entry)
        self._recap(event)
        host, task = self._host(entry["host"]), self.story.tasks.get(entry["task"])
        end = seconds(entry)
        kind = _kind(event)
        host.busy += event.duration
        if kind != "skipped":
            host.row.add(self._scale, end - event.duration, end, kind, task.name if task else "")
        if kind == "failed" or event.ignored or event.rescued:
            self._failed(entry, host, event, items)
        if task is None:
            return
        self._measure(task, host, event, end, kind)
        if event.result.changed or told:
            changed = [item for item in items if item.get("changed")] or [entry["result"]]
            task.sets.add(host.number, changed, told, self._room)
        if entry["result"].get("transactions"):
            self.story.journals.setdefault(task.action, set()).add(host.number)

    def _measure(self, task: Task, host: Host, event: ev.TaskFinished, end: float, kind: str) -> None:
        task.hosts += kind != "skipped"
        task.changed += kind == "changed"
        task.failed += kind == "failed"
        task.began = min(task.began or end, end - event.duration)
        task.ended = max(task.ended, end)
        if event.duration > task.longest:
            task.longest, task.slowest = event.duration, host.name
        if kind != "skipped":
            task.row.add(self._task_scale, end - event.duration, end, kind, host.name)

    # What went wrong

    def _failed(
        self, entry: Mapping[str, Any], host: Host, event: ev.TaskFinished, items: list[Mapping[str, Any]]
    ) -> None:
        task = self.story.tasks.get(entry["task"])
        how = "ignored" if event.ignored else "rescued" if event.rescued else event.result.status.value
        name = task.name if task else str(entry.get("task_name", ""))
        failure = Failure.of(name, str(entry.get("place", "")), how, entry["result"], items)
        self.story.failures.add(failure, host.number, self._room)

    def _problems(self, entry: Mapping[str, Any]) -> None:
        self._recap(ev.Problems(host=entry["host"], job="", problems=()))
        for message, remedy in entry["problems"]:
            failure = Failure(f"Preflight: {entry['job']}", "", "problem", str(message), (("what helps", str(remedy)),))
            self.story.failures.add(failure, self._host(entry["host"]).number, self._room)

    def _warned(self, entry: Mapping[str, Any], text: str) -> None:
        kept = self.story.warnings
        if text not in kept and (len(kept) >= MOST_TEXTS or self._room.left <= 0):
            self.story.left_out["warnings"] += 1
            return
        if text not in kept:
            text = self._room.text(text)
        kept.setdefault(text, set()).update({self._host(entry["host"]).number} if entry.get("host") else ())

    def _verified(self, entry: Mapping[str, Any]) -> None:
        self._recap(ev.Verified(host=entry["host"], test="", outcome=entry["outcome"]))
        host = self._host(entry["host"])
        host.checks[entry["outcome"]] += 1
        if entry["outcome"] not in ("failed", "error"):
            return
        kept, test = self.story.checks, (str(entry["test"]), self._room.text(str(entry.get("detail", ""))))
        if test not in kept and len(kept) >= MOST_TEXTS:
            self.story.left_out["failed checks"] += 1
            return
        kept.setdefault(test, set()).add(host.number)

    # Bytes

    def _transferred(self, entry: Mapping[str, Any]) -> None:
        host = self._host(entry["host"])
        size = int(entry["bytes"])
        host.received += size
        self.story.transferred.update(count=1, bytes=size)
        one = Transfer(
            size, seconds(entry), host.number, entry["source"], entry["what"], entry["files"], entry["seconds"]
        )
        keep = heapq.heappush if len(self.story.transfers) < MOST_TRANSFERS else heapq.heappushpop
        keep(self.story.transfers, (size, self.story.transferred["count"], one))

    def _disk(self, entry: Mapping[str, Any]) -> None:
        host, mount = self._host(entry["host"]), str(entry["mount"])
        disk = self.story.disks.setdefault((host.name, mount), Disk(host.number, mount, int(entry["total"])))
        disk.add(seconds(entry), int(entry["free"]), (self.story.end - self.story.begin) / MOST_SAMPLES)
        if entry.get("level", "ok") != "ok":
            disk.crossed[entry["level"]] = int(entry["threshold"])


def _event(entry: Mapping[str, Any]) -> ev.TaskFinished:
    """The event again, as far as counting needs it."""
    given = entry["result"]
    changed, failed, skipped, unreachable = (
        bool(given.get(name)) for name in ("changed", "failed", "skipped", "unreachable")
    )
    result = Result(changed=changed, failed=failed, skipped=skipped, unreachable=unreachable)
    return ev.TaskFinished(
        task=entry["task"], host=entry["host"], result=result, duration=float(entry.get("duration", 0)),
        ignored=bool(entry.get("ignored")), rescued=bool(entry.get("rescued")),
    )  # fmt: skip


def _kind(event: ev.TaskFinished) -> str:
    """Which bar."""
    status = event.result.status.value
    if status in ("failed", "unreachable"):
        return "ok" if event.ignored or event.rescued else "failed"
    return status
