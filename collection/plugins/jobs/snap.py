"""hotdesk.sync.snap: snaps as on the source, by revision and channel. Its arguments: plugins/modules/snap.py."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.changes import in_words, left_behind
from hotdesk.jobs.holding import holding
from hotdesk.jobs.on_target import snap_api, snap_pause, snap_state
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.snap_plan import FILES, STATE, Comparison, files_of, sideloaded
from hotdesk.jobs.tools import both, carry_out, lacking, run, still_wanted
from hotdesk.jobs.undo import Undo, note
from hotdesk.results import Progress
from hotdesk.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.jobs import Machine

OLDEST = (2, 57)
"""Of snapd, as in Debian 12."""
HOLDS = (2, 58)
"""It holds single snaps."""
DOWNLOAD = 4 * 3600.0
"""Seconds for a snap."""
STAGE = "/var/lib/hotdesk"
RECEIVE = 'umask 077; mkdir -p "$1" && cat >"$2"'
LIST = 'snap list --color=never --unicode=never "$@" 2>/dev/null | awk \'NR > 1 '
SHOWN = LIST + "{print $1, $3, $4, $NF}'"
"""Of snaps, what verification looks at."""
LOOKS = {
    "installed": LIST + '{print "installed"}\'',
    "revision": LIST + "{print $3}'",
    "channel": LIST + "{print $4}'",
    "disabled": LIST + '{print $NF ~ /disabled/ ? "disabled" : "enabled"}\'',
    "held": LIST + '{print $NF ~ /held/ ? "held" : "free"}\'',
}
"""How a rollback sees what became of a snap."""
BEAT = {"done": int, "total": int, "what": str}


class Job(SyncJob):
    """snapd is asked through its socket. Its own refreshes are held back on both PCs meanwhile."""

    after = ("apt",)
    handles = ("var/lib/snapd/",)
    _here: dict[str, Any]
    _there: dict[str, Any]
    _busy: list[str]

    def writes(self) -> list[str]:
        return ["/var/lib/snapd", STAGE]

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems, self._busy = [], []
        for machine in (self.source, self.target):
            problems += await self._able(machine)
        if problems:
            return problems
        here, there = self._here, self._there
        if here["architecture"] != there["architecture"]:
            text = f"{self.source.host} is {here['architecture']} and {self.target.host} is {there['architecture']}"
            problems.append(Problem(f"{text}: their snaps have other revisions", "Take another source."))
        held = sorted(name for name, one in here["snaps"].items() if one["hold"])
        if held and _version(there) < HOLDS:
            text = f"{self.target.host} has snapd {there['version']}; to hold {', '.join(held)} as {self.source.host} does, 2.58 or newer is needed"
            problems.append(Problem(text, "Update snapd there."))
        return problems

    async def _able(self, machine: Machine) -> list[Problem]:
        if machine.info.uid != 0:
            return [Problem(f"{machine.host}: only root can change snaps", "Use become: true.")]
        if await lacking(machine, "snap"):
            return [Problem(f"{machine.host} has no snapd", "Install snapd there.")]
        try:
            self._busy += await self._settled(machine)
            found = await _describe(machine)
        except TaskError as exc:
            return [Problem(f"{machine.host}: {exc}", "Start it there: systemctl start snapd.socket")]
        if _version(found) < OLDEST:
            text = f"{machine.host} has snapd {found['version']}; 2.57 or newer is needed"
            return [Problem(text, "Update snapd there.")]
        if machine is self.source:
            self._here = found
        else:
            self._there = found
        return []

    async def _settled(self, machine: Machine) -> list[str]:
        """What snapd is at is waited for, or the plan would be made for what is half done. A line for each change that takes too long."""
        what = "waiting for snapd"
        async with machine.limit(2 * snap_api.BUSY, what), machine.stalling(what):
            found = await machine.call(
                bundle(snap_api), "settle", change=False, answers=[str], on_item=lambda _said: machine.heard()
            )
        return [f"snapd on {machine.host} does not come to rest, so more may be left to do: {each}" for each in found]

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        comparison = await self._compare()
        changes = (*left_behind((self.source, self._here), (self.target, self._there)), *comparison.changes())
        return Plan(changes=changes, diff=in_words(changes), warnings=(*self._busy, *comparison.warnings))

    async def _compare(self) -> Comparison:
        here, there = self._here["snaps"], self._there["snaps"]
        ours, theirs = files_of(here, there)
        self._files = await both(_digests(self.source, ours), _digests(self.target, theirs))
        return Comparison(
            here, there, self._files, now=datetime.now(UTC),
            exclude=self.args.get("exclude") or (), delete=bool(self.args.get("delete")),
        )  # fmt: skip

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        ends = (self.source, self.target)
        async with AsyncExitStack() as stack:
            for machine in ends:
                await stack.enter_async_context(holding(machine, snap_pause, "pause"))
            done, failed = await carry_out(self.target, plan.changes, self._act)
        for machine in ends:  # what could not be put back is said
            await machine.call(bundle(snap_pause), "recover", change=True, answers=[str])
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    async def _act(self, change: Change) -> None:
        name = change.subject
        if change.verb == "undo":  # the pause that this sync began with has taken it over
            return
        if undo := self._undo(change):
            await note(self.target, f"snap {name}", [undo])
        if change.verb in ("install", "update"):
            await (self._carry if sideloaded(self._here["snaps"][name]) else self._fetch)(name)
        elif change.verb == "switch":
            await self._do(name, action="switch", channel=change.after)
        elif change.verb == "hold":
            await self._do(name, **{"action": "hold", "time": change.after, "hold-level": "general"})
        else:
            await self._do(name, action=change.verb)

    async def _fetch(self, name: str) -> None:
        """From the store. It may have come with another one meanwhile."""
        wanted, now = self._here["snaps"][name], (await _describe(self.target))["snaps"].get(name)
        if now and (now["revision"], now["mode"]) == (wanted["revision"], wanted["mode"]):
            return
        body: dict[str, Any] = {"action": "refresh" if now else "install", "revision": wanted["revision"]}
        if wanted["mode"] != "strict":  # must be said for each revision anew
            body[wanted["mode"]] = True
        if now and sideloaded(now):
            body["amend"] = True
        await self._do(name, **body)
        now = (await _describe(self.target))["snaps"].get(name)
        if now is None or (now["revision"], now["mode"]) != (wanted["revision"], wanted["mode"]):
            found = f"revision {now['revision']}, {now['mode']}" if now else "nothing"
            raise TaskError(
                f"snapd succeeded, and there is {found}", remedy=f"See there: snap changes; snap info {name}"
            )

    async def _carry(self, name: str) -> None:
        """A file that somebody installed: the source's own goes to the target."""
        one = self._here["snaps"][name]
        path, digest, size = self._files[0][f"{name}_{one['revision']}"]
        staged = f"{STAGE}/snap-{self.target.link.run_id}-{name}.snap"
        self.target.temporary(staged)
        try:
            receiver = ["sh", "-c", RECEIVE, "sh", STAGE, staged]
            await self.transfer.pipe(["cat", "--", path], receiver, what=f"snap {name}", bytes_total=size)
            said = await run(self.target, ["sha256sum", "--", staged], change=False)
            if said.stdout.decode().split()[:1] != [digest]:
                raise TaskError("its file is not the source's: did it change meanwhile?")
            await self._snapd("install_file", staged, name, one["mode"])
        finally:
            await run(self.target, ["rm", "-f", "--", staged], change=True)

    async def _do(self, name: str, **body: Any) -> None:
        await self._snapd("carry_out", "POST", f"/v2/snaps/{name}", body)

    async def _snapd(self, function: str, *args: Any) -> None:
        what = f"snapd: {args[1]}"
        async with self.target.limit(DOWNLOAD, what), self.target.stalling(what):
            await self.target.call(bundle(snap_api), function, *args, change=True, on_item=self._heard)

    def _heard(self, said: Any) -> None:
        if misfit(said, BEAT):
            self.target.heard()
        else:
            self.target.report(
                Progress(bytes_done=said["done"], bytes_total=max(said["total"], 0), message=said["what"])
            )

    def _undo(self, change: Change) -> Undo | None:
        """For a rollback, where snapd itself can go back."""
        name, now = change.subject, self._there["snaps"].get(change.subject)
        if not change.undo.startswith("hotdesk rollback") or (now is None and change.verb != "install"):
            return None  # what is done to a new one goes with it
        back: dict[str, tuple[str, str, str, list[str]]] = {
            "install": ("installed", "", "installed", ["remove"]),
            "enable": ("disabled", "disabled", "enabled", ["disable"]),
            "disable": ("disabled", "enabled", "disabled", ["enable"]),
            "hold": ("held", "free", "held", ["refresh", "--unhold"]),
            "unhold": ("held", "held", "free", ["refresh", f"--hold={change.before}"]),
        }
        if now and change.verb == "update":
            wanted = self._here["snaps"][name]["revision"]
            back["update"] = ("revision", now["revision"], wanted, ["revert", f"--revision={now['revision']}"])
        if now and change.verb == "switch":
            back["switch"] = ("channel", change.before, change.after, ["switch", f"--channel={change.before}"])
        if change.verb not in back:
            return None
        look, before, after, words = back[change.verb]
        return Undo(
            subject=change.id, detail=change.detail, look=("sh", "-c", LOOKS[look], "sh", name), before=before, after=after,
            steps=((("snap", *words, name), ""),),
        )  # fmt: skip

    # --- after

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(plan.changes), data={**_data(plan.changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more."""
        self._there = await _describe(self.target)
        wanted = {change.id for change in (await self._compare()).changes()}
        return still_wanted(self.target, result.data["items"], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """Revision, channel and notes (held, disabled, devmode, ...) of what is as on the source."""
        if self.source.host == self.target.host:
            return []
        self._there = await _describe(self.target)
        names = (await self._compare()).alike()
        if not names:
            return []
        argv = ["sh", "-c", SHOWN, "sh", *names]
        said = (await run(self.target, argv, change=False)).stdout.decode(errors="replace").rstrip("\n")
        return [Expectation(kind="output", subject="snaps", value={"argv": argv, "stdout": said})]

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        known = (await _describe(machine))["snaps"]
        return [subject for subject in subjects if subject in known]


async def _describe(machine: Machine) -> dict[str, Any]:
    return dict(await machine.call(bundle(snap_state), "describe", change=False, answers=STATE))


async def _digests(machine: Machine, names: Sequence[str]) -> dict[str, list[Any]]:
    if not names:
        return {}
    return dict(await machine.call(bundle(snap_state), "digests", list(names), change=False, answers=FILES))


def _version(found: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", found["version"])[:2])


def _data(changes: Iterable[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
