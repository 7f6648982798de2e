"""What PCs remember of their syncs decides what is asked: everyday rounds ask nothing, lost work is never a matter of course."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.history import (
    MOST,
    Finding,
    History,
    Identity,
    Outcome,
    begun,
    ended,
    fed,
    findings,
    interrupted,
    led,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Fleet:
    """PCs by name, each with its history; every sync is a run."""

    def __init__(self) -> None:
        self.known: dict[str, History] = {}
        self.runs = count(1)

    def of(self, name: str) -> History:
        return self.known.get(name, History(boot=f"boot of {name}"))

    def sync(self, source: str, *targets: str, outcome: Outcome | None = "ok", whole: bool = True) -> None:
        """All of them met each other before, so that only the order is left to ask about. ``outcome`` None: killed."""
        run = next(self.runs)
        about = {"run": f"run-{run}", "time": f"2026-11-21T10:{run:02}:00+00:00"}
        theirs = led(self.of(source), pc(source), turn=1000 + run, **about)
        self.known[source] = fed(theirs, map(pc, targets))
        for name in targets:
            mine = begun(self.of(name), pc(source), theirs, **about)
            if outcome is not None:
                mine = ended(mine, pc(source), theirs, outcome=outcome, whole=whole, **about)
            self.known[name] = mine

    def found(self, source: str, target: str) -> list[Finding]:
        return findings(pc(source), self.of(source), pc(target), self.of(target))

    def asked(self, source: str, target: str) -> set[str]:
        return {each.kind for each in self.found(source, target)}


def pc(name: str) -> Identity:
    return Identity(f"machine-id-of-{name}", name)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_one_source_feeds_many(fleet: Fleet) -> None:
    """The first meeting is asked about for each of them, and never again."""
    assert fleet.asked("atlas", "vega") == {"first"}
    for _ in range(3):
        fleet.sync("atlas", "vega", "lyra")
        assert fleet.asked("atlas", "vega") == fleet.asked("atlas", "lyra") == set()


def test_to_and_fro_asks_nothing(fleet: Fleet) -> None:
    """What was done at vega came back before atlas writes to it again."""
    for _ in range(3):
        fleet.sync("atlas", "vega")
        assert fleet.asked("vega", "atlas") == set()
        fleet.sync("vega", "atlas")
        assert fleet.asked("atlas", "vega") == set()


def test_a_round_of_three_asks_only_who_never_met(fleet: Fleet) -> None:
    """Each has, by way of another, what the next is about to lose."""
    fleet.sync("atlas", "vega")
    fleet.sync("vega", "lyra")
    fleet.sync("lyra", "atlas")
    assert fleet.asked("atlas", "vega") == fleet.asked("atlas", "lyra") == set()


def test_a_target_that_was_worked_on_is_asked_about(fleet: Fleet) -> None:
    """It was the source of another sync, and we have not had that."""
    fleet.sync("atlas", "vega")
    fleet.sync("vega", "lyra")
    assert [each.kind for each in fleet.found("atlas", "vega")] == ["order"]
    assert "vega was itself worked on: it was the source of run run-2" in fleet.found("atlas", "vega")[0].text


def test_a_target_that_another_has_written_is_asked_about(fleet: Fleet) -> None:
    """Until we have had that PC's work ourselves."""
    fleet.sync("atlas", "vega")
    fleet.sync("lyra", "vega")
    assert "vega was written from lyra (run run-2" in fleet.found("atlas", "vega")[0].text
    fleet.sync("lyra", "atlas")
    fleet.sync("lyra", "vega")
    assert fleet.asked("atlas", "vega") == {"order"}  # lyra was worked on again before the second
    fleet.sync("lyra", "atlas", "vega")
    assert fleet.asked("atlas", "vega") == set()


def test_a_part_is_not_all(fleet: Fleet) -> None:
    """A target that got a part must not push back as if it had everything; to write to it again asks nothing."""
    fleet.sync("atlas", "vega")
    fleet.sync("atlas", "vega", whole=False)
    assert fleet.asked("atlas", "vega") == set()
    assert "atlas was itself worked on" in fleet.found("vega", "atlas")[0].text


@pytest.mark.parametrize("outcome", ["failed", None])
def test_a_run_that_did_not_end_well_never_looks_clean(fleet: Fleet, outcome: Outcome | None) -> None:
    """The same source is told and repeats it; another source is asked; as a source the half-written PC is asked about."""
    fleet.sync("atlas", "vega")
    fleet.sync("lyra", "vega")
    fleet.sync("atlas", "vega", outcome=outcome)
    assert "repeats it" in interrupted(pc("atlas"), fleet.of("vega"))
    assert fleet.asked("atlas", "vega") == {"order"}  # what was consented to once is asked again
    assert fleet.asked("lyra", "vega") == {"order"}
    assert "vega, the source, is half-written" in fleet.found("vega", "lyra")[-1].text
    fleet.sync("atlas", "vega")
    assert fleet.asked("vega", "atlas") == set()
    assert not interrupted(pc("atlas"), fleet.of("vega"))


def test_a_first_sync_that_failed_was_none(fleet: Fleet) -> None:
    """Consent is asked for again."""
    fleet.sync("atlas", "vega", outcome="failed")
    assert fleet.asked("atlas", "vega") == {"first"}
    assert "did not end well" in fleet.found("atlas", "vega")[0].text


def test_another_source_finishes_what_one_had_begun(fleet: Fleet) -> None:
    """A whole sync replaces all of it."""
    fleet.sync("atlas", "vega", outcome="failed")
    fleet.sync("lyra", "vega")
    assert fleet.of("vega").unfinished() == []
    assert fleet.of("vega").sources[pc("atlas").key].outcome == "replaced"


def test_a_source_that_was_set_back_is_noticed(fleet: Fleet) -> None:
    """A restored disk remembers less of itself than its target does; the new turn has a number of its own."""
    fleet.sync("atlas", "vega")
    old = fleet.of("atlas")
    fleet.sync("atlas", "vega")
    fleet.known["atlas"] = old
    assert "vega has newer work of atlas than atlas itself remembers" in fleet.found("atlas", "vega")[0].text
    fleet.known["atlas"] = History()
    assert fleet.asked("atlas", "vega") == {"order"}


def test_a_task_of_the_same_run_does_not_make_good_what_another_broke(fleet: Fleet) -> None:
    """ansible-playbook has a begin and an end for each task."""
    theirs = led(History(), pc("atlas"), run="run-1", turn=1, time="t")
    mine = History()
    for outcome in ("failed", "ok"):
        mine = begun(mine, pc("atlas"), theirs, run="run-1", time="t")
        mine = ended(mine, pc("atlas"), theirs, run="run-1", time="t", outcome=outcome, whole=False)
    assert [each.outcome for each in mine.unfinished()] == ["failed"]


@pytest.mark.parametrize(
    ("other", "boot", "said"),
    [
        (lambda me: replace(me, name="copy"), "another boot", "atlas and copy have one machine-id"),
        (lambda me: me, "another boot", ""),
        (lambda me: replace(me, machine="another"), "another boot", "two PCs call themselves atlas"),
        (lambda me: replace(me, machine="", name="vega"), "another boot", "vega has no machine-id"),
    ],
)
def test_who_cannot_be_told_apart_is_refused(other: Callable[[Identity], Identity], boot: str, said: str) -> None:
    """One PC under two names of the inventory is no stranger: there is nothing to ask."""
    me = pc("atlas")
    found = findings(me, History(boot="a boot"), other(me), History(boot=boot))
    assert [each.kind for each in found] == (["identity"] if said else [])
    assert all(said in each.text for each in found)


def test_a_known_name_with_another_machine_id_is_refused(fleet: Fleet) -> None:
    """It was installed anew, or it is another PC: only a person knows."""
    fleet.sync("atlas", "vega")
    anew = Identity("another", "vega")
    found = findings(pc("atlas"), fleet.of("atlas"), anew, History(boot="x"))
    assert [each.kind for each in found] == ["identity"]
    assert "hotdesk history forget vega" in found[0].text
    found = findings(pc("atlas"), fleet.of("atlas").without("vega"), anew, History(boot="x"))
    assert [each.kind for each in found] == ["first"]


def test_a_copied_disk_has_the_work_but_has_met_nobody(fleet: Fleet) -> None:
    """It is another PC now, with a machine-id and a name of its own."""
    fleet.sync("atlas", "vega")
    fleet.sync("lyra", "vega")
    answer = {"revision": 2, "boot": "x", **fleet.of("vega").stored(pc("vega"))}
    copy = Identity("a new machine-id", "nova")
    found = findings(pc("atlas"), fleet.of("atlas"), copy, History.of(answer, copy))
    assert {each.kind for each in found} == {"first", "order"}


def test_it_is_stored_as_it_is_and_within_bounds(fleet: Fleet) -> None:
    """The newest stay."""
    fleet.sync("atlas", "vega")
    mine = fleet.of("vega")
    again = History.of({"revision": 0, "boot": mine.boot, **mine.stored(pc("vega"))}, pc("vega"))
    assert again == mine
    for number in range(MOST + 5):
        fleet.sync(f"pc{number}", "lyra", whole=False)
    stored = fleet.of("lyra").stored(pc("lyra"))
    assert len(stored["turns"]) == len(stored["sources"]) == MOST
    assert stored["turns"][-1]["name"] == f"pc{MOST + 4}"
