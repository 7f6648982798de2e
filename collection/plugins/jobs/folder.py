"""hotdesk.sync.folder: mirror a directory tree from the source PC to this target. Its arguments: plugins/modules/folder.py."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.aio import TaskGroup, first, in_thread
from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.conflicts import conflicts, note_done, note_source, save_beside
from hotdesk.jobs.tree_changes import (
    as_planned,
    changes_of,
    expected,
    missing,
    narrowed,
    ordered,
    paired,
    together,
    told,
)
from hotdesk.jobs.tree_ends import guarded, rsync_version
from hotdesk.results import Diff
from hotdesk.transfer import Item, Mirror, Report, answers, ends, filters, guard, scan, shown
from hotdesk.transfer.rsync import Ability, usable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs import Machine

SYSTEM = ("/", "/bin", "/boot", "/lib", "/lib64", "/opt", "/sbin", "/usr")


_NEW = (Item("cd+++++++++", b"./"),)
"""A destination that was missing."""


class Job(SyncJob):
    """Mirror a directory tree. What rsync would do is rehearsed first, by the same command line that then does it.

    The rehearsal is left out when nobody wants to see it and nothing can be lost by the act: no deletions, and no way in below ``dest``.
    """

    after = ("accounts", "apt")

    _mirror: Mirror
    _login: Mapping[str, Any]
    _missing: bool

    def writes(self) -> list[str]:
        return [self._dest]

    def reads(self) -> list[str]:
        return [self._path]

    @property
    def _path(self) -> str:
        return posixpath.normpath(str(self.args["path"]))

    @property
    def _dest(self) -> str:
        return posixpath.normpath(str(self.args.get("dest") or self.args["path"]))

    @property
    def _same(self) -> bool:
        """The target is the source: there is nothing to do (a play may well name all its PCs)."""
        return self.source.host == self.target.host and self._path == self._dest

    # --- validate

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        problems = self._arguments()
        if problems or self._same:
            return problems
        try:
            async with TaskGroup() as group:
                looks = [
                    (
                        group.create_task(machine.call(ends, "describe", path, change=False, answers=answers.END)),
                        group.create_task(rsync_version(machine)),
                    )
                    for machine, path in ((self.source, self._path), (self.target, self._dest))
                ]
        except BaseExceptionGroup as found:
            raise first(found) from None
        source, target = ({**end.result(), "rsync": version.result()} for end, version in looks)
        self._login, self._missing = target["login"], target["kind"] == "missing"
        problems += self._places(source["kind"], target["kind"])
        problems += self._machines(source["machine"], target["machine"])
        problems += await self._read_rules()
        able = [
            usable(machine.host, end["rsync"], problems)
            for machine, end in ((self.source, source), (self.target, target))
        ]
        self._users(source, target)
        if not problems:
            self._choose(source, target, [one for one in able if one is not None])
        return problems

    def _arguments(self) -> list[Problem]:
        out = []
        for option in ("path", "dest"):
            value = self.args.get(option)
            if value and (not value.startswith("/") or "\n" in value or "\0" in value):
                out.append(
                    Problem(f"{option}: {value!r} is not an absolute path", "Write it from the root: /home/anna.")
                )
        limit = str(self.args.get("bwlimit") or "")
        if limit and not re.fullmatch(r"\d+(\.\d+)?[kmgtKMGT]?(i?[bB])?", limit):
            out.append(Problem(f"bwlimit: {limit!r} is not a rate", "Write KiB per second (2000) or with a unit (2m)."))
        if not out and self.source.host == self.target.host and not self._same and _inside(self._dest, self._path):
            out.append(
                Problem(f"dest {self._dest} lies inside path {self._path} on the same PC", "Choose another dest.")
            )
        return out

    def _places(self, source: str, target: str) -> list[Problem]:
        out = []
        said = {"missing": "does not exist", "file": "is not a directory", "denied": "cannot be read"}
        denied = "Use become: true, or another user."
        if source != "dir":
            remedy = denied if source == "denied" else "Create it there, or correct path."
            out.append(Problem(f"{self._path} {said[source]} on {self.source.host} (the source)", remedy))
        if target in ("file", "denied"):
            remedy = denied if target == "denied" else "Move it away, or correct dest."
            out.append(Problem(f"{self._dest} {said[target]} on {self.target.host}", remedy))
        return out

    def _machines(self, source: str, target: str) -> list[Problem]:
        if source == target:
            return []
        text = f"{self.source.host} is {source} and {self.target.host} is {target}"
        if any(_inside(self._path, top) and (top != "/" or self._path == "/") for top in SYSTEM):
            return [
                Problem(
                    f"{text}: programs below {self._path} would not run", "Mirror only directories without programs."
                )
            ]
        self._warnings.append(f"{text}: programs below {self._path} will not run on {self.target.host}")
        return []

    async def _read_rules(self) -> list[Problem]:
        """The user's rules: those of filter_file (on the source), then those of filters."""
        rules = [str(rule).encode() for rule in self.args.get("filters") or []]
        problems = filters.problems(rules, "filters")
        self._warnings += filters.traps(rules, "filters", self._path)
        name = self.args.get("filter_file")
        if name:
            path = posixpath.join(self._path, name)
            try:
                content = filters.lines(await self.source.read(path))
            except OSError as exc:
                return [
                    *problems,
                    Problem(f"filter_file: {path} on {self.source.host}: {exc.strerror}", "Correct the path."),
                ]
            problems += filters.problems(content, path)
            self._warnings += filters.traps(content, path, self._path)
            rules += content
        self._rules = rules
        return problems

    def _users(self, source: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        if target["uid"] != 0:
            return
        for name, uid in source["users"].items():
            other = target["users"].get(name, uid)
            if other != uid:
                self._warnings.append(
                    f"{name} is uid {uid} on {self.source.host} and {other} on {self.target.host}: "
                    f"files keep the number {uid}"
                )

    def _choose(self, source: Mapping[str, Any], target: Mapping[str, Any], able: Sequence[Ability]) -> None:
        """The mirror without its rules; what one of the ends cannot keep is left out, and said."""
        keep = {}
        for what, text in (("acls", "ACLs"), ("xattrs", "extended attributes")):
            lacking = [
                host
                for host, end, rsync in zip((self.source.host, self.target.host), (source, target), able, strict=True)
                if not (end[what] and getattr(rsync, what))
            ]
            keep[what] = not lacking
            if lacking:
                self._warnings.append(
                    f"{text} are not kept: {' and '.join(lacking)} cannot handle them at {self._path}"
                )
        self._unprivileged = None if target["uid"] == 0 else target["uid"]
        self._mirror = Mirror(
            path=self._path,
            dest=self._dest,
            delete=bool(self.args.get("delete")),
            bwlimit=str(self.args.get("bwlimit") or ""),
            checksum=bool(self.args.get("checksum")),
            one_file_system=bool(self.args.get("one_file_system")),
            mkpath=all(one.mkpath for one in able),
            timeout=max(60, int(self.target.stall_timeout)),
            acls=keep["acls"],
            xattrs=keep["xattrs"],
        )

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self._same:
            return Plan(data={"note": f"{self.target.host} is the source"})
        looked = await self.source.call(
            scan, "look", self._path, filters.DIRECTORY_FILTER.encode(), change=False,
            one_file_system=self._mirror.one_file_system, owner=self._unprivileged, on_item=lambda _count: self.target.heard(), answers=answers.LOOK,
        )  # fmt: skip
        self._foreign(looked)
        found = dict(looked["filters"])
        if not self.preview_wanted and self._harmless():
            self._rule(found, [])
            return Plan(open=True, warnings=tuple(self._warnings))
        report = await self._rehearse(found, [])
        protected = await self._guard(report.items)
        if protected:
            report = await self._rehearse(found, protected)
        self._found, self._protected = found, protected
        before = await self._states(self.target, self._dest, report.items)
        after = await self._states(self.source, self._path, report.items)
        lost = await conflicts(self.source, self.target, self._mirror, report.items)
        return await in_thread(self._plan, report, before, after, lost)

    async def _states(self, machine: Machine, top: str, items: Sequence[Item]) -> dict[bytes, str]:
        """What is there, for each item; not worth the looking when nobody reviews the plan."""
        if not (self.reviewed and items):
            return {}
        names = [item.path for item in items]
        found = await machine.call(ends, "states", top, payload=b"\0".join(names), change=False, answers=[str])
        return {name: state for name, state in paired(names, found, machine.host) if state != ends.DIRECTORY}

    def _plan(
        self, report: Report, before: Mapping[bytes, str], after: Mapping[bytes, str], lost: Mapping[bytes, str]
    ) -> Plan:
        items = ordered(report.items)
        self._whole = together(items, self.marked, lost) if self.reviewed else {}
        return Plan(
            changes=changes_of(items, before, after, self._whole, lost),
            data={"report": report, "result": told(items, report)},
            diff=(Diff(prepared="".join(f"{item}\n" for item in items)),) if items else (),
            warnings=(*self._warnings, *report.messages),
        )

    def _harmless(self) -> bool:
        """Without a rehearsal, nothing can be lost that the rehearsal would have saved (``_guard``, a list of deletions)."""
        home = str(self._login.get("home") or "/")
        below = [home, guard.SSHD, *guard.SUDOERS, *guard.ACCOUNTS]
        above = [f"{home}/.ssh", guard.SSHD, *guard.SUDOERS]
        return not (
            self._mirror.delete
            or any(_inside(path, self._dest) for path in below)
            or any(_inside(self._dest, path) for path in above)
        )

    async def _rehearse(self, found: Mapping[bytes, bytes], protected: Sequence[bytes]) -> Report:
        self._rule(found, protected)
        return await self.transfer(self._mirror, change=False)

    def _rule(self, found: Mapping[bytes, bytes], protected: Sequence[bytes]) -> None:
        try:
            rules = filters.build(self._rules, found, protected, (self._path, self._dest))
        except filters.FilterError as exc:
            raise TaskError(f"{exc} (on {self.source.host}; nothing was changed)") from None
        self._mirror = replace(self._mirror, rules=tuple(rules))

    def _foreign(self, looked: Mapping[str, Any]) -> None:
        count, example = looked["foreign"], looked["example"] or b""
        if self._unprivileged is not None and count:
            self._warnings.append(
                f"{count} of {looked['entries']} entries below {self._path} belong to other users (such as {shown(example)}): "
                f"an ordinary user on {self.target.host} cannot give files away; use become: true to keep owners"
            )
        if self._unprivileged is not None and looked["devices"]:
            self._warnings.append(f"{looked['devices']} device nodes are left out: only root can make them")

    async def _guard(self, items: Sequence[Item]) -> list[bytes]:
        """Rules for what must stay as it is so that the next connection still gets in. Raises TaskError when no rule can help."""
        asked = self._login["sudo"]
        sudoers = await self.target.call(ends, "sudoers", change=False, answers=[str]) if asked else []
        found = await in_thread(guard.touched, guard.ways(self._login, sudoers, self._dest), items)
        rules: list[bytes] = []
        cut: dict[guard.Way, int] = {}
        if found:
            there = await guarded(self.target, [way.path for way in found])
            here = await guarded(self.source, [self._here(way.path) for way in found])
            for way in found:
                before, after = there[way.path], here[self._here(way.path)]
                content = after[1] if after else None
                if before and (count := guard.lost(way, before[1], content, self._login["name"])):
                    cut[way] = count
            rules += [guard.protect(way.name) for way in guard.together(list(cut))]
            self._warnings += guard.warnings(cut, self.target.host, self.source.host)
        if named := await in_thread(guard.of_sshd, items, self._dest):
            rules += guard.protect_sshd(self._dest)
            self._warnings.append(
                f"{self.target.host}: its own sshd files were left as they are: {', '.join(map(shown, named[:5]))}"
            )
        await self._refuse(items, sudoers)
        return rules

    async def _refuse(self, items: Sequence[Item], sudoers: Sequence[str]) -> None:
        """Raise TaskError for modes and owners that would cut the way in."""
        paths = [path for path in guard.watched(self._login, sudoers) if _inside(path, self._dest)]
        if not paths:
            return
        here = await guarded(self.source, [self._here(path) for path in paths])
        source = {path: here[self._here(path)] for path in paths}
        owners = self._unprivileged is None
        problems = await in_thread(guard.refused, self._login, sudoers, self._dest, items, source, owners)
        if problems:
            raise TaskError("; ".join(f"{p.message} ({p.remedy})" for p in problems) + "; nothing was changed")

    def _here(self, path: str) -> str:
        """The source's counterpart of a path on the target."""
        return posixpath.normpath(posixpath.join(self._path, posixpath.relpath(path, self._dest)))

    # --- sync and after

    def scope(self, machine: Machine) -> str:
        return self._dest if machine is self.target else self._path

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        names = b"\0".join(subject.encode() for subject in subjects)
        found = await machine.call(ends, "states", self.scope(machine), payload=names, change=False, answers=[str])
        return [subject for subject, state in paired(subjects, found, machine.host) if state or "\\" in subject]

    def narrow(self, plan: Plan, changes: tuple[Change, ...]) -> Plan:
        report: Report = plan.data["report"]
        items, rules = narrowed(report.items, changes, self._whole)
        self._mirror = replace(self._mirror, delete=any(item.deletes for item in items))
        self._rule(self._found, [*self._protected, *rules])
        report, names = replace(report, items=tuple(items)), {f"{item.verb} {shown(item.path)}" for item in items}
        kept = tuple(change for change in plan.changes if change.id in names)
        return replace(plan, changes=kept, data={"report": report, "result": told(items, report)})

    def preview(self, plan: Plan) -> JobResult:
        if self._same:
            return JobResult(data={**told(()), "msg": plan.data["note"]})
        return JobResult(changed=bool(plan.changes), data=plan.data["result"], warnings=plan.warnings)

    async def sync(self, plan: Plan) -> JobResult:
        planned: Report = plan.data.get("report") or Report(_NEW if self._missing else ())
        if not self._mirror.mkpath:
            await self.target.run(["mkdir", "-p", "--", posixpath.dirname(self._dest)], change=True)
        if self.reviewed:
            await note_source(self.source, self._mirror)
        saved = await save_beside(self.target, self._dest, planned.items, self.keeping)
        report = await self.transfer(self._mirror, change=True, bytes_total=planned.totals.transferred)
        report = replace(report, items=await in_thread(as_planned, report.items, planned.items))
        self._done = report
        warnings = [*report.messages, *(f"{self.target.host} keeps its own version as {copy}" for copy in saved)]
        if report.vanished:
            names = ", ".join(report.vanished[:20]) + (" and more" if len(report.vanished) > 20 else "")
            warnings.append(
                f"{len(report.vanished)} files vanished on {self.source.host} before their turn came: {names}"
            )
        data = await in_thread(told, report.items, report)
        return JobResult(changed=bool(report.items), data=data, warnings=tuple(warnings))

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """Everything that was planned must have been done, or be no longer needed."""
        if plan.open:
            return []
        lacking = await in_thread(missing, plan.data["report"].items, self._done.items)
        if not lacking:
            return []
        again = await self.transfer(self._mirror, change=False)
        left = sorted(shown(item.path) for item in again.items if item.path in lacking)
        return [Problem(f"{name} is still not as on {self.source.host}") for name in left[:50]]

    async def remember(self, plan: Plan, result: JobResult) -> None:
        if not self._same:
            done = self._done.items if result.changed else ()
            await note_done(self.source, self.target, self._mirror, done, reviewed=self.reviewed)

    async def expectations(self, plan: Plan, result: JobResult) -> Sequence[Expectation]:
        return await expected(self.target, self._dest, self._done.items if result.changed else (), self.expected)


def _inside(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")
