"""hotdesk.sync.systemd: unit files and what is enabled, disabled and masked, as on the source. Its arguments: plugins/modules/systemd.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.changes import in_words
from hotdesk.jobs.machine_units import PATTERNS, WAYS_IN, matches
from hotdesk.jobs.on_target import unit_files
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import ENVIRONMENT, both, carry_out, run, still_wanted
from hotdesk.jobs.transaction import STATE, UNDO, PutFile, place, recover, unfinished
from hotdesk.jobs.undo import Undo, note

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

    from hotdesk.jobs import Machine
    from hotdesk.jobs.transaction import State

    Step = tuple[Change, Callable[[], Awaitable[object]]]

OLDEST = 232
TOPS = {"system": "/etc/systemd/system", "user": "/etc/systemd/user"}
WORDS = ("enabled", "disabled", "masked")
PLAIN = ("--no-legend", "--no-pager", "--plain", "--full")
RUN: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "timers": (".timer",),
    "all": (".timer", ".service", ".socket", ".path"),
}
"""What is started and stopped too, by the argument ``now``."""
MASK = ["link", 0, 0, 0, "/dev/null"]
"""``State`` of a masked unit's file."""
LOOK = 'found="$("$@" 2>/dev/null)"; case $found in not-found) ;; failed) echo inactive ;; *) printf "%s\\n" "$found" ;; esac'
"""A state in a word; nothing for a unit that is not there, and one that failed does not run."""
_SURVEY = {"files": {str: STATE}, "masked": [str], "instances": [str], "odd": {str: str}}


@dataclass(frozen=True, slots=True)
class Scope:
    """The units of the system, or those of every user's own systemd, on one PC."""

    files: dict[str, State]
    masked: frozenset[str]
    instances: frozenset[str]
    odd: Mapping[str, str]
    states: Mapping[str, str]
    """Unit -> the word of ``systemctl list-unit-files``."""
    active: Mapping[str, str] = field(default_factory=dict)
    """Unit -> active, inactive, failed, ...; empty where systemd does not run."""

    def word(self, unit: str) -> str | None:
        """enabled, disabled or masked; another word for what is neither; None: there is no such unit."""
        if unit in self.masked:
            return "masked"
        if re.search(r"@[^.]", unit):
            there = re.sub(r"@.*\.", "@.", unit) in self.states
            return "enabled" if unit in self.instances else "disabled" if there else None
        word = self.states.get(unit)
        return "masked by its package" if word == "masked" else word


class Job(SyncJob):
    """Local unit files and drop-ins, each unit's in one transaction; then enabled, disabled and masked; then, if wanted, running."""

    after = ("apt", "etc")
    _here: dict[str, Scope]
    _there: dict[str, Scope]
    _running: bool
    """systemd is process 1 on the target."""
    _broken: bool
    """A transaction of ours was killed there."""
    _acts: dict[str, Callable[[], Awaitable[object]]]

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        if self.source.host == self.target.host:
            return []
        problems = []
        if self.target.info.uid != 0:
            problems.append(Problem(f"{self.target.host}: only root can change units", "Use become: true."))
        for machine in (self.source, self.target):
            version = await _version(machine)
            if version < OLDEST:
                text = f"has systemd {version}; {OLDEST} or newer is needed" if version else "has no systemctl"
                problems.append(Problem(f"{machine.host} {text}", "Take it out of this play's hosts, or update it."))
        return problems

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        self._here, self._there = await both(_look(self.source), _look(self.target))
        self._running = bool(self._there["system"].active)
        if not self._running:
            self._warn(f"{self.target.host} is not run by systemd now: what is changed holds from its next start")
        self._broken = await self._as_recovered()
        guarded = await self._ways_in()
        steps = [step for scope in TOPS for step in self._steps(scope, guarded)]
        self._acts = {change.id: act for change, act in steps}
        changes = tuple(change for change, _ in steps)
        warnings = tuple(dict.fromkeys(self._warnings))
        return Plan(changes=changes, diff=in_words(changes), warnings=warnings)

    async def _as_recovered(self) -> bool:
        """Files as they will be once the transactions that something killed are undone."""
        found = False
        for one in await unfinished(self.target):
            for path, state in one["was"].items():
                for scope, top in TOPS.items():
                    if path.startswith(top + "/"):
                        found = True
                        self._there[scope].files.pop(path[len(top) + 1 :], None)
                        if state is not None:
                            self._there[scope].files[path[len(top) + 1 :]] = state
        return found

    async def _ways_in(self) -> set[str]:
        """The target's units that let people in: those by name, and whatever else runs an sshd."""
        there = self._there["system"]
        units = {unit for unit in {*there.states, *map(_unit, there.files)} if matches(unit, WAYS_IN)}
        if self._running:
            argv = ["systemctl", "show", "--type=service", "--property=Id,ExecStart", "*.service"]
            text = (await run(self.target, argv, change=False)).stdout.decode(errors="replace")
            for block in text.split("\n\n"):
                if re.search(r"path=\S*/(sshd|dropbear)\b", block) and (name := re.search(r"^Id=(\S+)$", block, re.M)):
                    units.add(name[1])
        return units

    def _steps(self, scope: str, guarded: set[str]) -> Iterator[Step]:
        excluded = (*PATTERNS, *(self.args.get("exclude") or ()))
        made: dict[str, str] = {}
        for change, act in self._files(scope, excluded, guarded):
            made[change.subject.removeprefix("files of ").removesuffix(_suffix(scope))] = change.id
            yield change, act
        here, there = self._here[scope], self._there[scope]
        enabled = {unit for unit in {*there.states, *there.instances} if there.word(unit) == "enabled"}
        for unit in sorted({*here.states, *here.masked, *here.instances, *there.instances}):
            if matches(unit, excluded) or "@." in unit:
                continue
            for change, act in self._word(scope, unit, guarded, made):
                enabled |= {unit} if change.verb == "enable" else set()
                yield change, act
        if scope == "system" and self._running:
            yield from self._run(excluded, guarded, enabled)

    def _files(self, scope: str, excluded: Sequence[str], guarded: set[str]) -> Iterator[Step]:
        here, there = self._here[scope], self._there[scope]
        for path, why in sorted(here.odd.items()):
            self._warn(f"{TOPS[scope]}/{path} on {self.source.host} is left: {why}")
        units: dict[str, list[str]] = {}
        for path in sorted({*here.files, *there.files}):
            if here.files.get(path) != there.files.get(path) and (path in here.files or self.args.get("delete")):
                units.setdefault(_unit(path), []).append(path)
        for unit, paths in units.items():
            if matches(unit, excluded):
                continue
            if unit in guarded:
                self._warn(f"{self.target.host}: the files of {unit} stay as they are: it lets you in")
                continue
            new, gone = (all(path not in one.files for path in paths) for one in (there, here))
            verb = "delete" if gone else "create" if new else "update"
            before, after = (_digest(one.files, paths) for one in (there, here))
            lost = any(path not in here.files for path in paths)
            change = Change(
                verb=verb, subject=f"files of {unit}{_suffix(scope)}", detail=", ".join(paths), destructive=lost,
                before=before, after=after, undo=UNDO,
            )  # fmt: skip
            yield change, partial(self._put, scope, unit, paths)

    async def _put(self, scope: str, unit: str, paths: Sequence[str]) -> None:
        here, there, top, files = self._here[scope].files, self._there[scope].files, TOPS[scope], []
        for path in paths:
            whole, state = f"{top}/{path}", here.get(path)
            was = MASK if path in self._there[scope].masked else there.get(path)
            if state is None:
                files.append(PutFile(path=whole, was=was))
            elif state[0] == "link":
                files.append(PutFile(path=whole, link=state[4], was=was))
            else:
                files.append(PutFile(path=whole, content=await self.source.read(whole), mode=state[1], was=was))
        reload = [["systemctl", "daemon-reload"]] if self._running and scope == "system" else []
        if unit in self._there[scope].states and unit in paths and unit not in here:
            if self._there[scope].word(unit) == "enabled":
                subject = f"disable {unit}{_suffix(scope)}"
                undo = [self._undo(subject, scope, unit, "is-enabled", ("enabled", ""), ("enable",))]
                if self._there[scope].active.get(unit) == "active":
                    undo.append(
                        self._undo(f"stop {unit}", scope, unit, "is-active", ("active", "inactive"), ("start",))
                    )
                await note(self.target, f"systemd {unit}", undo)
            await self._systemctl(scope, ("disable", "stop") if reload else ("disable",), unit)
        await place(self.target, f"systemd {unit}", files, checks=reload)

    def _word(self, scope: str, unit: str, guarded: set[str], made: Mapping[str, str]) -> Iterator[Step]:
        wanted, now = self._here[scope].word(unit), self._there[scope].word(unit)
        if wanted not in WORDS or wanted == now or (now is None and wanted == "disabled"):
            return
        template = re.sub(r"@.*\.", "@.", unit)
        needs = tuple(made[name] for name in dict.fromkeys((unit, template)) if name in made)
        if now is None and wanted == "enabled" and not any(need.startswith("create") for need in needs):
            self._warn(
                f"{self.target.host} has no {unit}, which is enabled on {self.source.host}: install what brings it"
            )
            return
        if now not in (None, *WORDS, "linked", "indirect"):
            if wanted == "enabled":
                self._warn(f"{unit} is enabled on {self.source.host} and {now} on {self.target.host}: it is left")
            return
        if unit in guarded and wanted != "enabled":
            self._warn(f"{self.target.host}: {unit} is not {wanted}: it lets you in")
            return
        verb = {"enabled": "enable", "disabled": "disable", "masked": "mask"}[wanted]
        change = Change(
            verb=verb, subject=f"{unit}{_suffix(scope)}", detail=f"{now or 'not there'} -> {wanted}", before=now or "",
            after=wanted, undo="hotdesk rollback", needs=needs,
        )  # fmt: skip
        verbs = ("unmask", verb) if now == "masked" else (verb,)
        back = {"enabled": ("enable",), "masked": ("mask",)}.get(now or "", () if wanted == "masked" else ("disable",))
        back = ("unmask", *back) if wanted == "masked" else back
        undo = self._undo(change.id, scope, unit, "is-enabled", (now or "", wanted), back)
        yield change, partial(self._noted, undo, scope, verbs, unit)

    def _run(self, excluded: Sequence[str], guarded: set[str], enabled: set[str]) -> Iterator[Step]:
        """Start what is enabled and runs on the source, stop what is disabled or masked and does not: timers only, or everything."""
        kinds = RUN[self.args.get("now") or "timers"]
        here, there = self._here["system"], self._there["system"]
        for unit in sorted({*here.states, *here.masked, *here.instances} if here.active else ()):
            if not unit.endswith(kinds) or matches(unit, excluded) or unit in guarded or "@." in unit:
                continue
            word, runs, now = here.word(unit), here.active.get(unit) == "active", there.active.get(unit) == "active"
            if word == "enabled" and runs and not now and unit in enabled:
                needs = (f"enable {unit}",) if there.word(unit) != "enabled" else ()
                change = Change(verb="start", subject=unit, undo="hotdesk rollback", needs=needs)
                undo = self._undo(change.id, "system", unit, "is-active", ("inactive", "active"), ("stop",))
                yield change, partial(self._noted, undo, "system", ("start",), unit)
            elif word in ("disabled", "masked") and not runs and now:
                change = Change(verb="stop", subject=unit, undo="hotdesk rollback")
                undo = self._undo(change.id, "system", unit, "is-active", ("active", "inactive"), ("start",))
                yield change, partial(self._noted, undo, "system", ("stop",), unit)

    def _undo(
        self, subject: str, scope: str, unit: str, asked: str, states: tuple[str, str], verbs: Sequence[str]
    ) -> Undo:
        """``states``: what ``asked`` says before and after."""
        before, after = states
        return Undo(
            subject=subject, detail=f"{after or 'not there'} -> {before or 'not there'}", before=before, after=after,
            look=("sh", "-c", LOOK, "sh", *_argv(scope, asked, unit)),
            steps=tuple((tuple(_argv(scope, verb, unit)), "") for verb in verbs), last="start" in verbs,
        )  # fmt: skip

    async def _noted(self, undo: Undo, scope: str, verbs: Sequence[str], unit: str) -> None:
        await note(self.target, f"systemd {unit}", [undo])
        await self._systemctl(scope, verbs, unit)

    async def _systemctl(self, scope: str, verbs: Sequence[str], unit: str) -> None:
        for verb in verbs:
            await run(self.target, _argv(scope, verb, unit), change=True)

    def _warn(self, text: str) -> None:
        self._warnings.append(text)

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        if self._broken:
            await recover(self.target)
        done, failed = await carry_out(self.target, plan.changes, lambda change: self._acts[change.id]())
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    def preview(self, plan: Plan) -> JobResult:
        return JobResult(changed=bool(plan.changes), data=_data(plan.changes), warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more. What was started may have done its work already."""
        self._there = await _look(self.target)
        guarded = await self._ways_in()
        wanted = {change.id for scope in TOPS for change, _ in self._steps(scope, guarded) if change.verb != "start"}
        return still_wanted(self.target, result.data["items"], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """The local files, and the words of the units that are as on the source."""
        if self.source.host == self.target.host:
            return []
        now, found = await _look(self.target), []
        for scope, top in TOPS.items():
            for path, state in sorted(now[scope].files.items()):
                if state is not None and state == self._here[scope].files.get(path):
                    kind, mode, _, _, what = state
                    value = (
                        {"type": "symlink", "target": what}
                        if kind == "link"
                        else {"type": "file", "sha256": what, "mode": f"{mode:04o}"}
                    )
                    found.append(Expectation(kind="file", subject=f"{top}/{path}", value=value))
        here, there, excluded = self._here["system"], now["system"], (*PATTERNS, *(self.args.get("exclude") or ()))
        for unit in sorted({*here.states, *here.masked, *here.instances}):
            word = there.word(unit)
            if word in WORDS and word == here.word(unit) and "@." not in unit and not matches(unit, excluded):
                found.append(Expectation(kind="unit", subject=unit, value={"enabled": word}))
        return found

    async def present(self, machine: Machine, subjects: Iterable[str]) -> list[str]:
        """A unit is there as long as its files, or those of its package, are."""
        found = await _look(machine)
        units = {
            unit
            for one in found.values()
            for unit in {*one.states, *one.masked, *one.instances, *map(_unit, one.files)}
        }
        return [subject for subject in subjects if units.intersection(subject.split())]


async def _look(machine: Machine) -> dict[str, Scope]:
    """Both scopes of one PC."""
    found = {}
    for scope, top in TOPS.items():
        looked = await machine.call(bundle(unit_files), "survey", top, change=False, answers=_SURVEY)
        argv = ["systemctl", *(["--global"] if scope == "user" else []), "list-unit-files", *PLAIN]
        lines = (await run(machine, argv, change=False)).stdout.decode(errors="replace").splitlines()
        states = {words[0]: words[1] for line in lines if len(words := line.split()) > 1}
        active = await _active(machine) if scope == "system" else {}
        masked, instances = frozenset(looked["masked"]), frozenset(looked["instances"])
        files = {
            path: state for path, state in looked["files"].items() if unit_files.FILE.fullmatch(path)
        }  # and nowhere else
        found[scope] = Scope(files, masked, instances, looked["odd"], states, active)
    return found


async def _active(machine: Machine) -> dict[str, str]:
    """Unit -> active, inactive, failed; empty where systemd is not process 1 (its own word for that is offline)."""
    done = await machine.run(["systemctl", "is-system-running"], change=False, env=dict(ENVIRONMENT), timeout=60)
    if done.stdout.strip() in (b"offline", b"unknown", b""):
        return {}
    text = (await run(machine, ["systemctl", "list-units", "--all", *PLAIN], change=False)).stdout.decode(
        errors="replace"
    )
    return {words[0]: words[2] for line in text.splitlines() if len(words := line.split(None, 4)) > 3}


async def _version(machine: Machine) -> int:
    """Of systemctl; 0: there is none."""
    try:
        done = await machine.run(["systemctl", "--version"], change=False, env=dict(ENVIRONMENT), timeout=60)
    except FileNotFoundError:
        return 0
    found = re.match(rb"systemd (\d+)", done.stdout)
    return int(found[1]) if found else 0


def _argv(scope: str, verb: str, unit: str) -> list[str]:
    return ["systemctl", *(["--global"] if scope == "user" else []), verb, "--", unit]


def _unit(path: str) -> str:
    """The unit that a file below the top is of: ``a.service`` for ``a.service.d/b.conf`` too."""
    return path.partition("/")[0].removesuffix(".d")


def _suffix(scope: str) -> str:
    return " for all users" if scope == "user" else ""


def _digest(files: Mapping[str, State], paths: Iterable[str]) -> str:
    """What is there, short: of each file its digest."""
    return ", ".join(f"{path} {state[4][:12]}" for path in paths if (state := files.get(path)) is not None)


def _data(changes: Iterable[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
