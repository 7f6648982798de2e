"""hotdesk.sync.vscode: the state of people's editors, row by row, without what is bound to a machine. Its arguments: plugins/modules/vscode.py."""

from __future__ import annotations

import hashlib
import os
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError, nearest
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.account_files import read
from hotdesk.jobs.on_target import editor_merge, editor_state
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, run, still_wanted
from hotdesk.results import Diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hotdesk.jobs import Machine
    from hotdesk.jobs.account_files import Accounts

SHARE = 4 << 20
"""Bytes of rows that travel at once; a longer row goes alone."""
MOST_ROWS = 5000
"""Rows that travel at once."""
SHOWN, LISTED = 6, 1000
"""Keys that a change's detail names, and that a difference lists, of one database."""
OLDEST = (3, 8)
"""SQLite's version that has all that is asked of it."""
STAMP = (None, [([int], None)])
SURVEYED = [{"person": str, "editor": str, "path": str, "running": str}]
READ = {"stamp": STAMP, "mode": int, "odd": [str]}
LOOK = """
import fnmatch, hashlib, sqlite3, sys, urllib.parse
base = sqlite3.connect("file:" + urllib.parse.quote(sys.argv[1]) + "?mode=ro", uri=True)
base.text_factory = bytes
for table in sys.argv[2].split():
    known = hashlib.sha256()
    for row in sorted(base.execute("SELECT key, typeof(value), CAST(value AS BLOB) FROM " + table + " WHERE typeof(key) = 'text'")):
        if not any(fnmatch.fnmatchcase(row[0].decode("utf-8", "surrogateescape"), one) for one in sys.argv[3:]):
            known.update(repr(row).encode())
    print(table, known.hexdigest())
"""
"""What ``hotdesk verify --jobs`` looks at: of each table of a database, a digest of all rows but those that stay."""


@dataclass(slots=True)
class Base:
    """One database on both PCs. ``ours`` and ``theirs``: table -> key -> (keyed digest, bytes)."""

    person: str
    path: str
    """Below the home."""
    here: str
    there: str
    """The whole path on source and target."""
    ours: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    theirs: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    """What the source says of it, and under ``target`` what the target says."""

    @property
    def subject(self) -> str:
        return f"{self.person} {self.path}"

    def changed(self) -> dict[str, list[str]]:
        """table -> keys of rows that are other ones there, or none."""
        found = {
            table: [key for key, told in rows.items() if self.theirs.get(table, {}).get(key) != told]
            for table, rows in sorted(self.ours.items())
        }
        return {table: sorted(keys) for table, keys in found.items() if keys}

    def gone(self) -> dict[str, list[str]]:
        """table -> keys of rows that are only there."""
        found = {
            table: [k for k in rows if k not in self.ours.get(table, {})] for table, rows in sorted(self.theirs.items())
        }
        return {table: sorted(keys) for table, keys in found.items() if keys}


class Job(SyncJob):
    """Each database is read on both PCs as keys and keyed digests; rows that differ travel, and a copy with them takes its place."""

    after = ("accounts",)
    handles = tuple(
        f"{folder}/{place}/state.vscdb*" for folder in editor_state.FOLDERS for place in editor_state.PLACES
    )
    _here: Accounts
    _there: Accounts
    _found: tuple[list[dict[str, str]], list[dict[str, str]]]
    """The databases of the source and of the target."""
    _bases: dict[str, Base]
    """By their subjects."""
    _refused: dict[str, str]
    """Id of a change -> why it cannot be done, known before."""

    def writes(self) -> list[str]:
        return ["/home"]

    # --- validate

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            if machine.info.uid != 0:
                problems.append(Problem(f"{machine.host}: only root can become other people", "Use become: true."))
            version = await machine.call(bundle(editor_state), "version", change=False, answers=str)
            if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
                text = f"has SQLite {version}, which is too old" if version else "has a Python without sqlite3"
                problems.append(
                    Problem(f"{machine.host} {text}", "Install python3 in full (Debian: apt install python3).")
                )
        if problems:
            return problems
        self._here, self._there = await both(read(self.source), read(self.target))
        self._found = await both(self._survey(self.source, self._here), self._survey(self.target, self._there))
        return [*self._misspelt(), *self._running()]

    async def _survey(self, machine: Machine, accounts: Accounts) -> list[dict[str, str]]:
        people = [[name, accounts.users[name].home] for name in sorted(accounts.people())]
        return list(await machine.call(bundle(editor_state), "survey", people, change=False, answers=SURVEYED))

    def _misspelt(self) -> Iterator[Problem]:
        for name in self.args.get("users") or ():
            if name not in self._here.people():
                hint = nearest(name, self._here.people())
                yield Problem(f"users: {name!r} is no person's account on {self.source.host}", hint)
        editors = {one["editor"] for one in self._found[0]}
        for name in self.args.get("editors") or ():
            if name not in editors:
                hint = nearest(name, editors) or "It is the name of a folder in ~/.config that has User/globalStorage."
                yield Problem(f"editors: nobody on {self.source.host} has state of {name!r}", hint)

    def _wanted(self) -> list[tuple[str, str, str]]:
        """(person, path, who has it open here or there) of the source's databases that the arguments choose."""
        users, editors = self.args.get("users"), self.args.get("editors")
        busy = {(one["person"], one["path"]): one["running"] for one in self._found[1] if one["running"]}
        out = []
        for one in self._found[0]:
            if (users is None or one["person"] in users) and (editors is None or one["editor"] in editors):
                here, there = one["running"], busy.get((one["person"], one["path"]), "")
                who = f"{here} on {self.source.host}" if here else f"{there} on {self.target.host}" if there else ""
                out.append((one["person"], one["path"], who))
        return out

    def _running(self) -> Iterator[Problem]:
        if self.args.get("running", "refuse") == "refuse":
            for person, path, who in self._wanted():
                if who:
                    remedy = "Close the editor, or leave its state this time with running: skip."
                    yield Problem(f"{path} of {person} is in use by {who}", remedy)

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        self._bases, self._refused = {}, {}
        for person, path, who in self._wanted():
            if person not in self._there.users:
                self._warnings.append(
                    f"{self.target.host} has no {person}: the editors' state waits for the accounts job"
                )
            elif who:
                self._warnings.append(f"{path} of {person} is left: it is in use by {who}")
            else:
                here, there = (
                    posixpath.join(accounts.users[person].home, path) for accounts in (self._here, self._there)
                )
                one = Base(person, path, here, there)
                self._bases[one.subject] = one
                await self._read(one)
        changes = tuple(self._changes())
        refused = [f"{ident}: {why}" for ident, why in self._refused.items()]
        warnings = tuple(dict.fromkeys([*self._warnings, *refused]))
        return Plan(changes=changes, diff=self._diff(changes), warnings=warnings)

    def _secret(self) -> bytes:
        """What row digests are keyed with: nobody who reads a plan can try values against them, and they are the same in the next run."""
        return hashlib.sha256(b"hotdesk.sync.vscode" + self.target.info.machine_id.encode()).digest()

    async def _read(self, one: Base) -> None:
        """Both sides of a database; what cannot be read is refused by name."""
        secret = self._secret()
        try:
            (one.ours, known), (one.theirs, there) = await both(
                self._rows(self.source, one.person, one.here, secret),
                self._rows(self.target, one.person, one.there, secret),
            )
        except (TaskError, OSError) as exc:
            self._refused[f"merge {one.subject}"] = str(exc)
            return
        one.known = {**known, "target": there}
        for machine, told in ((self.source, known), (self.target, there)):
            if told["odd"]:
                named = ", ".join(told["odd"])
                self._warnings.append(f"{one.path} of {one.person} on {machine.host}: tables left as they are: {named}")

    async def _rows(
        self, machine: Machine, person: str, path: str, secret: bytes
    ) -> tuple[dict[str, dict[str, tuple[str, int]]], dict[str, Any]]:
        found: dict[str, dict[str, tuple[str, int]]] = {}

        def take(item: Any) -> None:
            machine.heard()
            table, rows = item
            found.setdefault(str(table), {}).update({str(key): (str(digest), int(size)) for key, digest, size in rows})

        try:
            known = await machine.call(
                bundle(editor_state), "rows", person, path, self._keep(), secret, self._scratch(machine),
                change=False, on_item=take, answers=READ,
            )  # fmt: skip
        except (TaskError, OSError) as exc:
            raise TaskError(f"{path} on {machine.host}: {getattr(exc, 'strerror', '') or exc}") from None
        return found, dict(known)

    def _scratch(self, machine: Machine) -> str:
        """A folder for the copy of a database with a log, should one be needed; it never stays."""
        path = f"/tmp/hotdesk-vscode-{os.urandom(8).hex()}"
        machine.temporary(path)
        return path

    def _keep(self) -> list[str]:
        return list(self.args.get("keep") or ())

    def _changes(self) -> Iterator[Change]:
        for subject, one in self._bases.items():
            if f"merge {subject}" in self._refused:
                yield Change(verb="merge", subject=subject, detail="cannot be done")
                continue
            changed, gone = one.changed(), one.gone()
            if changed or one.known["target"]["stamp"] is None:
                verb = "merge" if one.known["target"]["stamp"] else "create"
                before, after = (self._digest(rows, changed) for rows in (one.theirs, one.ours))
                yield Change(verb=verb, subject=subject, detail=_told(changed), before=before, after=after)
            if gone and self.args.get("delete"):
                before = self._digest(one.theirs, gone)
                yield Change(verb="reset", subject=subject, detail=_told(gone), destructive=True, before=before)

    def _digest(self, rows: dict[str, dict[str, tuple[str, int]]], keys: dict[str, list[str]]) -> str:
        told = [
            (table, key, rows[table][key][0]) for table in keys for key in keys[table] if key in rows.get(table, {})
        ]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def _diff(self, changes: Sequence[Change]) -> tuple[Diff, ...]:
        """The keys, never a value."""
        lines = []
        for change in changes:
            one = self._bases[change.subject]
            keys = [] if change.id in self._refused else _keys(one.gone() if change.verb == "reset" else one.changed())
            lines += [f"{change.id}: {key}\n" for key in keys[:LISTED]]
            lines += [f"{change.id}: {len(keys) - LISTED} more\n"] if len(keys) > LISTED else []
        return (Diff(prepared="".join(lines)),) if lines else ()

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        """Both changes of a database in one go, so that it is old or new."""
        failed = {change.id: self._refused[change.id] for change in plan.changes if change.id in self._refused}
        groups: dict[str, list[Change]] = {}
        for change in plan.changes:
            if change.id not in failed:
                groups.setdefault(change.subject, []).append(change)

        async def act(change: Change) -> None:
            await self._merge(self._bases[change.subject], {each.verb for each in groups[change.subject]})

        _, wrong = await carry_out(self.target, [group[0] for group in groups.values()], act)
        failed |= {each.id: wrong[group[0].id] for group in groups.values() for each in group if group[0].id in wrong}
        done = [change for change in plan.changes if change.id not in failed]
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    async def _merge(self, one: Base, verbs: set[str]) -> None:
        folder, name = posixpath.split(one.there)
        beside = f"{folder}/.{name}.{os.urandom(4).hex()}.hotdesk"
        self.target.temporary(beside)
        shares = list(_shares(one, one.changed())) if verbs - {"reset"} else []
        gone = one.gone() if "reset" in verbs else {}
        for number, wanted in enumerate(shares or [{}], 1):
            rows = await self.source.call(
                bundle(editor_state), "values", one.person, one.here, one.known["stamp"], wanted, self._scratch(self.source),
                change=False, answers={str: [[str, str, object]]},
            )  # fmt: skip
            last = number == max(len(shares), 1)
            await self.target.call(
                bundle(editor_merge), "merge", one.person, one.there, beside, one.known["target"]["stamp"], one.known["mode"],
                rows, gone if last else {}, last, change=True, answers=None,
            )  # fmt: skip

    def preview(self, plan: Plan) -> JobResult:
        changes = [change for change in plan.changes if change.id not in getattr(self, "_refused", {})]
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(changes), data={**_data(changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        for subject in {change.subject for change in plan.changes}:
            one = self._bases[subject]
            one.ours, one.theirs = {}, {}
            await self._read(one)
        return still_wanted(self.target, result.data["items"], {change.id for change in self._changes()})

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """Of each database that is as on the source, a digest of its rows."""
        found = []
        for subject, one in getattr(self, "_bases", {}).items():
            if not one.known or one.changed():
                continue
            tables = " ".join(sorted(one.ours))
            argv = ["python3", "-c", LOOK, one.there, tables, editor_state.ALWAYS_KEPT, *self._keep()]
            said = await run(self.target, argv, change=False, name="python3")
            digest = hashlib.sha256(said.stdout).hexdigest()
            found.append(
                Expectation(kind="output", subject=f"rows of {subject}", value={"argv": argv, "sha256": digest})
            )
        return found

    async def present(self, machine: Machine, subjects: Iterable[str]) -> list[str]:
        there = {f"{one['person']} {one['path']}" for one in await self._survey(machine, await read(machine))}
        return [subject for subject in subjects if subject in there]


def _shares(one: Base, keys: dict[str, list[str]]) -> Iterator[dict[str, list[str]]]:
    """The keys in shares whose rows are sent together."""
    share: dict[str, list[str]] = {}
    size = count = 0
    for table in keys:
        for key in keys[table]:
            more = one.ours[table][key][1] + len(key)
            if count and (size + more > SHARE or count == MOST_ROWS):
                yield share
                share, size, count = {}, 0, 0
            share.setdefault(table, []).append(key)
            size, count = size + more, count + 1
    if share:
        yield share


def _keys(keys: dict[str, list[str]]) -> list[str]:
    """Table and key, in letters that can be shown."""
    return [f"{table} {key}".encode("unicode_escape").decode() for table, some in keys.items() for key in some]


def _told(keys: dict[str, list[str]]) -> str:
    names = [key for some in keys.values() for key in some]
    shown = ", ".join(name.encode("unicode_escape").decode()[:60] for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} rows: {shown}{more}" if names else "no rows"


def _data(changes: Iterable[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
