from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.jobs import SyncJob
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

    Steps = Callable[..., tuple[list[str], list[str]]]

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/systemd.py")
Scope = sys.modules[CLASS.__module__].Scope
LAB: dict[str, Any] = {"l@": "indirect"}
FILE = ["file", 0o644, 0, 0, "digest"]


def scope(masked: str = "", instances: str = "", files: tuple[str, ...] = (), active: str = "", **states: str) -> Any:
    """One PC's units: ``a="enabled"`` is a.service."""
    words = {name.replace("_", ".") if "_" in name else f"{name}.service": word for name, word in states.items()}
    running = dict.fromkeys(active.split(), "active")
    return Scope(
        dict.fromkeys(files, FILE),
        frozenset(masked.split()),
        frozenset(instances.split()),
        {},
        words,
        {"init.scope": "active", **running},
    )


@pytest.fixture
def steps(jobs: JobRun, make_machine: MakeMachine) -> Steps:
    """``items, warnings = steps(here, there, guarded={...}, ...)``: what the job would do to the system's units."""

    def make(here: Any, there: Any, guarded: set[str] | None = None, **args: Any) -> tuple[list[str], list[str]]:
        job: Any = jobs.job(CLASS, args, make_machine("atlas"), make_machine("vega"))
        job._warnings, job._running, job._here, job._there = [], True, {"system": here}, {"system": there}
        return [change.id for change, _ in job._steps("system", guarded or set())], job._warnings

    return make


@pytest.mark.parametrize(
    ("here", "there", "items"),
    [
        (scope(a="enabled"), scope(a="disabled"), ["enable a.service"]),
        (scope(a="disabled"), scope(a="enabled"), ["disable a.service"]),
        (scope(a="enabled"), scope(a="enabled"), []),
        (scope(masked="a.service"), scope(a="enabled"), ["mask a.service"]),
        (scope(masked="gone.service"), scope(), ["mask gone.service"]),
        (scope(a="enabled"), scope(masked="a.service", a="masked"), ["enable a.service"]),
        (scope(a="masked"), scope(a="enabled"), []),
        (scope(a="static"), scope(a="enabled"), []),
        (scope(instances="l@one.service", **LAB), scope(**LAB), ["enable l@one.service"]),
        (
            scope(**LAB),
            scope(instances="l@one.service", **LAB),
            ["disable l@one.service"],
        ),
        (scope(nvidia="enabled", home_mount="enabled"), scope(nvidia="disabled", home_mount="disabled"), []),
        (scope(files=("own.service",), own="enabled"), scope(), ["create files of own.service", "enable own.service"]),
        (scope(), scope(files=("own.service",), own="enabled"), []),
    ],
)
def test_words_become_as_on_the_source(steps: Steps, here: Any, there: Any, items: list[str]) -> None:
    """Only enabled, disabled and masked count; what a package has masked, and what belongs to hardware, is left."""
    assert steps(here, there) == (items, [])


def test_a_unit_that_is_missing_is_named(steps: Steps) -> None:
    """One that is enabled on the source; a disabled one is no loss."""
    items, (warning,) = steps(scope(a="enabled", b="disabled"), scope())
    assert items == []
    assert warning.startswith("vega has no a.service")


def test_the_way_in_is_kept(steps: Steps) -> None:
    """Neither disabled nor given other files, with a warning for each; another unit of the same kind is."""
    here = scope(files=("door.service.d/x.conf",), door="disabled", b="disabled")
    items, warnings = steps(here, scope(door="enabled", b="enabled"), guarded={"door.service"})
    assert items == ["disable b.service"]
    assert len(warnings) == 2


@pytest.mark.parametrize(
    ("now", "items"),
    [
        ("none", []),
        ("timers", ["start t.timer"]),
        ("all", ["start a.service", "start t.timer", "stop z.service"]),
    ],
)
def test_what_runs_is_as_wanted(steps: Steps, now: str, items: list[str]) -> None:
    """Enabled and running there: started. Disabled and not running there: stopped."""
    words: dict[str, Any] = {"a": "enabled", "t_timer": "enabled", "z": "disabled", "own": "enabled"}
    here, there = scope(active="a.service t.timer", **words), scope(active="z.service", **words)
    assert steps(here, there, now=now)[0] == items


def test_local_units_go_on_request(steps: Steps, jobs: JobRun) -> None:
    """Only with delete; excluded ones not even then."""
    there = scope(files=("own.service", "kept.timer"))
    assert steps(scope(), there)[0] == []
    assert steps(scope(), there, delete=True, exclude=["kept*"])[0] == ["delete files of own.service"]


async def test_a_pc_without_systemd_is_told_once(
    jobs: JobRun, make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the remedy; one that is too old likewise."""

    async def version(machine: Any) -> int:
        return 0 if machine.host == "atlas" else 215

    monkeypatch.setattr(sys.modules[CLASS.__module__], "_version", version)
    job: SyncJob = jobs.job(CLASS, {}, make_machine("atlas"), make_machine("vega"))
    found = {problem.message: problem.remedy for problem in await job.validate()}
    assert "atlas has no systemctl" in found
    assert found["vega has systemd 215; 232 or newer is needed"]
