"""hotdesk.sync.manual: what was installed by hand, through the snippets of a registry. Its arguments: plugins/modules/manual.py."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.aio import in_thread
from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs import manual_snippets as run_snippet
from hotdesk.jobs.apt_plan import DESCRIBED, bare
from hotdesk.jobs.manual_registry import REGISTRY, RegistryError, Snippets, item, ordered, parse
from hotdesk.jobs.on_target import apt_state, etc_files, hand_installed
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, lacking, run
from hotdesk.jobs.transaction import STATE, UNDO, PutFile, place, recover, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hotdesk.jobs import Machine

DPKG = ("dpkg", "dpkg-query", "apt-cache", "apt-mark", "apt-get")
TREES = {str: ([str], None)}
LONGEST = 1 << 20
"""Bytes of a registry."""


@dataclass(slots=True)
class Side:
    """What one PC has."""

    debs: dict[str, str] = field(default_factory=dict)
    """Item -> version, of packages of no repository."""
    essential: Sequence[str] = ()
    trees: Mapping[str, list[str] | None] = field(default_factory=dict)
    state: Any = None
    """Of its registry file."""
    text: bytes = b""
    registry: dict[str, Snippets] = field(default_factory=dict)

    def items(self, registry: Mapping[str, Snippets]) -> dict[str, str]:
        """Item -> why it cannot be told what it is, or nothing. A folder of folders is one item, unless the registry has what is in it."""
        found = dict.fromkeys(self.debs, "")
        for path, folders in self.trees.items():
            inner = [f"{path}/{name}" for name in folders or ()]
            if path not in registry and any(one == i or one.startswith(f"{i}/") for one in registry for i in inner):
                found |= dict.fromkeys(inner, "")
            else:
                several = path not in registry and len(inner) > 1
                found[path] = f"it is one program or one for each of {', '.join(inner)}" if several else ""
        return found


class Job(SyncJob):
    """The version snippets are asked on both PCs; where they differ the source's install snippet is run on the target and its version read back."""

    after = ("apt",)
    handles = (REGISTRY.lstrip("/"),)
    _here: Side
    _there: Side
    _versions: dict[str, tuple[str, str]]
    """Item -> its version here and there, of those that the registry has."""
    _refused: dict[str, str]
    """Id of a change -> why it cannot be done, known before."""
    _unreplicable: list[dict[str, str]]

    def writes(self) -> list[str]:
        return ["/opt", "/usr/local", "/usr"]

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            if machine.info.uid != 0:
                problems.append(Problem(f"{machine.host}: only root can install things", "Use become: true."))
            if missing := await lacking(machine, "bash", "setpriv"):
                problems.append(Problem(f"{machine.host} has no {', '.join(missing)}", "Install bash and util-linux."))
        if problems:
            return problems
        self._here, self._there = Side(), Side()
        for machine, side in ((self.source, self._here), (self.target, self._there)):
            problems += await self._read_registry(machine, side)
        return problems

    async def _read_registry(self, machine: Machine, side: Side) -> list[Problem]:
        """What it says is run as root: nobody else may have written it."""
        found = await machine.call(bundle(etc_files), "states", [REGISTRY], change=False, answers=[STATE])
        side.state = found[0]
        if side.state is None:
            return []
        kind, mode, uid, _, _ = side.state
        if kind != "file" or uid != 0 or mode & 0o022:
            text = f"{REGISTRY} on {machine.host} must be a file of root's that nobody else can write"
            return [Problem(text, f"Run there: chown root {REGISTRY}; chmod 600 {REGISTRY}")]
        side.text = await machine.read(REGISTRY, limit=LONGEST)
        try:
            side.registry = await in_thread(parse, side.text.decode(), f"{machine.host}:{REGISTRY}")
        except UnicodeDecodeError as exc:
            return [Problem(f"{REGISTRY} on {machine.host} is not UTF-8: {exc}", "Write it anew.")]
        except RegistryError as exc:
            return [Problem(f"{exc.place}: {exc}" if exc.place else str(exc), exc.remedy)]
        return []

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        broken = [one for one in await unfinished(self.target) if REGISTRY in one["was"]]
        for one in broken:  # as it will be once that is undone
            self._there.state, self._there.text = one["was"][REGISTRY], b""
        await both(self._survey(self.source, self._here), self._survey(self.target, self._there))
        self._begun = await self.target.call(bundle(hand_installed), "begun", change=False, answers={str: str})
        self._versions, self._refused, self._unreplicable = {}, {}, []
        repairs = [
            Change(verb="undo", subject=one["name"], detail=f"what run {one['run']} left half done of {one['unit']}")
            for one in broken
        ]
        changes = [*repairs, *self._push(), *await self._installs(), *self._removals()]
        told = [
            f"{one['item']} is not brought to {self.target.host}: {one['why']}. {one['remedy']}"
            for one in self._unreplicable
        ]
        refused = [f"{ident}: {why}" for ident, why in self._refused.items()]
        return Plan(changes=tuple(changes), warnings=(*told, *refused))

    async def _survey(self, machine: Machine, side: Side) -> None:
        if not await lacking(machine, *DPKG):
            said = await machine.call(bundle(apt_state), "describe", [], change=False, answers=DESCRIBED)
            side.debs = {item("debs", name): said["installed"][name] for name in bare(said)}
            side.essential = [item("debs", name) for name in said["essential"]]
        side.trees = dict(await machine.call(bundle(hand_installed), "trees", change=False, answers=TREES))

    def _chosen(self, side: Side, registry: Mapping[str, Snippets]) -> dict[str, str]:
        found = side.items(registry)
        return {each: found[each] for each in ordered(registry, list(found)) if not self._excluded(each)}

    def _excluded(self, each: str) -> bool:
        return any(fnmatchcase(each.removeprefix("deb "), pattern) for pattern in self.args.get("exclude") or ())

    async def _installs(self) -> list[Change]:
        changes: dict[str, Change] = {}
        """Item -> what is done about it."""
        for each, odd in self._chosen(self._here, self._here.registry).items():
            snippets = self._here.registry.get(each)
            if snippets is None:
                if each not in self._here.debs or self._here.debs[each] != self._there.debs.get(each):
                    self._leave(each, odd or "the registry does not know how it is installed")
                continue
            (ours, why), (theirs, wrong) = await both(
                run_snippet.version(self.source, snippets), run_snippet.version(self.target, snippets)
            )
            if not ours:
                self._leave(each, why)
                continue
            self._versions[each] = (ours, theirs)
            if each in self._begun or ours.strip() != theirs.strip():
                changes[each] = self._install(each, snippets, changes, f" ({wrong})" if "took longer" in wrong else "")
        return list(changes.values())

    def _install(self, each: str, snippets: Snippets, changes: Mapping[str, Change], wrong: str) -> Change:
        ours, theirs = self._versions[each]
        again = f", begun by run {self._begun[each]} and not finished" if each in self._begun else ""
        detail = f"{_short(theirs)} -> {_short(ours)}" if theirs else _short(ours)
        needs = tuple(changes[need].id for need in snippets.needs if need in changes)
        change = Change(
            verb="replace" if theirs else "install", subject=each, detail=detail + again + wrong,
            before=_short(theirs), after=f"{_short(ours)} by {_digest(snippets.install)}", needs=needs,
        )  # fmt: skip
        absent = [
            need for need in snippets.needs if not (need in changes or self._as_here(need) or self._excluded(need))
        ]
        if absent:
            self._refused[change.id] = (
                f"it needs {', '.join(absent)}, which {self.target.host} does not have as {self.source.host} does"
            )
        return change

    def _as_here(self, each: str) -> bool:
        ours, theirs = self._versions.get(each, ("", ""))
        return bool(ours) and ours.strip() == theirs.strip()

    def _leave(self, each: str, why: str) -> None:
        kind, name = ("debs", each.removeprefix("deb ")) if each.startswith("deb ") else ("trees", each)
        remedy = f"Give it install and version in {REGISTRY} on {self.source.host}, under {kind}, as {name!r}; or exclude it."
        self._unreplicable.append({"item": each, "why": why, "remedy": remedy})

    def _removals(self) -> list[Change]:
        if not self.args.get("remove"):
            return []
        registry = {**self._there.registry, **self._here.registry}
        here, out = self._here.items(registry), []
        for each in self._chosen(self._there, registry):
            if each in here or each in self._there.essential or (each.startswith("/") and each in self._here.trees):
                continue
            if each in self._there.debs or (each in registry and registry[each].remove):
                version = self._there.debs.get(each, "")
                out.append(Change(verb="remove", subject=each, detail=version, destructive=True, before=version))
            else:
                why = f"only {self.target.host} has it, and the registry does not know how it is removed"
                remedy = f"Give it a remove snippet in {REGISTRY}, or exclude it."
                self._unreplicable.append({"item": each, "why": why, "remedy": remedy})
        return out[::-1]

    def _push(self) -> list[Change]:
        """The registry, when that is wanted: what only the target's says is not lost unasked."""
        push, here, there = self.args.get("push", "never"), self._here, self._there
        if push == "never" or here.state is None or here.text == there.text:
            return []
        lost = sorted(each for each, snippets in there.registry.items() if here.registry.get(each) != snippets)
        if lost and push == "add" and not self.reviewed:
            remedy = "Write them into the source's, or push it with push: replace."
            why = f"the target's own entries would be lost: {', '.join(lost)}"
            self._unreplicable.append({"item": REGISTRY, "why": why, "remedy": remedy})
            return []
        before, after = (_digest(side.text.decode()) if side.text else "" for side in (there, here))
        change = Change(
            verb="push", subject=REGISTRY, detail=f"{len(here.registry)} items" + (f", without {', '.join(lost)}" if lost else ""),
            destructive=bool(lost), before=before, after=after, undo=UNDO,
        )  # fmt: skip
        return [change]

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        done, failed = await carry_out(self.target, plan.changes, self._act)
        return JobResult(changed=bool(done), data=self._data(done), warnings=plan.warnings, failed=failed)

    async def _act(self, change: Change) -> None:
        if change.id in self._refused:
            raise TaskError(self._refused[change.id])
        acts = {"undo": self._recover, "push": self._put, "remove": self._remove}
        await acts.get(change.verb, self._do)(change)

    async def _do(self, change: Change) -> None:
        """Install it, and believe the version alone. What is stopped or fails in between is done again by the next run."""
        each, snippets = change.subject, self._here.registry[change.subject]
        wanted = self._versions[each][0]
        await self._remember(each, self.target.link.run_id)
        await run_snippet.act(self.target, each, snippets.install, wanted, float(self.args.get("limit") or 900))
        found, why = await run_snippet.version(self.target, snippets)
        if found.strip() != wanted.strip():
            raise TaskError(
                f"its snippet succeeded, but the version is {_short(found)!r}, not {_short(wanted)!r} {why}".rstrip()
            )
        await self._remember(each, "")

    async def _remember(self, each: str, of: str) -> None:
        await self.target.call(bundle(hand_installed), "remember", each, of, change=True, answers=None)

    async def _remove(self, change: Change) -> None:
        each = change.subject
        if each in self._there.debs:
            argv = ["dpkg", "--remove", each.removeprefix("deb ")]  # refuses what something else needs
            await run(
                self.target,
                argv,
                change=True,
                env={"DEBIAN_FRONTEND": "noninteractive"},
                timeout=float(self.args.get("limit") or 900),
            )
            return
        snippets = self._here.registry.get(each) or self._there.registry[each]
        await run_snippet.act(self.target, each, snippets.remove, "", float(self.args.get("limit") or 900))
        await self._remember(each, "")

    async def _put(self, change: Change) -> None:
        mode = self._here.state[1]
        await place(
            self.target, REGISTRY, [PutFile(path=REGISTRY, content=self._here.text, mode=mode, was=self._there.state)]
        )

    async def _recover(self, change: Change) -> None:
        await recover(self.target)

    def _data(self, changes: Iterable[Change]) -> dict[str, Any]:
        return {"items": [change.id for change in changes], "unreplicable": list(self._unreplicable)}

    def preview(self, plan: Plan) -> JobResult:
        if "note" in plan.data:
            return JobResult(data={"items": [], "unreplicable": [], "msg": plan.data["note"]})
        changes = [change for change in plan.changes if change.id not in self._refused]
        return JobResult(changed=bool(changes), data=self._data(changes), warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """A later item may have spoilt an earlier one."""
        await self._survey(self.target, self._there)
        out = []
        for change in plan.changes:
            each, snippets = change.subject, self._here.registry.get(change.subject)
            if change.verb in ("install", "replace") and snippets is not None:
                theirs, why = await run_snippet.version(self.target, snippets)
                self._versions[each] = (self._versions[each][0], theirs)
                if not self._as_here(each):
                    out.append(Problem(f"{each} was brought, and is not so on {self.target.host} {why}".rstrip()))
            if change.verb == "remove" and (each in self._there.debs or each in self._there.trees):
                out.append(Problem(f"{each} was removed, and is still on {self.target.host}"))
        return out

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """The version of each item that is as on the source."""
        return [
            Expectation(
                kind="output", subject=f"version of {each}",
                value={"argv": run_snippet.version_argv(self._here.registry[each].version), "stdout": theirs},
            )
            for each, (_, theirs) in getattr(self, "_versions", {}).items() if self._as_here(each)
        ]  # fmt: skip

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        side = Side()
        await self._survey(machine, side)
        inner = {f"{path}/{name}" for path, names in side.trees.items() for name in names or ()}
        known = {*side.debs, *side.trees, *inner, REGISTRY}
        return [subject for subject in subjects if subject in known]


def _short(version: str) -> str:
    return version.strip().split("\n")[0][:80]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
