"""hotdesk.sync.apt: the source's packages, by name and origin, with what they come by. Its arguments: plugins/modules/apt.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs import apt_commands as apt
from hotdesk.jobs.apt_plan import DESCRIBED, Package, Wanted, compare
from hotdesk.jobs.on_target import apt_state, apt_timers, etc_files
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import lacking
from hotdesk.jobs.transaction import PutFile, place, put_back, recover, unfinished
from hotdesk.jobs.undo import begin_packages, end_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hotdesk.jobs import Machine

TOOLS = ("apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query")
LEASE = 6 * 3600
"""Seconds after which systemd starts apt's timers again by itself."""
UNIT = "/etc/apt"


class Job(SyncJob):
    """Files of /etc/apt as one transaction whose check is ``apt-get update``, then all packages in one transaction of apt's."""

    _here: dict[str, Any]
    _there: dict[str, Any]
    _wanted: Wanted
    _refused: dict[str, str]
    """Id of a change -> why it cannot be done, known before."""
    _stopped: Sequence[str] = ()
    """Timers that are paused."""
    _also: Sequence[str] = ()
    """Packages of nobody's that are removed along."""

    def writes(self) -> list[str]:
        return ["/usr", "/var/cache/apt", "/etc/apt"]

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems = [
            Problem(f"{machine.host}: only root can see and change all of apt's", "Use become: true.")
            for machine in (self.source, self.target)
            if machine.info.uid != 0
        ]
        for machine in (self.source, self.target):
            if missing := await lacking(machine, *TOOLS):
                problems.append(
                    Problem(f"{machine.host} has no {', '.join(missing)}", "This job is for Debian and its kin.")
                )
        if problems:
            return problems
        self._here = await self._describe(self.source, [])
        self._there = await self._describe(self.target, self._here["manual"])
        for what in ("architecture", "release"):
            if self._here[what] != self._there[what]:
                text = f"{self.source.host} is {self._here[what]} and {self.target.host} is {self._there[what]}"
                problems.append(Problem(f"{text}: their packages are not the same", "Take another source."))
        for machine, found in ((self.source, self._here), (self.target, self._there)):
            if empty := sorted(set(found["held"]) - set(found["installed"]) - set(found["half"])):
                text = f"{machine.host} holds what is not installed: {', '.join(empty)}"
                problems.append(Problem(text, f"Run there: apt-mark unhold {' '.join(empty)}"))
        return problems

    async def _describe(self, machine: Machine, names: Sequence[str]) -> dict[str, Any]:
        found = await machine.call(bundle(apt_state), "describe", list(names), change=False, answers=DESCRIBED)
        return dict(found)

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        broken = await unfinished(self.target)
        back = [path for one in broken for path in put_back(self._there["files"], one["was"]) if one["unit"] == UNIT]
        self._wanted = compare(
            self._here, self._there, remove=bool(self.args.get("remove")), exclude=self.args.get("exclude") or [],
            source=self.source.host, target=self.target.host,
        )  # fmt: skip
        repairs = [
            Change(verb="undo", subject=one["name"], detail=f"what run {one['run']} left half done of {one['unit']}")
            for one in broken
        ]
        if self._there["half"]:
            repairs.append(
                Change(verb="configure", subject="dpkg", detail=f"in the middle: {', '.join(self._there['half'])}")
            )
        self._refused = {}
        changes = [*repairs, *await self._rehearsed()]
        refused = [f"{ident}: {why}" for ident, why in self._refused.items()]
        refused += [f"{path} comes back with what is undone: the next run compares it" for path in sorted(back)]
        return Plan(changes=tuple(changes), warnings=(*self._wanted.warnings, *refused))

    async def _rehearsed(self) -> list[Change]:
        """The changes, with the removals that installing brings with it: of those nobody asked for, each needs consent."""
        known = {i: one for i, one in self._wanted.packages.items() if not one.late}
        if not known or self._there["half"]:
            return self._wanted.changes
        found = await self._collateral(known, set())
        consented = set(self.args.get("collateral") or [])
        extra: dict[str, Change] = {}
        blamed: dict[str, list[str]] = {}
        for ident, names in found.items():
            for name in names - consented if isinstance(names, frozenset) else ():
                blamed.setdefault(ident, []).append(name)
                if self.reviewed:
                    version = self._there["installed"].get(name, "")
                    extra[name] = Change(
                        verb="remove", subject=name, detail=f"{version}, which {ident} would take with it", destructive=True,
                        before=version, undo=f"hotdesk rollback: apt-get install {name}={version}, while an archive has it",
                    )  # fmt: skip
            if isinstance(names, str):
                self._refused[ident] = names
        if not self.reviewed:
            self._refused |= {ident: self._why(names) for ident, names in blamed.items()}
        changes = [
            _needing(change, [extra[n].id for n in blamed.get(change.id, []) if n in extra])
            for change in self._wanted.changes
        ]
        at = next((i for i, change in enumerate(changes) if change.id in self._wanted.packages), len(changes))
        return [*changes[:at], *extra.values(), *changes[at:]]

    def _why(self, names: Iterable[str]) -> str:
        named = ", ".join(sorted(names))
        return f"it would remove {named}, which somebody installed by hand on {self.target.host}; allow it with collateral: [{named}]"

    async def _collateral(self, chosen: Mapping[str, Package], consented: set[str]) -> dict[str, frozenset[str] | str]:
        """Id -> the packages of somebody's that it would remove unasked, or apt's words when it cannot be done at all."""
        approved = {one.name for one in chosen.values() if one.remove} | consented
        protected = set(self._there["manual"]) - approved
        found, removes = await apt.collateral(self.target, chosen, protected, self._there["architecture"])
        self._also = sorted(removes - approved) if not found else self._also
        return found

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        chosen = {change.id: change for change in plan.changes}
        failed = {ident: why for ident, why in self._refused.items() if ident in chosen}
        self._stopped = await self._timers("pause", LEASE)
        kept = await begin_packages(self.target)
        if any(change.verb == "undo" for change in plan.changes):
            await recover(self.target)
        if "configure dpkg" in chosen:
            await self._finish(failed)
        names = await self._sources(plan, failed)
        await self._packages(plan, failed)
        for change in plan.changes:
            if change.verb in ("mark", "hold"):
                await self._mark(change, failed)
        await end_packages(self.target, kept)
        done = [change for change in plan.changes if change.id not in failed]
        return JobResult(
            changed=bool(done),
            data={**_told(done), "transactions": names, "also_removed": list(self._also)},
            warnings=plan.warnings,
            failed=failed,
        )

    async def _finish(self, failed: dict[str, str]) -> None:
        """What an interrupted dpkg left; what cannot be configured is said, and the rest goes on as far as apt lets it."""
        argv = ["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"]
        try:
            await apt.command(self.target, argv, change=True)
        except TaskError as exc:
            failed["configure dpkg"] = str(exc)

    async def _sources(self, plan: Plan, failed: dict[str, str]) -> list[str]:
        """Foreign architectures and /etc/apt, then the one update. What fails fails all of the unit, and what needs it."""
        for change in plan.changes:
            if change.verb == "add-architecture":
                await self._try(change, failed, ["dpkg", "--add-architecture", change.subject])
        members = [change for change in plan.changes if change.id in self._wanted.files]
        fetching = members or any(
            c.id in self._wanted.packages and not self._wanted.packages[c.id].remove for c in plan.changes
        )
        if not fetching:
            return []
        await self.target.call(
            bundle(apt_state), "wait_for", apt.LISTS_LOCK, self._lock_timeout, change=False, answers=float
        )
        if not members:
            said = await self.target.run(list(apt.UPDATE), change=True, env=apt.ENVIRONMENT, stall=True)
            if said.rc:
                self.target.warn(f"apt-get update on {self.target.host}: {apt.words(said)}")
            return []
        try:
            files = await self._filled([self._wanted.files[change.id] for change in members])
            return [await place(self.target, UNIT, files, checks=[apt.UPDATE], limit=900)]
        except TaskError as exc:
            failed |= {change.id: f"/etc/apt was put back as a whole: {exc}" for change in members}
            return []

    async def _filled(self, files: Sequence[PutFile]) -> list[PutFile]:
        """With their contents, byte for byte those of the source."""
        paths = [one.path for one in files if f"delete {one.path}" not in self._wanted.files and one.link is None]
        found = await self.source.call(bundle(etc_files), "contents", paths, change=False, answers=[bytes])
        content = dict(zip(paths, found, strict=True))
        return [PutFile(path=f.path, content=content.get(f.path), link=f.link, mode=f.mode, was=f.was) for f in files]

    async def _packages(self, plan: Plan, failed: dict[str, str]) -> None:
        """All that can be done in one transaction of apt's; what cannot is named, and the rest is tried once without it."""
        consented = set(self.args.get("collateral") or [])
        consented |= {change.subject for change in plan.changes if change.verb == "remove"}
        chosen: dict[str, Package] = {}
        for change in plan.changes:
            if blocked := next((need for need in change.needs if need in failed), None):
                failed.setdefault(change.id, f"not done, since '{blocked}' failed")
            if change.id not in failed and change.id in self._wanted.packages:
                chosen[change.id] = self._wanted.packages[change.id]
        await self._choose(chosen, failed)
        for _ in range(2):
            if not chosen:
                return
            for ident, found in (await self._collateral(chosen, consented)).items():
                failed[ident] = found if isinstance(found, str) else self._why(found)
                chosen.pop(ident)
            if not chosen:
                return
            told = await apt.perform(self.target, list(chosen.values()), lock_timeout=self._lock_timeout)
            if not told:
                return
            await self._sort_out(chosen, failed, told)

    async def _choose(self, chosen: dict[str, Package], failed: dict[str, str]) -> None:
        """By what the lists say now: from the origin that the source has it from, or not at all."""
        names = [one.name for one in chosen.values() if not one.remove]
        if not names:
            return
        self._there = await self._describe(self.target, self._here["manual"])
        for ident in list(chosen):
            one = chosen[ident]
            if one.remove:
                continue
            offered = self._there["origins"].get(one.name, {"source": "", "versions": [], "candidate": ""})
            mine = [version for version, origin in offered["versions"] if origin == one.origin]
            if one.version and one.version not in mine:
                offer = ", ".join(mine) or "none"
                failed[ident] = (
                    f"it is held at {one.version} on {self.source.host}, and {self.target.host} is offered {offer}"
                )
            elif not mine:
                failed[ident] = f"nothing on {self.target.host} offers {one.name} from {one.origin}"
            if ident in failed:
                chosen.pop(ident)
            elif not one.version and offered["source"] != one.origin:
                chosen[ident] = Package(one.name, one.origin, mine[0])
            elif not one.version and one.name in self._there["installed"]:
                chosen[ident] = Package(one.name, one.origin, offered["candidate"])

    async def _sort_out(self, chosen: dict[str, Package], failed: dict[str, str], told: str) -> None:
        """After a transaction that failed: what is done is done; a new package that does not get configured is taken away again."""
        now = await self._describe(self.target, self._here["manual"])
        half = set(now["half"])
        guilty = {i: one for i, one in chosen.items() if one.name in half}
        for ident in list(chosen):
            one = chosen[ident]
            fine = (
                one.name not in now["installed"]
                if one.remove
                else one.name in now["installed"] and one.name not in half
            )
            if ident in guilty or (not guilty and not fine):
                failed[ident] = told
            if ident in failed or fine:
                chosen.pop(ident)
        new = sorted(name for name in half if name not in self._there["installed"])
        if new:
            argv = ["dpkg", "--remove", "--force-remove-reinstreq", "--force-depends", *new]
            await self.target.run(argv, change=True, env=apt.ENVIRONMENT, stall=True)
        for ident, one in list(chosen.items()):
            if one.name in new:
                failed[ident] = told
                chosen.pop(ident)
        self._there = now

    async def _mark(self, change: Change, failed: dict[str, str]) -> None:
        verb = "manual" if change.verb == "mark" else "hold"
        if blocked := next((need for need in change.needs if need in failed), None):
            failed[change.id] = f"not done, since '{blocked}' failed"
        else:
            await self._try(change, failed, ["apt-mark", verb, change.subject])

    async def _try(self, change: Change, failed: dict[str, str], argv: Sequence[str]) -> None:
        try:
            await apt.command(self.target, argv, change=True)
        except TaskError as exc:
            failed[change.id] = str(exc)

    @property
    def _lock_timeout(self) -> float:
        return float(self.args.get("lock_timeout") or 120)

    async def _timers(self, function: str, argument: Any) -> list[str]:
        done = await self.target.call(apt_timers, function, argument, change=True, answers=([str], None))
        return list(done or [])

    async def cleanup(self) -> None:
        if self._stopped:
            stopped, self._stopped = self._stopped, ()
            await self._timers("resume", list(stopped))

    # --- after

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        self._there = await self._describe(self.target, self._here["manual"])
        there, out = self._there, []
        for change in plan.changes:
            name = change.subject
            if change.verb in ("install", "replace", "mark"):
                fine = (
                    name in there["installed"]
                    and name in there["manual"]
                    and self._from(name) == self._here["origins"][name]["origin"]
                )
            else:
                fine = {
                    "remove": change.id not in self._wanted.packages or name not in there["installed"],
                    "hold": name in there["held"],
                    "add-architecture": name in there["foreign"],
                    "delete": name not in there["files"],
                    "configure": not there["half"],
                }.get(change.verb, True)
            if not fine:
                out.append(Problem(f"after '{change.id}' {name} is still not as on {self.source.host}"))
        return out

    def _from(self, name: str) -> str:
        return str(self._there["origins"].get(name, {}).get("origin", ""))

    async def expectations(self, plan: Plan, result: JobResult) -> Sequence[Expectation]:
        if self.source.host == self.target.host:
            return ()
        return [
            Expectation(
                kind="package",
                subject=name,
                value={"version": self._there["installed"][name], "hold": name in self._there["held"]},
            )
            for name in self._here["manual"]
            if name in self._there["installed"]
            and self._from(name) == self._here["origins"].get(name, {}).get("origin", "")
        ]

    async def present(self, machine: Machine, subjects: Sequence[str]) -> Sequence[str]:
        found = await self._describe(machine, [])
        known = {*found["installed"], *found["files"], *found["foreign"], *found["held"]}
        return [subject for subject in subjects if subject in known]

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        changes = [change for change in plan.changes if change.id not in getattr(self, "_refused", {})]
        return JobResult(
            changed=bool(changes),
            data={**_told(changes), "transactions": [], "also_removed": list(self._also), **extra},
            warnings=plan.warnings,
        )


def _needing(change: Change, needs: Sequence[str]) -> Change:
    return replace(change, needs=(*change.needs, *needs)) if needs else change


def _told(changes: Iterable[Change]) -> dict[str, Any]:
    """The documented RETURN keys."""
    listed = list(changes)
    return {
        "items": [change.id for change in listed],
        "installed": [change.subject for change in listed if change.verb in ("install", "replace")],
        "removed": [change.subject for change in listed if change.verb == "remove"],
    }
