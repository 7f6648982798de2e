"""hotdesk.sync.etc: the machine-independent part of /etc as on the source. Its arguments: plugins/modules/etc.py."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError, nearest
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.etc_rules import GENERATED, LEFT, MACHINE, SSHD_WORDS, rule, tools, unit
from hotdesk.jobs.on_target import etc_files
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both
from hotdesk.jobs.transaction import STATE, UNDO, PutFile, Steady, place, put_back, recover, unfinished
from hotdesk.results import Diff
from hotdesk.transfer import ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hotdesk.jobs import Machine

    Entry = Mapping[str, Any]
    Files = dict[str, Entry]

ETC = "/etc"
PACKAGED = "as packaged"
"""What the target has before the change, for a review, when it is the package's own."""
DIFF_LIMIT = 100_000
_SURVEY = {
    "files": {str: {"standing": str, "package": str, "version": str, "state": STATE, "owner": str, "group": str}},
    "odd": {str: str},
    "tools": [str],
    "packages": [str],
}
REMOVED = {**dict.fromkeys(("package", "version", "owner", "group"), ""), "standing": "local"}
"""What is known of a file that a run has removed."""
_LOGIN = {"name": str, "sudo": bool}


class Job(SyncJob):
    """What of /etc was changed or added on the source, put in place unit by unit (``etc_rules.unit``), each a transaction."""

    after = ("apt", "accounts")
    _coming: set[str]
    """Packages that an earlier job of this run would install (check mode)."""
    _here: dict[str, Any]
    _there: dict[str, Any]
    _puts: dict[str, PutFile]
    """Id of a change -> what it puts in place."""

    def writes(self) -> list[str]:
        return [ETC, "/var/lib"]

    def reads(self) -> list[str]:
        return [ETC]

    # --- validate

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        self._puts = {}
        problems = self._arguments()
        if self.source.host == self.target.host:
            return problems
        for machine in (self.source, self.target):
            if machine.info.uid != 0:
                problems.append(
                    Problem(f"{machine.host}: only root can read and write all of /etc", "Use become: true.")
                )
            elif (await machine.run(["sh", "-c", "command -v dpkg-query"], change=False)).rc:
                problems.append(
                    Problem(
                        f"{machine.host} has no dpkg-query: whose a file of /etc is cannot be told",
                        "Debian and its kin alone.",
                    )
                )
        return problems

    def _arguments(self) -> list[Problem]:
        out = []
        for option in ("paths", "exclude", "include"):
            for value in self.args.get(option) or []:
                if value != ETC and not str(value).startswith(ETC + "/"):
                    out.append(
                        Problem(f"{option}: {value!r} is not below /etc", "Write it from the root: /etc/nginx/.")
                    )
        known = [pattern for pattern, why in LEFT if why in (MACHINE, GENERATED)]
        for value in self.args.get("include") or []:
            if value not in known:
                remedy = nearest(str(value), known) or "It is moved anyway, or another job's."
                out.append(Problem(f"include: {value!r} is none of what is left out", remedy))
        return out

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        self._here, self._there = await both(self._survey(self.source), self._survey(self.target))
        self._coming = {one.subject for one in self.foreseen.get("apt", ()) if one.verb == "install"}
        broken = await unfinished(self.target)
        for one in broken:
            back = put_back(self._there["files"], one["was"])
            ours = [path for path in back if unit(path) == one["unit"] and not etc_files.skipped(path, self._skip)]
            self._there["files"] |= {path: {**REMOVED, "state": back[path]} for path in ours}
        unseen = [path for path in self._here["files"] if path not in self._there["files"]]
        found = await self.target.call(bundle(etc_files), "states", unseen, change=False, answers=[STATE])
        self._unseen = {
            **dict(zip(unseen, found, strict=True)),
            **{path: one["was"][path] for one in broken for path in one["was"]},
        }
        changes = [self._repair(one) for one in broken]
        changes += [change for path in self._scope() if (change := self._change(path)) is not None]
        diff = await self._fill(changes)
        return Plan(changes=tuple(changes), warnings=tuple(self._warnings), diff=tuple(diff))

    async def _survey(self, machine: Machine) -> dict[str, Any]:
        found: dict[str, Any] = await machine.call(
            bundle(etc_files), "survey", ETC, self._skip, tools(), change=False, answers=_SURVEY
        )
        self._warnings += [f"{machine.host}: {path} is left: {why}" for path, why in sorted(found["odd"].items())]
        return found

    @property
    def _skip(self) -> list[str]:
        """Patterns of what is not looked at."""
        include = set(self.args.get("include") or [])
        return [pattern for pattern, _ in LEFT if pattern not in include] + list(self.args.get("exclude") or [])

    def _repair(self, one: Mapping[str, Any]) -> Change:
        return Change(
            verb="undo",
            subject=one["name"],
            detail=f"what the interrupted run {one['run']} left half done of {one['unit']}",
        )

    def _scope(self) -> list[str]:
        tops = [str(top).rstrip("/") for top in self.args.get("paths") or [ETC]]
        every = {*self._here["files"], *self._there["files"]} - set(self._there["odd"]) - set(self._here["odd"])
        return sorted(path for path in every if any(path == top or path.startswith(top + "/") for top in tops))

    def _change(self, path: str) -> Change | None:
        here, there = self._here["files"].get(path), self._there["files"].get(path)
        if here is not None and here["standing"] in ("changed", "local"):
            return self._want(path, here, there)
        if not self.args.get("delete"):
            return None
        if here is not None and here["standing"] == "packaged":
            return self._reset(path, here, there)
        if there is not None and there["state"] is not None and self._gone(here, there):
            return self._remove(path, there)
        return None

    def _gone(self, here: Entry | None, there: Entry) -> bool:
        """The source removed a package's file, or never had a file that is no package's."""
        return here is not None or there["standing"] == "local"

    def _want(self, path: str, here: Entry, there: Entry | None) -> Change | None:
        coming = here["package"] in self._coming
        if here["package"] and here["package"] not in self._there["packages"] and not coming:
            self._warnings.append(f"{path} is left: its package {here['package']} is not on {self.target.host}")
            return None
        if not (here["owner"] and here["group"]):
            self._warnings.append(f"{path} is left: its owner or group has no name on {self.source.host}")
            return None
        now = there["state"] if there is not None else self._unseen.get(path)
        if now is not None and now[0] == "other":
            self._warnings.append(f"{path} is left: on {self.target.host} it is neither a file nor a link")
            return None
        if there is not None and now is not None and _same(here, there):
            return None
        if (now is None and coming) or (there is not None and there["standing"] == "packaged"):
            return self._put("update", path, here, now, PACKAGED)
        alike = now is not None and now[0] == here["state"][0] and now[4] == here["state"][4]
        verb = "create" if now is None else "attributes" if alike else "update"
        return self._put(verb, path, here, now, _digest(now))

    def _reset(self, path: str, here: Entry, there: Entry | None) -> Change | None:
        """The source has the package's own text; so shall the target, when the packages are of one version."""
        if there is None or there["standing"] not in ("changed", "removed"):
            return None
        if there["state"] is not None and there["state"][4] == here["state"][4]:
            return None
        if there["version"] != here["version"]:
            self._warnings.append(
                f"{path} is left as changed on {self.target.host}: {here['package']} is {there['version']} there and {here['version']} on the source"
            )
            return None
        return self._put("reset", path, here, there["state"], _digest(there["state"]))

    def _put(self, verb: str, path: str, here: Entry, now: Any, before: str) -> Change:
        kind, mode, _, _, text = here["state"]
        detail = f"{mode:04o} {here['owner']}:{here['group']}" if kind == "file" else f"-> {text}"
        change = Change(
            verb=verb, subject=path, detail=detail, destructive=verb == "reset",
            before=before, after=_digest(here["state"]), undo=UNDO,
        )  # fmt: skip
        found = rule(path)
        owned = {"mode": mode, "owner": here["owner"], "group": here["group"]} if kind == "file" else {}
        self._puts[change.id] = PutFile(
            path=path, link=text if kind == "link" else None, was=now, validate=found.each if found else (), **owned
        )
        if found and (lacking := {argv[0] for argv in (found.each, found.whole) if argv} - set(self._there["tools"])):
            self._warnings.append(
                f"{self.target.host} has no {', '.join(sorted(lacking))} to look at {path} with: it will not be put in place"
            )
        return change

    def _remove(self, path: str, there: Entry) -> Change:
        change = Change(verb="delete", subject=path, destructive=True, before=_digest(there["state"]), undo=UNDO)
        self._puts[change.id] = PutFile(path=path, was=there["state"])
        return change

    async def _fill(self, changes: Sequence[Change]) -> list[Diff]:
        """The contents, read once from the source; the differences of those that everybody may read."""
        wanted = [one.id for one in changes if one.id in self._puts and self._kind(one) == "file"]
        paths = [self._puts[each].path for each in wanted]
        new = await self._read(self.source, paths)
        there = [p for p in paths if (was := self._puts_by(p).was) is not None and was[0] == "file"]
        old = dict(zip(there, await self._read(self.target, there), strict=True)) if self.preview_wanted else {}
        diff = []
        for each, path, content in zip(wanted, paths, new, strict=True):
            put = self._puts[each]
            self._puts[each] = replace(put, content=content)
            if shown := _diff(path, old.get(path, b""), content, put):
                diff.append(shown)
        return diff

    def _kind(self, change: Change) -> str:
        entry = self._here["files"].get(change.subject) if change.verb != "delete" else None
        return str(entry["state"][0]) if entry and entry["state"] else ""

    def _puts_by(self, path: str) -> PutFile:
        return next(put for put in self._puts.values() if put.path == path)

    async def _read(self, machine: Machine, paths: Sequence[str]) -> list[bytes]:
        return list(await machine.call(bundle(etc_files), "contents", list(paths), change=False, answers=[bytes]))

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        if any(change.verb == "undo" for change in plan.changes):
            await recover(self.target)
        login = await self.target.call(ends, "login", change=False, answers=_LOGIN)
        units: dict[str, list[Change]] = {}
        for change in plan.changes:
            if change.id in self._puts:
                units.setdefault(unit(change.subject), []).append(change)
        failed: dict[str, str] = {}
        names = []
        for name, members in units.items():
            try:
                names.append(await self._place(name, members, login))
            except TaskError as exc:
                failed |= _blame(members, exc)
        done = [change for change in plan.changes if change.id not in failed]
        return JobResult(
            changed=bool(done),
            data={**self._told(done), "transactions": names},
            warnings=plan.warnings,
            failed=failed,
        )

    async def _place(self, name: str, members: Sequence[Change], login: Mapping[str, Any]) -> str:
        rules = [found for change in members if (found := rule(change.subject)) is not None]
        checks = list(dict.fromkeys(found.whole for found in rules if found.whole))
        return await place(
            self.target, name, [self._puts[change.id] for change in members], checks=checks, steady=_steady(name, login)
        )

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        self._there = await self._survey(self.target)
        out = []
        for change in plan.changes:
            if change.id not in self._puts:
                continue
            here, there = self._here["files"].get(change.subject), self._there["files"].get(change.subject)
            gone = there is None or there["state"] is None
            fine = gone if change.verb == "delete" else not gone and _same(here or {}, there or {})
            if not fine:
                out.append(Problem(f"{change.subject} is still not as on {self.source.host}"))
        return out

    async def expectations(self, plan: Plan, result: JobResult) -> Sequence[Expectation]:
        if self.source.host == self.target.host:
            return ()
        out = []
        for path in self._scope():
            here, there = self._here["files"].get(path), self._there["files"].get(path)
            if here and there and here["standing"] in ("changed", "local") and there["state"] and _same(here, there):
                out.append(Expectation(kind="file", subject=path, value=_value(there["state"])))
        return out

    async def present(self, machine: Machine, subjects: Sequence[str]) -> Sequence[str]:
        return list(await machine.call(bundle(etc_files), "present", list(subjects), change=False, answers=[str]))

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(
            changed=bool(plan.changes),
            data={**self._told(plan.changes), "transactions": [], **extra},
            warnings=plan.warnings,
        )

    def _told(self, changes: Iterable[Change]) -> dict[str, Any]:
        listed = list(changes)
        return {
            "items": [change.id for change in listed],
            "deleted": sum(1 for change in listed if change.verb == "delete"),
            "units": sorted({unit(change.subject) for change in listed if change.verb != "undo"}),
        }


def _same(here: Entry, there: Entry) -> bool:
    """Kind, text, and for a file its mode and the names of its owners."""
    mine, its = here.get("state"), there.get("state")
    if mine is None or its is None or mine[0] != its[0] or mine[4] != its[4]:
        return False
    named = all(here[each] == there[each] for each in ("owner", "group"))
    return mine[0] == "link" or (mine[1] == its[1] and named)


def _public(state: Any) -> bool:
    return state is not None and (state[0] == "link" or bool(state[1] & 0o004))


def _digest(state: Any) -> str:
    """For a review. Nothing for what not everybody may read: a digest of a short secret tells it."""
    if not _public(state):
        return ""
    return f"link {state[4]}" if state[0] == "link" else f"{state[4][:16]} {state[1]:04o}"


def _value(state: Any) -> dict[str, Any]:
    if state[0] == "link":
        return {"type": "symlink", "target": state[4]}
    value = {"type": "file", "mode": f"{state[1]:04o}", "uid": state[2], "gid": state[3]}
    return {**value, "sha256": state[4]} if _public(state) else value


def _diff(path: str, old: bytes, new: bytes, put: PutFile) -> Diff | None:
    """What changes in it, when everybody may read it there and here, and it is text."""
    if put.mode & 0o004 == 0 or not (put.was is None or _public(put.was)):
        return Diff(prepared=f"{path}: not shown, since not everybody may read it\n")
    if max(len(old), len(new)) > DIFF_LIMIT:
        return Diff(prepared=f"{path}: too long to be shown\n")
    try:
        before, after = old.decode(), new.decode()
    except UnicodeDecodeError:
        return Diff(prepared=f"{path}: not text\n")
    return Diff(before=before, after=after, before_header=path, after_header=path) if before != after else None


def _blame(members: Sequence[Change], exc: TaskError) -> dict[str, str]:
    """The one that is to blame says why; the others stand or fall with it."""
    path = exc.data.get("path")
    guilty = next((change for change in members if change.subject == path), None)
    why = str(exc).removeprefix(f"{path}: ")
    name = posixpath.basename(unit(members[0].subject))
    return {
        change.id: why
        if guilty in (None, change)
        else f"not done, since {name} is put in place as a whole and '{guilty.id}' failed"
        for change in members
    }


def _steady(name: str, login: Mapping[str, Any]) -> list[Steady]:
    """What lets us in must stay."""
    user = str(login["name"])
    if name == "/etc/ssh":
        return [Steady(("sshd", "-T", "-C", f"user={user},host=localhost,addr=127.0.0.1"), SSHD_WORDS)]
    if name == "/etc/sudoers" and login["sudo"]:
        return [Steady(("sudo", "-n", "-l", "-U", user), ("    (",), more=True)]
    return []
