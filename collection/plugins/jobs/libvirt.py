"""hotdesk.sync.libvirt: virtual machines with their disks, networks and storage pools as on the source. Its arguments: plugins/modules/libvirt.py."""

from __future__ import annotations

import posixpath
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs import libvirt_xml as xml
from hotdesk.jobs.changes import in_words, left_behind
from hotdesk.jobs.libvirt_disks import became, digests, files_of, held, keep_beside, remember, replace_files
from hotdesk.jobs.libvirt_notes import Noted, look, looked, payload
from hotdesk.jobs.libvirt_plan import STATE, Comparison, Wish, in_order
from hotdesk.jobs.on_target import libvirt_acts, libvirt_state, libvirt_undo
from hotdesk.jobs.on_target.virsh import VIRSH
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, lacking, run, still_wanted
from hotdesk.results import Diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.jobs import Machine

TOOLS = {"virsh": "libvirt-clients", "qemu-img": "qemu-utils", "rsync": "rsync"}
OLDEST = (5, 2)
KINDS = ("domain", "network", "pool")
IMAGES = "/var/lib/libvirt/images"
STAMP = ("stat", "--format=%s bytes, %y", "--")
PARTS = ("networks", "pools", "domains")


class Job(SyncJob):
    """Definitions without what belongs to a machine; files by size and time, or by what is in them."""

    after = ("apt", "accounts", "folder", "etc")
    handles = ("var/lib/libvirt/", "etc/libvirt/qemu/", "etc/libvirt/storage/")
    _here: dict[str, Any]
    _there: dict[str, Any]
    _found: Comparison

    def writes(self) -> list[str]:
        files = (
            {path for disks in self._found.disks.values() for path in disks.files} if hasattr(self, "_found") else ()
        )
        return sorted({posixpath.dirname(path) for path in files} or {IMAGES})

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            problems += await self._able(machine)
        if problems:
            return problems
        here, there = self._here["architecture"], self._there["architecture"]
        if here != there:
            text = f"{self.source.host} is {here} and {self.target.host} is {there}"
            return [Problem(f"{text}: a domain of one does not run on the other", "Take another source.")]
        return self._refusals(await self._compare())

    async def _able(self, machine: Machine) -> list[Problem]:
        if machine.info.uid != 0:
            return [Problem(f"{machine.host}: only root can see and change all of libvirt's", "Use become: true.")]
        if missing := await lacking(machine, *TOOLS):
            packages = " ".join(TOOLS[tool] for tool in missing)
            return [Problem(f"{machine.host} has no {', '.join(missing)}", f"Install there: apt install {packages}")]
        version = (await run(machine, ["virsh", "--version"], change=False)).stdout.decode().strip()
        if _numbers(version) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            return [
                Problem(f"{machine.host} has libvirt {version}; {oldest} or newer is needed", "Update libvirt there.")
            ]
        try:
            found = await _describe(machine)
        except TaskError as exc:
            return [Problem(f"{machine.host}: {exc}", "Start it there: systemctl start libvirtd")]
        if machine is self.source:
            self._here = found
        else:
            self._there = found
        return []

    def _refusals(self, found: Comparison) -> list[Problem]:
        if self.args["running"] != "refuse":
            return []
        remedy = (
            "Shut it down there (virsh shutdown, virsh managedsave-remove), or say running: save, or running: skip."
        )
        hosts = {"source": self.source.host, "target": self.target.host}
        return [
            Problem(
                f"the domain {name} runs or is saved on {hosts[side]}, and its disks would have to be copied", remedy
            )
            for name, side in sorted(found.refused.items())
        ]

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        found = await self._compare()
        changes = (*left_behind((self.source, self._here), (self.target, self._there)), *found.changes)
        warnings = [f"{what} is left: {why}" for what, why in sorted(found.left.items())]
        for name, one in sorted(self._here["domains"].items()):
            if (hardware := xml.hardware_of(one["xml"])) and f"domain {name}" not in found.left:
                warnings.append(f"domain {name}: {', '.join(hardware)} of {self.source.host} stays there")
        return Plan(changes=changes, diff=(*in_words(changes), *self._definitions(changes)), warnings=tuple(warnings))

    def _definitions(self, changes: Iterable[Change]) -> list[Diff]:
        out = []
        for change in changes:
            kind, _, name = change.subject.partition(" ")
            if kind in KINDS:
                texts = [state[f"{kind}s"].get(name, {}).get("xml", "") for state in (self._there, self._here)]
                old, new = (xml.shown(kind, text) if text else "" for text in texts)
                if old != new:
                    header = f"{kind} {name}"
                    out.append(Diff(before=old, after=new, before_header=header, after_header=header))
        return out

    async def _compare(self) -> Comparison:
        wish = Wish(
            parts=self.args["parts"],
            exclude=self.args["exclude"],
            running=self.args["running"],
            delete=self.args["delete"],
        )
        paths = sorted(self._here["files"])
        files = await files_of(self.target, paths)
        programs = sorted({path for one in self._here["domains"].values() for path in xml.needed(one["xml"])})
        present = await self._existing(programs)
        same = {}
        if self.args["checksum"]:
            alike = [path for path in paths if files.get(path, {}).get("size") == self._here["files"][path]["size"]]
            one, other = await both(digests(self.source, alike), digests(self.target, alike))
            same = {path: one.get(path) == other.get(path) for path in alike}
        changed = [path for path in paths if path in files]
        self._found = Comparison(
            self._here, self._there, files, set(programs) - set(present), wish, same, await became(self.target, changed)
        ).compare()
        return self._found

    async def _existing(self, paths: Sequence[str]) -> list[str]:
        return list(await self.target.call(bundle(libvirt_state), "there", list(paths), change=False, answers=[str]))

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        for machine in (self.source, self.target):
            if any(change.id == f"undo left on {machine.host}" for change in plan.changes):
                await machine.call(bundle(libvirt_undo), "recover", change=True, answers=[str])
        async with AsyncExitStack() as stack:
            done, failed = await carry_out(self.target, plan.changes, lambda change: self._act(change, stack))
        return JobResult(changed=bool(done), data=self._data(done), warnings=plan.warnings, failed=failed)

    async def _act(self, change: Change, stack: AsyncExitStack) -> None:
        kind, _, name = change.subject.partition(" ")
        if kind == "disks":
            await self._disks(change, stack)
        elif kind in KINDS:
            now = self._there[f"{kind}s"].get(name)
            new = self._here["domains"][name]["uuid"] if kind == "domain" and change.verb != "remove" else name
            noted = Noted(self.target, change, now, new)
            await noted.begin()
            if change.verb == "remove":
                await self.target.call(
                    bundle(libvirt_acts), "remove", kind, name, now["uuid"] if now else "", change=True
                )
            else:
                await (self._domain(name) if kind == "domain" else self._made(kind, name))
            await noted.end()

    async def _disks(self, change: Change, stack: AsyncExitStack) -> None:
        """The target's domains that were saved for it run again when their definitions are as they are to be, too."""
        disks, state = self._found.disks[change.subject], self._there["domains"]
        if change.conflict and change.id in self.keeping:
            await keep_beside(self.target, [path for path in disks.files if path in self._found.files])
        if change.verb == "update":
            await stack.enter_async_context(held(self.target, [state[name]["uuid"] for name in disks.there]))
        async with held(self.source, [self._here["domains"][name]["uuid"] for name in disks.here]):
            was = (
                await files_of(self.target, disks.files) if disks.there else self._found.files
            )  # it wrote until just now
            await replace_files(self.source, self.target, self.transfer, disks, was, self._there)

    async def _domain(self, name: str) -> None:
        one, now = self._here["domains"][name], self._there["domains"].get(name)
        same = now is not None and now["uuid"] == one["uuid"]
        emulator = xml.parse(one["xml"]).findtext("devices/emulator", "")
        text = xml.portable("domain", one["xml"], now["xml"] if now and same else "", await self._existing([emulator]))
        wish = payload(
            xml=text, uuid=one["uuid"], autostart=one["autostart"], current=one["current"],
            snapshots=in_order(one["snapshots"]) if self._found.snapshots_differ(name) else None,
            replaces=now["uuid"] if now and not same else "",
        )  # fmt: skip
        await self.target.call(bundle(libvirt_acts), "define", payload=wish, change=True)

    async def _made(self, kind: str, name: str) -> None:
        one, now = self._here[f"{kind}s"][name], self._there[f"{kind}s"].get(name)
        differs = now is not None and xml.common(kind, one["xml"]) != xml.common(kind, now["xml"])
        wish = payload(
            name=name, xml=xml.portable(kind, one["xml"], now["xml"] if now else ""), autostart=one["autostart"],
            start=one["active"] and not (now and now["active"]), restart=bool(now and now["active"] and differs),
        )  # fmt: skip
        await self.target.call(
            bundle(libvirt_acts), "make", "net" if kind == "network" else kind, payload=wish, change=True
        )

    # --- after

    def _data(self, changes: Iterable[Change]) -> dict[str, Any]:
        left = dict(self._found.left) if hasattr(self, "_found") else {}
        return {"items": [change.id for change in changes], "not_moved": left}

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(plan.changes), data={**self._data(plan.changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more; but domains that run write to their disks."""
        busy = {
            f"{verb} {subject}"
            for subject, disks in self._found.disks.items()
            if disks.here or disks.there
            for verb in ("create", "update")
        }
        kept = self._found
        self._here, self._there = await both(_describe(self.source), _describe(self.target))
        wanted = {change.id for change in (await self._compare()).changes} - busy
        self._found = kept
        lasting = [item.replace("create ", "update ", 1) for item in result.data["items"]]
        return still_wanted(self.target, [*result.data["items"], *lasting], wanted)

    async def remember(self, plan: Plan, result: JobResult) -> None:
        if self.source.host != self.target.host:
            await remember(self.target, self._here["files"])

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        if self.source.host == self.target.host:
            return []
        self._there = await _describe(self.target)
        found, paths = [], set()
        for kind in KINDS:
            for name, one in sorted(self._here[f"{kind}s"].items()):
                now = self._there[f"{kind}s"].get(name)
                if (
                    now is None
                    or f"{kind} {name}" in self._found.left
                    or xml.common(kind, one["xml"]) != xml.common(kind, now["xml"])
                ):
                    continue
                argv = look(kind, now["uuid"])
                found.append(_said(f"libvirt {kind} {name}", argv, await looked(self.target, argv)))
                if kind == "domain":
                    found.append(await self._snapshots(name, now["uuid"]))
                    paths |= set(one["files"]) if now["state"] == "shut off" else set()
        files = await files_of(self.target, sorted(paths))
        same = {path for path in paths if files.get(path, {}).get("mtime") == self._here["files"][path]["mtime"]}
        for path in sorted(same):
            found.append(_said(f"libvirt file {path}", (*STAMP, path), await looked(self.target, (*STAMP, path))))
        if self.args["checksum"]:
            for path, sha256 in sorted((await digests(self.target, sorted(same))).items()):
                found.append(Expectation(kind="file", subject=path, value={"type": "file", "sha256": sha256}))
        return found

    async def _snapshots(self, name: str, uuid: str) -> Expectation:
        argv = (*VIRSH, "snapshot-list", "--name", uuid)
        return _said(f"libvirt snapshots of {name}", argv, (await looked(self.target, argv)).rstrip("\n"))

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        found = await _describe(machine)
        known = {f"{kind} {name}" for kind in KINDS for name in found[f"{kind}s"]}
        return [each for each in subjects if each in known or _names(each) & found["domains"].keys()]


def _names(subject: str) -> set[str]:
    """The domains of ``disks of one, other``."""
    return set(subject.removeprefix("disks of ").split(", ")) if subject.startswith("disks of ") else set()


def _said(subject: str, argv: Sequence[str], stdout: str) -> Expectation:
    return Expectation(kind="output", subject=subject, value={"argv": list(argv), "stdout": stdout.rstrip("\n")})


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


async def _describe(machine: Machine) -> dict[str, Any]:
    return dict(await machine.call(bundle(libvirt_state), "describe", change=False, answers=STATE))
