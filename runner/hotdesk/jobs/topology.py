"""Who has written to whom, for the sync jobs of one run: asked before the first change, written down before it, and again after the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hotdesk.aio import TaskGroup
from hotdesk.errors import HostError, TaskError
from hotdesk.jobs import history
from hotdesk.jobs.history import ANSWER, Finding, History, Identity
from hotdesk.jobs.on_target import history as kept
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hotdesk.jobs.machine import Machine

Key = tuple[str, int]
"""A PC by its inventory name, and the user there: each user that jobs run as has a history of its own."""
OPTIONS = {"first": "--allow-first-sync", "order": "--allow-out-of-order"}
LIMIT = 20.0
"""Seconds that writing down the end may take."""


@dataclass(slots=True)
class Consent:
    """What a person allows, by the hosts' inventory names."""

    first: Collection[str] = ()
    order: Collection[str] = ()
    planned: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Host -> what was found when it was planned, and approved."""
    ask: bool = True
    """A person who is there may be asked. Not when they have decided in a plan: exactly that is done."""
    answered: set[tuple[str, Finding]] = field(default_factory=set)

    def allow(self, host: str, found: Collection[Finding]) -> None:
        """A person has just said so."""
        self.answered |= {(host, each) for each in found}

    def allows(self, host: str, finding: Finding) -> bool:
        if finding.kind != "identity" and (
            finding.text in self.planned.get(host, ()) or (host, finding) in self.answered
        ):
            return True
        return host in {"first": self.first, "order": self.order, "identity": ()}[finding.kind]


@dataclass(slots=True)
class _Pair:
    """A source and a target that this run has brought together."""

    source: Machine
    target: Machine
    begun: bool = False


class Topology:
    """Of one run. Without ``consent`` it only writes down; with it, nothing is done to a host before all that was found is allowed."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.consent: Consent | None = None
        self.whole = False
        """The run brings all that its source has."""
        self.partly: set[str] = set()
        """Hosts that did not get all of it."""
        self.told: set[str] = set()
        """Hosts of which a person has seen what was found."""
        self._turn = time.time_ns() // 10**6
        self._histories: dict[Key, History] = {}
        self._led: dict[Key, History] = {}
        self._before: dict[Key, History] = {}
        self._machines: dict[Key, Machine] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._reading: dict[Key, asyncio.Lock] = {}
        self._found: dict[tuple[Key, Key], list[Finding]] = {}
        self._pairs: dict[tuple[Key, Key], _Pair] = {}

    # --- before

    async def look(self, source: Machine, target: Machine) -> list[Finding]:
        """What speaks against a sync between these two; reads only. Asked once for each pair."""
        pair = (_key(source), _key(target))
        if pair not in self._found:
            theirs, mine = await self._history(source), await self._history(target)
            if pair not in self._found:
                here, there = Identity.of(source), Identity.of(target)
                theirs = self._before.get(pair[0], theirs)
                self._found[pair] = history.findings(here, theirs, there, mine)
                if self.consent is not None and (text := history.interrupted(here, mine)):
                    target.warn(text)
        return self._found[pair]

    def found(self) -> dict[str, list[Finding]]:
        """Host -> what was found about it, from whichever source; and what only shows when all of them are looked at together."""
        out: dict[str, list[Finding]] = {}
        for (_, (host, _)), found in self._found.items():
            mine = out.setdefault(host, [])
            mine += [each for each in found if each not in mine]
        targets = {pair[1]: self._machines[pair[1]] for pair in self._found}
        for one in targets:
            for other in targets:
                if one[0] != other[0] and (text := self._strangers(one, other)):
                    finding = Finding("identity", text)
                    if finding not in out[one[0]]:
                        out[one[0]].append(finding)
        return {host: found for host, found in out.items() if found}

    def _strangers(self, one: Key, other: Key) -> str:
        a, b = Identity.of(self._machines[one]), Identity.of(self._machines[other])
        if not (a.machine and b.machine):
            return ""  # said of the pair with the source
        return history.strangers(a, self._histories[one].boot, b, self._histories[other].boot)

    def refused(self, host: str, found: Collection[Finding]) -> list[Finding]:
        """Those that nobody has allowed."""
        return [each for each in found if self.consent is not None and not self.consent.allows(host, each)]

    async def admit(self, source: Machine, target: Machine) -> None:
        """Raise TaskError when something was found that nobody has allowed. In check mode it is only said."""
        if self.consent is None:
            return
        refused = self.refused(target.host, await self.look(source, target))
        if refused and target.check:
            for each in refused if target.host not in self.told else ():
                target.warn(each.text)
        elif refused:
            raise TaskError(
                f"nothing was changed on {target.host}: {'; '.join(each.text for each in refused)}",
                remedy=remedy(target.host, refused),
            )

    # --- the first change

    async def begin(self, source: Machine, target: Machine) -> None:
        """Write down on both that it has begun, before the first change. Raises TaskError when that is not possible and consent matters."""
        pair = self.visit(source, target)
        if pair is None or pair.begun:
            return
        try:
            theirs = await self._lead(source)  # before the lock: two PCs may each be the other's source
            async with self._lock(target):
                if not pair.begun:
                    mine = await self._history(target)
                    await self._write(
                        target, history.begun(mine, Identity.of(source), theirs, run=self.run, time=_now())
                    )
                    pair.begun = True
        except (TaskError, OSError) as exc:
            text = f"the history of {target.host} or {source.host} could not be written: {exc}"
            if self.consent is not None:
                raise TaskError(f"nothing was changed: {text}", remedy="Run it again.") from None
            target.warn(text)

    def visit(self, source: Machine, target: Machine) -> _Pair | None:
        """These two belong to the run, also when there is nothing to change. None: they are one PC."""
        if Identity.of(source) == Identity.of(target):
            return None
        return self._pairs.setdefault((_key(source), _key(target)), _Pair(source, target))

    # --- the end

    async def end(self, well: Callable[[str], bool], limit: float = LIMIT) -> list[str]:
        """Write down how it ended, on every target; ``well`` says it of a host. Returns what could not be written.

        A part of a sync that found nothing to do is not worth a note; a whole one says that all is there.
        """
        said: list[str] = []
        pairs, self._pairs = self._pairs, {}
        async with TaskGroup() as group:
            for pair in pairs.values():
                ok = well(pair.target.host)
                if pair.begun or (ok and self.whole):
                    group.create_task(self._end(pair, ok=ok, limit=limit, said=said))
        fed: dict[Key, list[_Pair]] = {}
        for (source, _), pair in pairs.items():
            if source in self._led:
                fed.setdefault(source, []).append(pair)
        for some in fed.values():
            await self._meet(some, limit)
        return said

    async def _meet(self, pairs: list[_Pair], limit: float) -> None:
        """Have a source know its targets by name; mostly it does."""
        source = pairs[0].source
        with contextlib.suppress(HostError, OSError, TimeoutError):  # then it learns them next time
            async with asyncio.timeout(limit), self._lock(source):
                mine = await self._history(source)
                if new := [who for pair in pairs if (who := Identity.of(pair.target)).key not in mine.peers]:
                    await self._write(source, history.fed(mine, new))

    async def _end(self, pair: _Pair, *, ok: bool, limit: float, said: list[str]) -> None:
        source, target = pair.source, pair.target
        try:
            async with asyncio.timeout(limit):
                theirs = await self._lead(source)
                async with self._lock(target):
                    mine = history.ended(
                        await self._history(target), Identity.of(source), theirs, run=self.run, time=_now(),
                        outcome="ok" if ok else "failed", whole=self.whole and target.host not in self.partly,
                    )  # fmt: skip
                    await self._write(target, mine)
        except (HostError, OSError, TimeoutError) as exc:
            if ok:
                why = str(exc) or "it took too long"
                said.append(f"{target.host} could not be told that the sync from {source.host} ended well: {why}")

    # --- histories

    async def _history(self, machine: Machine) -> History:
        key = _key(machine)
        async with self._reading.setdefault(key, asyncio.Lock()):
            if key not in self._histories:
                self._histories[key] = await self._read(machine)
                self._machines.setdefault(key, machine)
        return self._histories[key]

    async def _read(self, machine: Machine) -> History:
        try:
            return History.of(
                await machine.call(bundle(kept), "read", change=False, answers=ANSWER), Identity.of(machine)
            )
        except OSError as exc:
            raise TaskError(
                f"what {machine.host} remembers of its syncs cannot be read: {exc.filename}: {exc.strerror}",
                remedy="Look at that file; once it is gone, the PC counts as one that was never met.",
            ) from None

    async def _lead(self, source: Machine) -> History:
        """The source's history with the turn that this run begins."""
        key = _key(source)
        async with self._lock(source):
            if key not in self._led:
                before = self._before[key] = await self._history(source)
                mine = history.led(before, Identity.of(source), run=self.run, turn=self._turn, time=_now())
                await self._write(source, mine)
                self._led[key] = self._histories[key]
            return self._led[key]

    async def _write(self, machine: Machine, mine: History) -> None:
        stored = mine.stored(Identity.of(machine))
        revision = await machine.call(bundle(kept), "write", stored, mine.revision, change=True, answers=int)
        self._histories[_key(machine)] = replace(mine, revision=revision)

    def _lock(self, machine: Machine) -> asyncio.Lock:
        return self._locks.setdefault(_key(machine), asyncio.Lock())


def remedy(host: str, refused: Collection[Finding]) -> str:
    """What somebody who knows better may say."""
    if any(each.kind == "identity" for each in refused):
        return ""
    options = [f"{option}={host}" for kind, option in OPTIONS.items() if any(each.kind == kind for each in refused)]
    return f"If that is what you want: {' '.join(options)}."


def _key(machine: Machine) -> Key:
    return machine.host, machine.info.uid


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
