"""Ansible's own line format (its ``default`` stdout callback), which tools parse: PLAY, TASK, ok/changed/skipping/fatal, PLAY RECAP."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Literal

from hotdesk import events as ev
from hotdesk.events import Room
from hotdesk.events import plain as as_plain
from hotdesk.frozen import frozen
from hotdesk.results import TASK_FAILED, Status
from hotdesk.text import safe, size
from hotdesk.ui.colors import paint
from hotdesk.ui.result_text import diff_text, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.results import HostRecap, Result

LINE = {Status.OK: "ok", Status.CHANGED: "changed", Status.SKIPPED: "skipping", Status.FAILED: "failed"}
DEBUG = "ansible.builtin.debug"
ALWAYS_SHOWN = frozenset({DEBUG, "ansible.builtin.assert"})
NEVER_SHOWN = frozenset({"ansible.builtin.setup", "ansible.builtin.gather_facts"})
"""Facts are too many for a line, at any -v."""
TRUE = frozenset({"true", "yes", "on", "1"})
LONGEST_MESSAGE = 4000
"""Characters of a failure's or warning's text; the result below it has the whole."""
SHORT = 1.0
"""Seconds from its first line on in which what a command prints is kept back: the result of one that ends by then repeats it all."""
MOST_KEPT = 500
"""Lines."""


@frozen(kw_only=True)
class Style:
    """How a renderer shows things; taken from the settings."""

    color: bool = False
    verbosity: int = 0
    max_diff_size: int = 104_448
    display_skipped: bool = True
    display_ok: bool = True
    show_custom_stats: bool = False
    deprecations: bool = True


class Plain:
    """A subscriber that turns events into lines. ``write`` takes text and must not block; ``warn``, where there is one, takes the
    warnings as they come (Ansible's stderr): below the recap they are among the lines in any case."""

    def __init__(
        self, write: Callable[[str], object], style: Style, *, warn: Callable[[str], object] | None = None
    ) -> None:
        self._write = write
        self._warn = warn or write
        self._style = style
        self._tasks: dict[str, ev.TaskStarted] = {}
        self._shown = ""
        self._warnings: dict[str, None] = {}
        self._explained: set[str] = set()
        self._verified: dict[str, dict[str, int]] = {}
        self._printing: dict[str, tuple[float, list[str]]] = {}
        """Host -> when its command printed first, and the lines that are kept back."""

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.PlayStarted(play=play):
                self.banner(f"PLAY [{play}]" if play else "PLAY")
            case ev.NoHosts(reason="matched"):
                self.line("skipping: no hosts matched", "skipped")
            case ev.NoHosts():
                self.banner("NO MORE HOSTS LEFT")
            case ev.TaskStarted():
                self._tasks[event.task] = event
                self._task_banner(event.task)
            case ev.TaskFinished():
                self._finished(event)
            case ev.ItemFinished():
                self._item(event)
            case ev.Retrying(host=host, task=task, left=left):
                self._task_banner(task)
                name = _on_one_line(self._tasks[task].name if task in self._tasks else task)
                self.line(f"FAILED - RETRYING: [{host}]: {name} ({left} retries left).", "deprecation")
            case ev.Included(file=file, hosts=hosts, label=label):
                item = f" => (item={_on_one_line(label)})" if label else ""
                self.line(f"included: {file} for {', '.join(hosts)}{item}", "skipped")
            case ev.RunFinished():
                self._end(event)
            case _:
                self._aside(event)

    def _aside(self, event: ev.Event) -> None:
        match event:
            case ev.Warned():
                self._warned(event)
            case ev.Noted(text=text, verbosity=verbosity):
                if verbosity <= self._style.verbosity:
                    self.line(text, "verbose" if verbosity else None)
            case ev.Output() if self._style.verbosity:
                self._printed(event)
            case ev.Problems(host=host, job=job, problems=problems):
                for message, remedy in problems:
                    self.line(f"[PROBLEM]: [{host}] {job}: {message}" + (f"\n    {remedy}" if remedy else ""), "error")
            case ev.DiskCrossed(level=level) if level != "ok":
                self._disk(event)
            case ev.InterruptedRun():
                self._interrupted(event)
            case ev.VerifyStarted(files=files):
                self.banner(f"VERIFY [{', '.join(files)}]")
            case ev.Verified():
                self._verification(event)
            case ev.Changed(host=host, verb=verb, detail=detail) if self._style.verbosity >= 3:
                self.line(f"<{host}> {verb} {_on_one_line(detail)}", "verbose")
            case ev.Connected(host=host, seconds=seconds) if self._style.verbosity >= 2:
                self.line(f"<{host}> connected in {seconds:.2f} s", "verbose")

    # Lines

    def line(self, text: str, color: str | None = None, write: Callable[[str], object] | None = None) -> None:
        """One line (or several), untrusted characters escaped."""
        text = safe(text)
        (write or self._write)((paint(text, color) if color and self._style.color else text) + "\n")

    def banner(self, text: str) -> None:
        """A heading filled with stars to the terminal's width, at least 79 columns as Ansible's."""
        text = safe(_on_one_line(text.strip()))
        width = max(79, shutil.get_terminal_size((80, 24)).columns - 1)
        self._write(f"\n{text} {'*' * max(3, width - len(text))}\n")

    def _task_banner(self, task: str) -> None:
        if task == self._shown or task not in self._tasks:
            return
        self._shown = task
        started = self._tasks[task]
        prefix = "RUNNING HANDLER" if started.kind == "handler" else "TASK"
        self.banner(f"{prefix} [{started.name}]")
        if self._style.verbosity >= 2 and started.place:
            self.line(f"task path: {started.place.file}:{started.place.line}", "verbose")

    def _printed(self, event: ev.Output) -> None:
        began, kept = self._printing.setdefault(event.host, (event.at, []))
        kept.append(event.line)
        if event.at - began >= SHORT or len(kept) > MOST_KEPT:
            for text in kept:
                self.line(f"[{event.host}] {text}", "verbose")
            kept.clear()

    # Results

    def _finished(self, event: ev.TaskFinished) -> None:
        self._printing.pop(event.host, None)
        result, host = event.result, _label(event.host, event.delegate)
        failed = result.status in (Status.FAILED, Status.UNREACHABLE)
        if result.items is None:
            self._outcome(event.task, host, result, diff=event.diff, said=not event.ignored)
        elif result.status is Status.UNREACHABLE or (failed and not result.items):
            self._failure(event.task, f"fatal: [{host}]", result, said=not event.ignored)
        elif result.status is Status.SKIPPED and self._style.display_skipped:
            self._task_banner(event.task)
            self.line(f"skipping: [{event.host}]{self._details(event.task, result)}", "skipped")
        if event.ignored and failed:
            self.line("...ignoring", "skipped")

    def _item(self, event: ev.ItemFinished) -> None:
        self._printing.pop(event.host, None)
        label = f"(item={_on_one_line(event.label)})"
        host = _label(event.host, event.delegate)
        self._outcome(event.task, host, event.result, label=label, diff=True, said=not event.ignored)

    def _outcome(self, task: str, host: str, result: Result, *, label: str = "", diff: bool, said: bool) -> None:
        """What a task or item came to: its diff, then its line. ``said``: a failure is explained first."""
        status = result.status
        if status in (Status.FAILED, Status.UNREACHABLE):
            self._failure(task, f"failed: [{host}] {label}" if label else f"fatal: [{host}]", result, said=said)
            return
        if not self._visible(status):
            return
        self._task_banner(task)
        if diff:
            self._diffs(result)
        item = f" => {label}{' ' if status is Status.SKIPPED else ''}" if label else ""
        self.line(f"{LINE[status]}: [{host}]{item}{self._details(task, result)}", status.value)

    def _failure(self, task: str, head: str, result: Result, *, said: bool) -> None:
        self._task_banner(task)
        if said:
            self._explain(task, result)
        gone = result.status is Status.UNREACHABLE
        word = "" if head.startswith("failed") else ": UNREACHABLE!" if gone else ": FAILED!"
        text = self._dump(task, result, indent=self._is_always_shown(task))
        self.line(f"{head}{word} => {text}", "unreachable" if gone else "failed")

    def _explain(self, task: str, result: Result) -> None:
        """Once for each message and task: the message as a person reads it, and where the task stands."""
        message = (result.message or result.status.value).removeprefix(TASK_FAILED)
        text = f"[ERROR]: {TASK_FAILED}{_indented(message)}\n"
        place = self._tasks[task].place if task in self._tasks else None
        if place is not None:
            excerpt = place.excerpt()
            text += f"Origin: {place}\n" + (f"\n{excerpt}\n" if excerpt else "")
        if text not in self._explained:
            self._explained.add(text)
            self.line(text, "error")

    def _visible(self, status: Status) -> bool:
        if status is Status.SKIPPED:
            return self._style.display_skipped
        return status is not Status.OK or self._style.display_ok

    def _is_always_shown(self, task: str) -> bool:
        """Ansible shows what debug and assert (unless quiet) say also without -v."""
        started = self._tasks.get(task)
        if started is None or started.action not in ALWAYS_SHOWN:
            return False
        return started.action == DEBUG or str(started.args.get("quiet", "")).lower() not in TRUE

    def _details(self, task: str, result: Result) -> str:
        always = self._is_always_shown(task) and not result.skipped
        started = self._tasks.get(task)
        if started is not None and started.action in NEVER_SHOWN:
            return ""
        if not always and not self._style.verbosity:
            return ""
        return f" => {self._dump(task, result, indent=always)}"

    def _dump(self, task: str, result: Result, *, indent: bool) -> str:
        started = self._tasks.get(task)
        terse = started is not None and started.action == DEBUG and not result.failed
        return dump(result, indent=4 if indent else None, verbosity=self._style.verbosity, terse=terse)

    def _diffs(self, result: Result) -> None:
        for diff in result.diff:
            text = diff_text(diff, color=self._style.color, most=self._style.max_diff_size)
            if text:
                self._write(text + "\n")

    # Asides

    def _warned(self, event: ev.Warned) -> None:
        if event.deprecation and not self._style.deprecations:
            return
        kind = "DEPRECATION WARNING" if event.deprecation else "WARNING"
        where = ", ".join(filter(None, (event.host and f"on {event.host}", str(event.place or ""))))
        text = f"[{kind}]: {_indented(event.text)}{f' ({where})' if where else ''}"
        if text not in self._warnings:
            self._warnings[text] = None
            self.line(text, "deprecation" if event.deprecation else "warning", self._warn)

    def _disk(self, event: ev.DiskCrossed) -> None:
        kind = "CRITICAL" if event.level == "minimum" else "WARNING"
        free, least = size(event.free), size(event.threshold)
        text = f"[{kind}]: [{event.host}] disk space: {event.mount} has {free} free of {size(event.total)}, the {event.level} is {least}"
        self._warnings[text] = None
        self.line(text, "error" if event.level == "minimum" else "warning")

    def _interrupted(self, event: ev.InterruptedRun) -> None:
        doing = _on_one_line("; ".join(f"{host}: {task}" for host, task in list(event.under_way.items())[:10]))
        how = "forced stop" if event.forced else "stopping"
        self.line(f"[WARNING]: Run interrupted by {event.reason}: {how}" + (f" ({doing})" if doing else ""), "warning")

    def _verification(self, event: ev.Verified) -> None:
        counts = self._verified.setdefault(event.host, {})
        counts[event.outcome] = counts.get(event.outcome, 0) + 1
        if event.expected:
            self._expectation(event)
            return
        words: dict[Literal["passed", "failed", "skipped", "error"], tuple[str, str]] = {
            "passed": ("ok", "ok"),
            "skipped": ("skipping", "skipped"),
            "failed": ("failed", "failed"),
            "error": ("failed", "failed"),
        }
        word, color = words[event.outcome]
        self.line(f"{word}: [{event.host}] => {_on_one_line(event.test)}", color)
        if event.outcome in ("failed", "error") and event.detail:
            self.line("\n".join(f"    {text}" for text in event.detail.splitlines()), "failed")

    def _expectation(self, event: ev.Verified) -> None:
        """One line where something has drifted; what is as it was is only counted, there is much of it."""
        if event.outcome == "passed":
            if self._style.verbosity:
                self.line(f"ok: [{event.host}] => {event.test}", "ok")
            return
        detail = event.detail.strip().rpartition("\n")[2]
        self.line(f"drifted: [{event.host}] => {_on_one_line(event.test)}: {detail}", "failed")

    # The end

    def _end(self, event: ev.RunFinished) -> None:
        if self._verified:
            self.banner("VERIFICATION RECAP")
            for host, outcomes in sorted(self._verified.items()):
                counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
                self.line(f"{host:<26} : {counts}", "failed" if {"failed", "error"} & outcomes.keys() else "ok")
        self.banner("PLAY RECAP")
        for host in sorted(event.recap):
            self._write(self._recap_line(host, event.recap[host]) + "\n")
        if event.custom_stats and self._style.show_custom_stats:
            self.banner("CUSTOM STATS:")
            self._stats(event.custom_stats)
        if self._warnings:
            self._write("\n")
            for text in self._warnings:
                self.line(text, "deprecation" if text.startswith("[DEPR") else "warning")
        self._write("\n")

    def _stats(self, stats: Mapping[str, object]) -> None:
        """Ansible's form: a line a host, then what ``set_stats`` gathered for the run as a whole."""
        for host in sorted(stats, key=lambda name: (name == "_run", name)):
            text = json.dumps(as_plain(stats[host]), indent=1, ensure_ascii=False, sort_keys=True).replace("\n", "")
            self.line(f"\n\tRUN: {text}\n" if host == "_run" else f"\t{host}: {text}")

    def _recap_line(self, host: str, recap: HostRecap) -> str:
        counts = (
            ("ok", recap.ok, "ok"),
            ("changed", recap.changed, "changed"),
            ("unreachable", recap.unreachable, "unreachable"),
            ("failed", recap.failed, "failed"),
            ("skipped", recap.skipped, "skipped"),
            ("rescued", recap.rescued, "ok"),
            ("ignored", recap.ignored, "warning"),
        )
        columns = " ".join(self._count(name, number, color) for name, number, color in counts)
        return f"{self._recap_host(safe(host), recap)} : {columns}"

    def _count(self, name: str, number: int, color: str) -> str:
        text = f"{name}={number:<4}"
        return paint(text, color) if self._style.color and number else text

    def _recap_host(self, host: str, recap: HostRecap) -> str:
        if not self._style.color:
            return f"{host:<26}"
        color = "failed" if recap.failed or recap.unreachable else "changed" if recap.changed else "ok"
        return f"{paint(host, color):<37}"


def _on_one_line(label: str) -> str:
    """A loop's item, a name from a template may be what a host printed: it must not begin lines of its own, which would look like ours."""
    return label.replace("\n", "\\n")


def _indented(message: str) -> str:
    """The same for a message of several lines."""
    return Room(longest=LONGEST_MESSAGE).text(message).replace("\n", "\n    ")


def _label(host: str, delegate: str) -> str:
    return f"{host} -> {delegate}" if delegate and delegate != host else host
