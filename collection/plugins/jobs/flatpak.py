"""hotdesk.sync.flatpak: remotes, apps and runtimes as on the source, by commit. Its arguments: plugins/modules/flatpak.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError, nearest
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.account_files import read
from hotdesk.jobs.changes import in_words
from hotdesk.jobs.flatpak_plan import STATE, Scope, by_ref, essence, subjects, told
from hotdesk.jobs.on_target import flatpak_state
from hotdesk.jobs.tools import both, carry_out, lacking, run, still_wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.connections.link import Completed
    from hotdesk.jobs import Machine
    from hotdesk.jobs.account_files import Accounts
    from hotdesk.jobs.flatpak_plan import Installation

OLDEST = (1, 10)
"""It knows masks and pins."""
DOWNLOAD = 4 * 3600.0
"""Seconds for an app or runtime: flatpak says nothing while it downloads."""
QUIET = ("--noninteractive", "--assumeyes")
ALONE = ("--no-deps", "--no-related")
"""Each ref is a change of its own."""
COMMITS = 'for ref; do flatpak info "$scope" --show-commit "$ref" || exit; done'
REMOTES = 'list=$(flatpak remotes "$scope" --columns=name:f,url:f,filter:f,options:f) || exit; '
REMOTES += 'for name; do printf "%s\\n" "$list" | grep "^$name\t" || exit; done | sha256sum'


class Job(SyncJob):
    """The system's installation and each person's own; in each remotes, runtimes, apps, masks and pins, and then what goes."""

    after = ("apt", "accounts")
    _accounts: tuple[Accounts, Accounts]
    _scopes: list[Scope]
    _at: dict[str, Scope]
    """Id of a change -> where it is to be made."""

    def writes(self) -> list[str]:
        return [flatpak_state.SYSTEM, "/home"]

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            if machine.info.uid != 0:
                problems.append(
                    Problem(f"{machine.host}: only root can see and change everybody's", "Use become: true.")
                )
            if missing := await lacking(machine, "flatpak", "runuser"):
                problems.append(
                    Problem(f"{machine.host} has no {', '.join(missing)}", "Install flatpak and util-linux there.")
                )
            elif (version := await _version(machine)) < OLDEST:
                found = ".".join(map(str, version))
                problems.append(
                    Problem(f"{machine.host} has flatpak {found}; 1.10 or newer is needed", "Update flatpak there.")
                )
        if problems:
            return problems
        self._accounts = await both(read(self.source), read(self.target))
        for name in self.args.get("users") or ():
            if name not in self._accounts[0].people():
                hint = nearest(name, self._accounts[0].people())
                problems.append(Problem(f"users: {name!r} is no person's account on {self.source.host}", hint))
        return problems

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        self._scopes = [scope for user in await self._users() if (scope := await self._scope(user)).here["there"]]
        changes = []
        self._at = {}
        for scope in self._scopes:
            found = scope.changes()
            changes += found
            self._at |= {change.id: scope for change in found}
        warnings = tuple(dict.fromkeys([*self._warnings, *(text for scope in self._scopes for text in scope.warnings)]))
        return Plan(changes=tuple(changes), diff=in_words(changes), warnings=warnings)

    async def _users(self) -> list[str]:
        """Whose installations: the system's (an empty name), and those of people with an account on both PCs."""
        chosen = self.args.get("users")
        names = sorted(self._accounts[0].people() if chosen is None else chosen)
        found = [""] if self.args.get("system", True) else []
        for name in names:
            if name in self._accounts[1].users:
                found.append(name)
            elif (await _describe(self.source, name))["there"]:
                self._warnings.append(
                    f"{self.target.host} has no {name}: what {name} has installed waits for the accounts job"
                )
        return found

    async def _scope(self, user: str) -> Scope:
        here, there = await both(_describe(self.source, user), _describe(self.target, user))
        origins = await both(self._origins(self.source, user, here), self._origins(self.target, user, there))
        scope = Scope(
            user, here, there, origins, exclude=self.args.get("exclude") or (), delete=bool(self.args.get("delete"))
        )  # fmt: skip
        scope.denied = await self._denied(scope)
        return scope

    async def _origins(self, machine: Machine, user: str, found: Installation) -> dict[str, str]:
        origins: dict[str, str] = {}
        for kind in ("app", "runtime") if found["refs"] else ():
            words = ["list", f"--{kind}", "--columns=ref:f,origin:f"]
            origins |= by_ref((await self._flatpak(machine, user, words)).stdout.decode(errors="replace"), kind)
        return origins

    async def _denied(self, scope: Scope) -> frozenset[str]:
        """What the source has and its own filters do not offer any more: no target could install it. flatpak itself is asked."""
        denied: set[str] = set()
        for name, remote in scope.here["remotes"].items():
            refs = {
                ref for ref, origin in scope.origins[0].items() if origin == name and ref not in scope.there["refs"]
            }
            if not refs or not remote["options"].get("xa.filter"):
                continue
            words = ["remote-ls", "--arch=*", "--columns=ref:f", name]
            try:
                offered = (await self._flatpak(self.source, scope.user, words)).stdout.decode(errors="replace").split()
            except TaskError as exc:
                self._warnings.append(f"what the filter of {name} lets through could not be found out: {exc}")
                continue
            denied |= {ref for ref in refs if ref not in offered and ref.partition("/")[2] not in offered}
        return frozenset(denied)

    async def _flatpak(self, machine: Machine, user: str, words: Sequence[str], *, change: bool = False) -> Completed:
        verb, *rest = words
        argv = _as(self._accounts[machine is self.target], user, ["flatpak", verb, _option(user), *rest])
        return await run(machine, argv, change=change, timeout=DOWNLOAD if change else 300, name=f"flatpak {verb}")

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        self._pins = {scope.user: list(scope.there["pins"]) for scope in self._scopes}
        done, failed = await carry_out(self.target, plan.changes, self._act)
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    async def _act(self, change: Change) -> None:
        scope = self._at[change.id]
        name = change.subject.removesuffix(scope.suffix)
        if change.verb in ("mask", "pin"):
            await self._change(scope, change.verb, name)
        elif change.verb in ("unmask", "unpin"):
            await self._change(scope, change.verb.removeprefix("un"), "--remove", name)
        elif change.verb == "uninstall":
            await self._change(scope, "uninstall", *QUIET, "--no-related", name)
        elif change.verb == "remove":
            await self._remove(scope, name.removeprefix("remote "))
        elif name.startswith("remote "):
            await self._remote(scope, name.removeprefix("remote "))
        else:
            await self._bring(scope, name, change.after)

    async def _change(self, scope: Scope, *words: str) -> None:
        await self._flatpak(self.target, scope.user, words, change=True)

    async def _remote(self, scope: Scope, name: str) -> None:
        if not (await _describe(self.target, scope.user))["there"]:
            await self._change(scope, "remotes")  # which makes an installation
        one = scope.here["remotes"][name]
        await self.target.call(
            flatpak_state, "write_remote", scope.user, name, told(one), one["filter"], payload=one["trust"], change=True
        )  # fmt: skip
        await self._as_here(scope, name)

    async def _as_here(self, scope: Scope, name: str) -> Installation:
        """What the target has now. Raises TaskError unless the remote of this name is the one that the source means by it."""
        now = await _describe(self.target, scope.user)
        if name not in now["remotes"] or essence(now["remotes"][name]) != essence(scope.here["remotes"][name]):
            raise TaskError(f"the remote {name} on {self.target.host} is another one than on {self.source.host}")
        return now

    async def _bring(self, scope: Scope, ref: str, commit: str) -> None:
        """The ref from its remote, and then exactly that commit of it. What flatpak left undone with success is found by looking."""
        origin = scope.origins[0][ref]
        now = await self._as_here(scope, origin)
        if ref not in now["refs"]:
            await self._change(scope, "install", *QUIET, *ALONE, origin, ref)
        elif scope.origins[1].get(ref, origin) != origin:
            await self._change(scope, "install", *QUIET, *ALONE, "--reinstall", origin, ref)
        now = await _describe(self.target, scope.user)
        if now["refs"].get(ref, {}).get("commit") != commit:
            await self._to_commit(scope, ref, commit, [mask for mask in now["masks"] if mask in scope.here["masks"]])
            now = await _describe(self.target, scope.user)
        for pin in now["pins"]:  # flatpak pins a runtime that is asked for by its name
            if pin not in self._pins[scope.user] and pin not in scope.here["pins"]:
                await self._change(scope, "pin", "--remove", pin)
        if now["refs"].get(ref, {}).get("commit") != commit:
            raise TaskError(
                f"flatpak left it at another commit: is it masked on {self.target.host}?",
                remedy="See there: flatpak mask",
            )

    async def _to_commit(self, scope: Scope, ref: str, commit: str, masks: Sequence[str]) -> None:
        """Masks keep flatpak from it, without an error. Those that both PCs have are lifted for it: after a kill the next run sets them again."""
        for mask in masks:
            await self._change(scope, "mask", "--remove", mask)
        try:
            await self._change(scope, "update", *QUIET, *ALONE, f"--commit={commit}", ref)
        finally:
            for mask in masks:
                await self._change(scope, "mask", mask)

    async def _remove(self, scope: Scope, name: str) -> None:
        now = await _describe(self.target, scope.user)
        left = [ref for ref, origin in (await self._origins(self.target, scope.user, now)).items() if origin == name]
        if left:
            raise TaskError(f"{', '.join(left)} is from it")
        await self._change(scope, "remote-delete", name)

    # --- after

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(plan.changes), data={**_data(plan.changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more."""
        wanted: set[str] = set()
        for scope in self._scopes:
            scope.there = await _describe(self.target, scope.user)
            scope.origins = (scope.origins[0], await self._origins(self.target, scope.user, scope.there))
            wanted |= {change.id for change in scope.changes()}
        return still_wanted(self.target, result.data["items"], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """Of each installation the commits, the remotes, and each mask and pin, as far as they are as on the source."""
        found: list[Expectation] = []
        if self.source.host == self.target.host:
            return []
        for scope in self._scopes:
            here, there = scope.here, await _describe(self.target, scope.user)
            refs = sorted(
                ref for ref, one in here["refs"].items() if there["refs"].get(ref, {}).get("commit") == one["commit"]
            )
            remotes = sorted(
                name
                for name, one in here["remotes"].items()
                if name in there["remotes"] and essence(there["remotes"][name]) == essence(one)
            )
            for what, script, names in (("refs", COMMITS, refs), ("remotes", REMOTES, remotes)):
                if names:
                    found.append(await self._said(scope, what, script, names))
            for verb, which in (("mask", "masks"), ("pin", "pins")):
                if here[which] and set(here[which]) <= set(there[which]):
                    script = f'list=$(flatpak {verb} "$scope") || exit; for each; do printf "%s\\n" "$list" | grep -F -- "$each" || exit; done'
                    found.append(await self._said(scope, which, script, sorted(here[which])))
        return found

    async def _said(self, scope: Scope, what: str, script: str, names: Sequence[str]) -> Expectation:
        words = ["sh", "-c", f"scope={_option(scope.user)}; {script}", "sh", *names]
        argv = _as(self._accounts[1], scope.user, words)
        done = await run(self.target, argv, change=False, timeout=300, name=f"flatpak's {what}")
        value = {"argv": argv, "stdout": done.stdout.decode(errors="replace").rstrip("\n")}
        return Expectation(kind="output", subject=f"flatpak {what}{scope.suffix}", value=value)

    async def present(self, machine: Machine, wanted: Sequence[str]) -> list[str]:
        accounts = await read(machine)
        known: set[str] = set()
        for user in ["", *accounts.people()]:
            known |= subjects(await _describe(machine, user), f" for {user}" if user else "")
        return [subject for subject in wanted if subject in known]


def _option(user: str) -> str:
    return "--user" if user else "--system"


def _as(accounts: Accounts, user: str, argv: Sequence[str]) -> list[str]:
    """The command line as that person, with nothing of our own environment; the system's as root."""
    if not user:
        return ["env", "LC_ALL=C", *argv]
    own = {
        "HOME": accounts.users[user].home,
        "USER": user,
        "LOGNAME": user,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C",
    }
    return ["runuser", "-u", user, "--", "env", "-i", *(f"{key}={value}" for key, value in own.items()), *argv]


async def _describe(machine: Machine, user: str) -> Installation:
    return dict(await machine.call(flatpak_state, "describe", user, change=False, answers=STATE))


async def _version(machine: Machine) -> tuple[int, ...]:
    text = (await run(machine, ["flatpak", "--version"], change=False)).stdout.decode(errors="replace")
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0,)


def _data(changes: Iterable[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
