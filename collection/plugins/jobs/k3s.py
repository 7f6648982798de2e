"""hotdesk.sync.k3s: a local cluster as on the source, its objects, volumes and configuration. Its arguments: plugins/modules/k3s.py."""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.docker_volumes import listed
from hotdesk.jobs.k3s_plan import CONFIG, SURVEYED, Differences, Seen, differing, is_manifest, merged, owned, settings
from hotdesk.jobs.k3s_staging import Staging
from hotdesk.jobs.machine import source_text
from hotdesk.jobs.on_target import k3s_api, k3s_database, k3s_pods, k3s_state, k3s_swap
from hotdesk.jobs.run import told
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, lacking, run
from hotdesk.jobs.undo import Undo, note
from hotdesk.results import Diff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.jobs import Machine

UNIT = "k3s.service"
TOOLS = ("tar", "find", "sha256sum", "sort", "systemctl", "python3")
READY = 300.0
"""Seconds until k3s must be ready with the new state, or the old one is put back."""
SUBJECT = "k3s state"
UNDO = "hotdesk rollback, until the next sync of k3s: what was done in the cluster since is lost then; images that it has no more are pulled again"
LOOK = "import sys\nprint(listing(*sys.argv[1:]))"
LOOK_STOPPED = "import sys\nprint(sorted(kept_objects(sys.argv[1], False, sys.argv[2], b'').items()))"


class Job(SyncJob):
    """What differs is found by the API, or in the databases; then all of the state is copied, staged, and put in place while k3s is stopped."""

    after = ("apt", "manual", "accounts", "etc", "systemd", "folder")
    handles = ("etc/rancher/", "var/lib/rancher/")
    _here: Seen
    _there: Seen
    _by_api: bool

    def writes(self) -> list[str]:
        return [self._top, CONFIG]

    def reads(self) -> list[str]:
        return [self._top]

    @property
    def _top(self) -> str:
        return posixpath.normpath(str(self.args.get("data_dir") or "/var/lib/rancher/k3s"))

    @property
    def _storage(self) -> str:
        return str(self._here.config.get("default-local-storage-path") or f"{self._top}/storage")

    @property
    def _keep(self) -> bool:
        return bool(self.args.get("keep_replaced", True))

    @property
    def _secret(self) -> bytes:
        """What digests are keyed with: the same in the next run, and nobody who reads a plan can try values against them."""
        return hashlib.sha256(b"hotdesk.sync.k3s" + self.target.info.machine_id.encode()).digest()

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems = [*await self._able(self.source), *await self._able(self.target)]
        if not problems:
            self._here, self._there = await both(self._look(self.source), self._look(self.target))
            problems = [*self._programs(self.source, self._here), *self._programs(self.target, self._there)]
        return problems or self._fitting()

    async def _able(self, machine: Machine) -> list[Problem]:
        if machine.info.uid != 0:
            return [Problem(f"{machine.host}: only root can read the state of k3s", "Use become: true.")]
        if missing := await lacking(machine, "k3s", *TOOLS):
            remedy = (
                "Install k3s (https://docs.k3s.io/quick-start), tar, findutils and python3 there, or leave the job out."
            )
            return [Problem(f"{machine.host} has no {', '.join(missing)}", remedy)]
        return []

    async def _look(self, machine: Machine) -> Seen:
        half = bool(await machine.call(bundle(k3s_swap), "unfinished_swaps", change=False, answers=[str]))
        args = (self._top, CONFIG, UNIT, self._scratch(machine), half)
        looked = await machine.call(bundle(k3s_state), "survey", *args, change=False, answers=SURVEYED)
        path = f"{CONFIG}/config.yaml"
        text = await machine.read(path) if "config.yaml" in looked["config"] else b""
        return Seen(looked, settings(text, f"{path} on {machine.host}"), text)

    def _scratch(self, machine: Machine) -> str:
        """For the copy of a database with a log that nobody has open."""
        path = f"/var/tmp/hotdesk-k3s-{os.urandom(8).hex()}"
        machine.temporary(path)
        return path

    def _programs(self, machine: Machine, seen: Seen) -> list[Problem]:
        if not seen.state["known"]:
            return [
                Problem(f"{machine.host} has no unit {UNIT}", "Install k3s there as a server (https://docs.k3s.io).")
            ]
        if seen.elsewhere:
            remedy = "Move that database by its own means, and leave this job out."
            return [
                Problem(f"{machine.host}: k3s keeps its objects in a database elsewhere (datastore-endpoint)", remedy)
            ]
        if not seen.state["sqlite"]:
            remedy = "Install python3 in full (Debian: apt install python3)."
            return [Problem(f"{machine.host} has a Python without sqlite3", remedy)]
        return []

    def _fitting(self) -> list[Problem]:
        here, there = self._here.state, self._there.state
        names = f"{self.source.host} has {{}}, and {self.target.host} has {{}}"
        out = []
        if here["version"] != there["version"]:
            remedy = (
                f"Install the same there: INSTALL_K3S_VERSION={here['version']} (https://docs.k3s.io/upgrades/manual)."
            )
            out.append(Problem(f"{names.format('k3s ' + here['version'], there['version'])}", remedy))
        if self._half:
            return out  # of what is half there, more can be said once it is undone
        if not here["kind"]:
            out.append(
                Problem(
                    f"{self.source.host}: there is no state of a k3s server in {self._top}", "Start k3s there once."
                )
            )
        elif there["kind"] not in ("", here["kind"]):
            remedy = "Start over on one of them with the other's datastore (https://docs.k3s.io/datastore)."
            out.append(Problem(names.format(f"its objects in {here['kind']}", f"them in {there['kind']}"), remedy))
        elif "etcd" in (here["kind"], there["kind"]):
            out += [
                Problem(
                    f"{machine.host}: etcd can be read only while k3s runs", f"Start it there: systemctl start {UNIT}"
                )
                for machine, seen in ((self.source, here), (self.target, there))
                if not seen["served"] and (seen["kind"] or machine is self.source)
            ]
        return out

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        repairs = [*await self._left(self.source), *await self._left(self.target)]
        found = Differences({}, {}, {}, {}) if self._half else await self._compare()
        lines = [f"{change.id}: {change.detail}" for change in repairs] + list(found.lines())
        return Plan(
            changes=(*repairs, *self._change(found, repairs)),
            data={"found": found, "broken": self._half},
            diff=(Diff(prepared="\n".join([*lines, ""])),) if lines else (),
            warnings=tuple(self._warnings()) if found else (),
        )

    @property
    def _half(self) -> bool:
        """A kill has left one of them with half of one state and half of another: nothing can be compared until that is undone."""
        return bool(self._here.state["half"] or self._there.state["half"])

    async def _left(self, machine: Machine) -> list[Change]:
        said: list[str] = []
        for module, function in ((k3s_pods, "still_paused"), (k3s_swap, "unfinished_swaps")):
            said += await machine.call(bundle(module), function, change=False, answers=[str])
        return [Change(verb="undo", subject=f"left on {machine.host}", detail="; ".join(said))] if said else []

    async def _compare(self) -> Differences:
        """The objects as the API tells them where it runs on both, else as the databases hold them."""
        here, there = self._here, self._there
        self._by_api = bool(here.state["served"] and there.state["served"])
        ours, theirs = await both(self._objects(self.source, here), self._objects(self.target, there))
        prints = await both(self._volumes(self.source), self._volumes(self.target))
        self._here = replace(here, objects=ours, volumes=prints[0])
        self._there = replace(there, objects=theirs, volumes=prints[1])
        return Differences(
            objects=differing(ours, theirs),
            volumes=differing(*prints),
            files=differing(here.state["files"], there.state["files"]),
            config=await self._configuration(),
        )

    async def _objects(self, machine: Machine, seen: Seen) -> dict[str, str]:
        if not seen.state["kind"]:
            return {}
        found = await machine.call(
            bundle(k3s_state), "cluster_objects", self._top, CONFIG, UNIT, self._by_api, self._scratch(machine), self._secret,
            change=False, answers={str: str},
        )  # fmt: skip
        return dict(found)

    async def _volumes(self, machine: Machine) -> dict[str, str]:
        names = await machine.call(bundle(k3s_state), "volumes", self._storage, change=False, answers=[str])
        found = await listed(machine, [f"{self._storage}/{name}" for name in names]) if names else {}
        return {posixpath.basename(path): digest for path, digest in found.items()}

    async def _configuration(self) -> dict[str, str]:
        """What only the target has stays there."""
        ours, theirs = self._here.state["config"], self._there.state["config"]
        found = {name: sign for name, sign in differing(ours, theirs).items() if sign != "-"}
        if "config.yaml" in found and merged(self._here, self._there) is None:
            del found["config.yaml"]
        for name in [name for name in found if name.startswith("config.yaml.d/")]:
            path = f"{CONFIG}/{name}"
            if owned(settings(await self.source.read(path), f"{path} on {self.source.host}")):
                del found[name]
        return found

    def _change(self, found: Differences, repairs: Sequence[Change]) -> list[Change]:
        """Where one is half: what differs once the old state is back will be seen then."""
        undo = UNDO if self._keep else ""
        if self._half:
            detail, needs = "after what was broken off is undone", tuple(change.id for change in repairs)
            return [Change(verb="replace", subject=SUBJECT, detail=detail, destructive=True, undo=undo, needs=needs)]
        if not found:
            return []
        there = bool(self._there.state["kind"])
        return [
            Change(
                verb="replace" if there else "create", subject=SUBJECT, detail=found.detail(), destructive=there,
                before=self._there.digest(self._secret) if there else "", after=self._here.digest(self._secret), undo=undo,
            )
        ]  # fmt: skip

    def _warnings(self) -> list[str]:
        here, there, out = self._here, self._there, []
        if here.volumes and here.node != there.node:
            out.append(
                f"volumes are bound to a node's name: pods that have any wait on {self.target.host}, whose node is {there.node}, not {here.node}; "
                f"give both the same node-name in {CONFIG}/config.yaml"
            )
        others = [name for name in here.state["nodes"] if name != here.node]
        if others:
            out.append(f"the cluster of {self.source.host} has further nodes, which stay its own: {', '.join(others)}")
        return out

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        done, failed = await carry_out(self.target, plan.changes, lambda change: self._act(change, plan))
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    async def _act(self, change: Change, plan: Plan) -> None:
        if change.verb == "undo":
            machine = self.source if change.subject == f"left on {self.source.host}" else self.target
            await machine.call(bundle(k3s_pods), "go_on", change=True)
            await machine.call(bundle(k3s_swap), "recover", change=True)
            return
        found = plan.data["found"]
        if plan.data["broken"]:
            self._here, self._there = await both(self._settled(self.source), self._settled(self.target))
            if problems := self._fitting():
                raise TaskError(told("what was broken off is undone", problems))
            found = await self._compare()
            if not found:
                return
        staging = Staging(
            self.source, self.target, self.transfer, self._here, self._there, found, top=self._top, storage=self._storage,
            pause=self.args.get("quiesce", "pause") == "pause",
        )  # fmt: skip
        reset = await staging.fill()
        if self._keep:
            await self._note(change)
        wish = {
            "unit": UNIT, "top": self._top, "config": CONFIG, "items": staging.items(), "keep": self._keep, "limit": READY, "reset": reset,
            **staging.nodes(),
        }  # fmt: skip
        await self.target.call(
            bundle(k3s_swap), "swap", self._run, wish, change=True, on_item=lambda _said: self.target.heard()
        )

    async def _settled(self, machine: Machine) -> Seen:
        """As it is once k3s, which may just have been started, answers; or as it is then."""
        deadline = asyncio.get_running_loop().time() + READY
        while True:
            seen = await self._look(machine)
            starts = seen.state["unit"] in ("active", "activating") and not seen.state["served"]
            if not starts or asyncio.get_running_loop().time() > deadline:
                return seen
            machine.heard()
            await asyncio.sleep(1)

    @property
    def _run(self) -> str:
        return str(self.target.link.run_id)

    async def _note(self, change: Change) -> None:
        """How a rollback puts back what was."""
        look = ("sh", "-c", 'cat "$1" 2>/dev/null || true', "sh", f"{k3s_swap.SWAPS}/run")
        before = (await run(self.target, look, change=False)).stdout.decode().removesuffix("\n")
        text = f"{source_text(bundle(k3s_swap))}\nimport sys\ntry:\n    list(back(sys.argv[1]))\nexcept Failed as exc:\n    sys.exit(exc.msg)\n"
        steps = ((("python3", "-", self._run), text),)
        undo = Undo(
            subject=change.id, detail="the cluster as it was, without what was done in it since", look=look, before=before,
            after=self._run, steps=steps, last=True,
        )  # fmt: skip
        await note(self.target, "k3s", [undo])

    # --- after

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(plan.changes), data={**_data(plan.changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """Nothing that was brought is another any more. Pods go on writing to volumes."""
        if not any(item.endswith(SUBJECT) for item in result.data["items"]):
            return []
        self._here, self._there = await both(self._look(self.source), self._look(self.target))
        found = await self._compare()
        if self._here.state["pods"] or self._there.state["pods"]:
            found = replace(found, volumes={})
        return [Problem(f"{self.target.host}: k3s is not as on {self.source.host}: {found.detail()}")] if found else []

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """The objects that are as on the source, and whether k3s runs."""
        if (
            self.source.host == self.target.host
            or self._half
            or not self._there.state["kind"]
            or self._there.objects != self._here.objects
        ):
            return []
        state = self._there.state
        found = [Expectation(kind="unit", subject=UNIT, value={"active": state["unit"]})]
        if state["served"]:
            argv = ["python3", "-c", f"{source_text(bundle(k3s_api))}\n{LOOK}", self._top, CONFIG]
        else:
            base = f"{self._top}/server/db/state.db"
            argv = [
                "python3",
                "-c",
                f"{source_text(bundle(k3s_database))}\n{LOOK_STOPPED}",
                base,
                self._scratch(self.target),
            ]
        said = await run(self.target, argv, change=False, name="listing the objects of k3s")
        found.append(
            Expectation(
                kind="output",
                subject="k3s objects",
                value={"argv": argv, "sha256": hashlib.sha256(said.stdout).hexdigest()},
            )
        )
        for name, one in sorted(state["files"].items()):
            if one is not None and one[0] == "file" and (is_manifest(name) or name.endswith(".crt")):
                found.append(Expectation(kind="file", subject=f"{self._top}/server/{name}", value={"sha256": one[4]}))
        return found

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        return [subject for subject in subjects if subject != SUBJECT or (await self._look(machine)).state["kind"]]


def _data(changes: Sequence[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
