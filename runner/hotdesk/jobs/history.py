"""The history that each PC keeps of its syncs, and what it says about the next one.

Whoever is the source of a run begins a new *turn*: the work that was done there until then. A target notes whose turns have come to it, in part or
whole. A target holds nothing that the source has not, when each turn that is on it has come to the source as a whole: that is the one question
of the gate, whoever pushed to whom in between.
"""

from __future__ import annotations

from dataclasses import asdict, field, replace
from typing import TYPE_CHECKING, Any, Literal

from hotdesk.frozen import frozen
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotdesk.jobs.machine import Machine

Outcome = Literal["begun", "ok", "failed", "replaced"]
Kind = Literal["identity", "first", "order"]
MOST = 500
"""PCs that a history speaks of; the newest stay."""
LONGEST = 200
"""Characters of a name."""
TURN = {**dict.fromkeys(("id", "name", "run", "time"), str), "turn": int, "whole": int}
SYNC = dict.fromkeys(("id", "name", "run", "time", "outcome", "synced"), str)
PEER = dict.fromkeys(("id", "name"), str)
ANSWER = {"revision": int, "boot": str, "pc": str, "turns": [TURN], "sources": [SYNC], "peers": [PEER]}
"""The shape of what ``on_target.history.read`` answers."""


@frozen
class Identity:
    """Who a PC is, whatever it is called in the inventory: the machine-id (machine-id(5)) and its own name."""

    machine: str
    name: str

    @classmethod
    def of(cls, machine: Machine) -> Identity:
        return cls(machine.info.machine_id, machine.info.hostname)

    @property
    def key(self) -> str:
        return f"{self.machine} {self.name}"


@frozen
class Turn:
    """Work of one PC that is here: ``turn`` is the newest of which something is here, ``whole`` the newest that came completely."""

    id: str
    name: str
    turn: int
    whole: int
    run: str
    time: str


@frozen
class Sync:
    """The last sync from one source to this PC. ``synced``: when one from there last ended well; empty: never."""

    id: str
    name: str
    run: str
    time: str
    outcome: str
    synced: str = ""


@frozen
class Peer:
    """A PC that this one was the source for."""

    id: str
    name: str


@frozen
class History:
    """What a PC remembers, all of it by the identity of the other PC."""

    revision: int = 0
    boot: str = ""
    turns: Mapping[str, Turn] = field(default=EMPTY)
    sources: Mapping[str, Sync] = field(default=EMPTY)
    peers: Mapping[str, Peer] = field(default=EMPTY)

    @classmethod
    def of(cls, answer: Mapping[str, Any], me: Identity) -> History:
        """Out of what the PC answered (of the shape ``ANSWER``). On a copied disk the work is there, but whom it has met is another PC's."""
        turns = [Turn(**_brief(each, TURN)) for each in answer["turns"][:MOST]]
        sources = [Sync(**_brief(each, SYNC)) for each in answer["sources"][:MOST]]
        peers = [Peer(**_brief(each, PEER)) for each in answer["peers"][:MOST]]
        if answer["pc"] not in ("", me.key):
            sources, peers = [], []
        return cls(
            answer["revision"], answer["boot"],
            {each.id: each for each in turns}, {each.id: each for each in sources}, {each.id: each for each in peers},
        )  # fmt: skip

    def stored(self, me: Identity) -> dict[str, Any]:
        """As ``on_target.history.write`` takes it."""
        turns = sorted(self.turns.values(), key=lambda each: each.turn)[-MOST:]
        sources = sorted(self.sources.values(), key=lambda each: each.time)[-MOST:]
        peers = list(self.peers.values())[-MOST:]
        return {
            "pc": me.key,
            "turns": [asdict(each) for each in turns],
            "sources": [asdict(each) for each in sources],
            "peers": [asdict(each) for each in peers],
        }

    def whole(self, pc: str) -> int:
        """The newest turn of ``pc`` that is here completely; 0: none."""
        return self.turns[pc].whole if pc in self.turns else 0

    def known(self) -> list[Turn | Sync | Peer]:
        """All it says of PCs."""
        return [*self.turns.values(), *self.sources.values(), *self.peers.values()]

    def without(self, name: str) -> History:
        """As if PCs that call themselves so had never been met."""
        return replace(
            self,
            turns={key: each for key, each in self.turns.items() if each.name != name},
            sources={key: each for key, each in self.sources.items() if each.name != name},
            peers={key: each for key, each in self.peers.items() if each.name != name},
        )

    def met(self, pc: str) -> bool:
        return pc in self.sources and bool(self.sources[pc].synced)

    def unfinished(self) -> list[Sync]:
        """Syncs to this PC that have begun and are not known to have ended well."""
        return [each for each in self.sources.values() if each.outcome in ("begun", "failed")]


@frozen
class Finding:
    """A reason not to sync to a host without asking. ``identity``: it is never done."""

    kind: Kind
    text: str


def _brief(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A PC may say anything of others, but not at any length."""
    return {name: entry[name][:LONGEST] if isinstance(entry[name], str) else entry[name] for name in names}


def led(mine: History, me: Identity, *, run: str, turn: int, time: str) -> History:
    """The source's history when it begins a turn. Numbers only grow, also when the history was lost: ``turn`` is a time (ms)."""
    old = mine.turns.get(me.key)
    number = max(turn, old.turn + 1) if old is not None else turn
    own = Turn(me.key, me.name, number, number, run, time)
    return replace(mine, turns={**mine.turns, me.key: own})


def begun(mine: History, source: Identity, theirs: History, *, run: str, time: str) -> History:
    """The target's history before the first change: whatever comes of it, something of all that the source holds may be here."""
    turns = dict(mine.turns)
    for pc, each in theirs.turns.items():
        old = turns.get(pc)
        newest = each if old is None or each.turn > old.turn else old
        turns[pc] = replace(newest, whole=old.whole if old is not None else 0)
    return replace(mine, turns=turns, sources={**mine.sources, source.key: _sync(mine, source, run, time, "begun")})


def ended(
    mine: History, source: Identity, theirs: History, *, run: str, time: str, outcome: Outcome, whole: bool
) -> History:
    """The target's history after the run. A whole sync that ended well makes it hold what the source holds, and nothing else."""
    mine = begun(mine, source, theirs, run=run, time=time)
    sync = _sync(mine, source, run, time, outcome)
    if sync.outcome != "ok":
        return replace(mine, sources={**mine.sources, source.key: sync})
    sources = {**mine.sources, source.key: replace(sync, synced=time)}
    if not whole:
        return replace(mine, sources=sources)
    for each in mine.unfinished():
        if each.id != source.key:
            sources[each.id] = replace(each, outcome="replaced")
    return replace(mine, turns=dict(theirs.turns), sources=sources)


def _sync(mine: History, source: Identity, run: str, time: str, outcome: Outcome) -> Sync:
    old = mine.sources.get(source.key)
    if old is not None and old.run == run and old.outcome == "failed":
        outcome = "failed"  # under ansible-playbook each task begins and ends anew
    return Sync(source.key, source.name, run, time, outcome, old.synced if old is not None else "")


def fed(mine: History, targets: Iterable[Identity]) -> History:
    """The source's history, which knows by name whom it was the source for."""
    return replace(mine, peers={**mine.peers, **{each.key: Peer(each.key, each.name) for each in targets}})


def findings(source: Identity, theirs: History, target: Identity, mine: History) -> list[Finding]:
    """Why a sync from ``source`` (whose history is ``theirs``) to ``target`` (``mine``) is not a matter of course."""
    if source == target:
        return []
    if strange := strangers(source, theirs.boot, target, mine.boot) or known_otherwise(theirs, target):
        return [Finding("identity", strange)]
    out = []
    if not (mine.met(source.key) or theirs.met(target.key)):
        tried = mine.sources.get(source.key)
        text = f"{source.name} and {target.name} meet for the first time"
        if tried is not None:
            text = f"the first sync from {source.name} (run {tried.run}, {tried.time}) did not end well"
        out.append(Finding("first", f"{text}: what {target.name} has may be overwritten"))
    for each in sorted(mine.turns.values(), key=lambda each: each.turn):
        if theirs.whole(each.id) < each.turn:
            out.append(Finding("order", _lacking(each, source, target)))
    out += [Finding("order", _half(each, source)) for each in theirs.unfinished()]
    return out


def _lacking(each: Turn, source: Identity, target: Identity) -> str:
    when = f"run {each.run}, {each.time}"
    if each.id == target.key:
        return f"{target.name} was itself worked on: it was the source of {when}, and {source.name} has not had all of that"
    if each.id == source.key:
        return f"{target.name} has newer work of {source.name} than {source.name} itself remembers ({when}): was {source.name} set back?"
    return f"{target.name} was written from {each.name} ({when}), and {source.name} has not had all of that"


def _half(each: Sync, source: Identity) -> str:
    how = "failed" if each.outcome == "failed" else "was cut off"
    return f"{source.name}, the source, is half-written: the sync from {each.name} to it (run {each.run}, {each.time}) {how}"


def interrupted(source: Identity, mine: History) -> str:
    """What is worth saying though nothing needs to be asked: the last sync from the same source did not end well, and this one repeats it."""
    last = mine.sources.get(source.key)
    if last is None or last.outcome not in ("begun", "failed") or not last.synced:
        return ""
    how = "failed" if last.outcome == "failed" else "was cut off"
    return f"the last sync from {source.name} (run {last.run}, {last.time}) {how}; this one repeats it"


def strangers(one: Identity, boot: str, other: Identity, other_boot: str) -> str:
    """Why two PCs cannot be told apart by their identities; empty: they can, or are one PC."""
    if not (one.machine and other.machine):
        nobody = one if not one.machine else other
        return f"{nobody.name} has no machine-id: 'systemd-machine-id-setup' there makes one"
    if one.machine == other.machine and (one.name != other.name or boot != other_boot):
        return (
            f"{one.name} and {other.name} have one machine-id: one of them is a copy. Give it its own: "
            "'rm /etc/machine-id; systemd-machine-id-setup' there, and restart it"
        )
    if one.machine != other.machine and one.name == other.name:
        return f"two PCs call themselves {one.name}: give one of them another name ('hostnamectl set-hostname')"
    return ""


def known_otherwise(history: History, pc: Identity) -> str:
    """A PC of the same name is remembered with another machine-id."""
    for each in history.known():
        if each.name == pc.name and each.id != pc.key:
            return (
                f"a PC called {pc.name} is remembered with another machine-id: is this another PC, or was it installed anew? "
                f"If it is meant: 'hotdesk history forget {pc.name}'"
            )
    return ""
