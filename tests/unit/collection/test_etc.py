"""What the etc job makes of two PCs' files. The whole way is tested on lab PCs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.base import Change
from hotdesk.jobs.etc_rules import LEFT, RULES, rule, unit
from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from hotdesk.jobs import Plan
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

JOB = Path(__file__).parents[3] / "collection/plugins/jobs/etc.py"
NONE: dict[str, Any] = {"files": {}, "odd": {}, "tools": ["visudo", "sshd"], "packages": ["web"]}


def entry(standing: str, text: str = "a", **more: Any) -> dict[str, Any]:
    state = None if standing == "removed" else ["file", more.pop("mode", 0o644), 0, 0, text]
    package = "" if standing == "local" else "web"
    return {
        "standing": standing,
        "package": package,
        "version": "1",
        "state": state,
        "owner": "root",
        "group": "root",
        **more,
    }


@pytest.fixture
def plan(jobs: JobRun, make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``await plan(here, there, **args)``: the plan for these files of the source and the target, path -> entry."""

    async def make(
        here: dict[str, Any], there: dict[str, Any], coming: str = "", broken: Any = None, **args: Any
    ) -> Plan:
        job: Any = jobs.job(load(JOB), args, make_machine("atlas"), make_machine("vega"))
        job.foreseen = {"apt": [Change(verb="install", subject=coming)]} if coming else {}
        module = sys.modules[type(job).__module__]
        surveys = {"atlas": {**NONE, "files": here}, "vega": {**NONE, "files": there}}

        async def survey(machine: Any) -> Any:
            return surveys[machine.host]

        async def left(_machine: Any) -> list[Any]:
            return broken or []

        async def read(_machine: Any, paths: Any) -> list[bytes]:
            return [b"x"] * len(paths)

        monkeypatch.setattr(job, "_survey", survey)
        monkeypatch.setattr(job, "_read", read)
        monkeypatch.setattr(module, "unfinished", left)
        job._warnings, job._puts = [], {}
        return await job.pre_sync()  # type: ignore[no-any-return]

    return make


def ids(plan: Plan) -> list[str]:
    return [change.id for change in plan.changes]


async def test_what_differs_from_the_packages_travels(plan: Any) -> None:
    """Changed and local files; what is as packaged on the source does not."""
    here = {
        "/etc/a": entry("changed", "new"),
        "/etc/b": entry("local"),
        "/etc/c": entry("packaged"),
        "/etc/d": entry("local"),
    }
    there = {
        "/etc/a": entry("packaged", "old"),
        "/etc/c": entry("changed", "mine"),
        "/etc/d": entry("local", mode=0o600),
    }
    assert ids(await plan(here, there)) == ["update /etc/a", "create /etc/b", "attributes /etc/d"]


async def test_equal_files_are_no_change(plan: Any) -> None:
    """Numbers of users may differ, names must not."""
    there = {"/etc/a": {**entry("local"), "state": ["file", 0o644, 5, 7, "a"]}}
    assert ids(await plan({"/etc/a": entry("local")}, there)) == []
    assert ids(await plan({"/etc/a": entry("local", group="adm")}, there)) == ["attributes /etc/a"]


async def test_nothing_is_taken_away_unasked(plan: Any) -> None:
    """With delete: nobody's files, removed conffiles, and the package's text where only the target has another. All destructive."""
    here = {"/etc/gone": entry("removed"), "/etc/p": entry("packaged")}
    there = {
        "/etc/gone": entry("packaged"),
        "/etc/p": entry("changed", "mine"),
        "/etc/own": entry("local"),
        "/etc/q": entry("changed"),
    }
    assert ids(await plan(here, there)) == []
    found = await plan(here, there, delete=True)
    assert ids(found) == ["delete /etc/gone", "delete /etc/own", "reset /etc/p"]
    assert all(change.destructive for change in found.changes)


async def test_a_text_of_another_version_is_not_put_back(plan: Any) -> None:
    """The package's text on the source is that of another version: it is left, and said."""
    found = await plan({"/etc/p": entry("packaged")}, {"/etc/p": entry("changed", "b", version="2")}, delete=True)
    assert ids(found) == []
    assert "2 there and 1 on the source" in found.warnings[0]


async def test_a_file_of_a_package_that_is_not_there_is_left(plan: Any) -> None:
    """So is one whose owner has no name."""
    here = {"/etc/x": entry("changed", package="other"), "/etc/y": entry("local", owner="")}
    found = await plan(here, {})
    assert ids(found) == []
    assert [text.partition(" ")[0] for text in found.warnings] == ["/etc/x", "/etc/y"]


async def test_what_not_everybody_may_read_is_never_shown(plan: Any) -> None:
    """Neither its text nor a digest of it."""
    found = await plan(
        {"/etc/s": entry("local", "digest", mode=0o640)}, {"/etc/s": entry("local", "other", mode=0o640)}
    )
    assert (found.changes[0].before, found.changes[0].after) == ("", "")
    assert "not shown" in found.diff[0].prepared


async def test_paths_limit_it(plan: Any) -> None:
    """A folder's name is no prefix of another's."""
    here = {"/etc/a/x": entry("local"), "/etc/ab": entry("local")}
    assert ids(await plan(here, {}, paths=["/etc/a"])) == ["create /etc/a/x"]


async def test_wrong_arguments_are_all_named(jobs: JobRun, make_machine: MakeMachine) -> None:
    """With what was meant."""
    args = {"paths": ["/usr"], "include": ["/etc/hots"], "exclude": ["nginx"]}
    job = jobs.job(load(JOB), args, make_machine("atlas"), make_machine("atlas"))
    found = await job.validate()
    assert len(found) == 3
    assert "/etc/hosts" in found[-1].remedy


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/etc/sudoers", "/etc/sudoers"),
        ("/etc/sudoers.d/x", "/etc/sudoers"),
        ("/etc/ssh/sshd_config.d/y", "/etc/ssh"),
        ("/etc/x.conf", "/etc/x.conf"),
    ],
)
def test_units_stand_or_fall_together(path: str, name: str) -> None:
    """A file and its folder of pieces are one."""
    assert unit(path) == name


def test_the_tables_agree() -> None:
    """Every pattern is below /etc and stands there once; a piece of sudoers has a validator."""
    patterns = [pattern for pattern, _ in LEFT]
    assert len(patterns) == len(set(patterns))
    assert all(pattern.startswith("/etc/") for pattern in patterns + [p for one in RULES for p in one.patterns])
    found = rule("/etc/sudoers.d/x")
    assert found is not None
    assert "%s" in found.each


def test_the_documentation_lists_every_pattern() -> None:
    """What stays, and what looks at what."""
    text = (JOB.parents[2] / "docs" / "etc.md").read_text()
    missing = [
        p
        for p in [*(pattern for pattern, _ in LEFT), *(p for one in RULES for p in one.patterns)]
        if f"`{p}`" not in text
    ]
    assert not missing


async def test_a_file_of_a_package_that_is_to_come_is_foreseen(plan: Any) -> None:
    """Reviewed before the package is there, it is the same change once it is: the package's own text was nobody's work."""
    here = {"/etc/hd": {**entry("changed", "new"), "package": "hd"}}
    assert ids(await plan(here, {})) == []
    (foreseen,) = (await plan(here, {}, coming="hd")).changes
    (found,) = (await plan({"/etc/hd": entry("changed", "new")}, {"/etc/hd": entry("packaged", "old")})).changes
    assert (foreseen.id, foreseen.before, foreseen.after) == (found.id, found.before, found.after)


async def test_what_a_killed_run_had_removed_is_removed_again(plan: Any) -> None:
    """It comes back with what is undone; a file of another job's transaction is not ours."""
    was = {"/etc/cron.d/gone": entry("local")["state"], "/etc/cron.d/new": None}
    other = {"/etc/apt/gone": entry("local")["state"]}
    broken = [
        {"name": "1-cron", "unit": "/etc/cron", "run": "earlier", "was": was},
        {"name": "2-apt", "unit": "/etc/apt", "run": "earlier", "was": other},
    ]
    here = {"/etc/cron.d/new": entry("local")}
    there = {"/etc/cron.d/new": entry("local")}
    found = await plan(here, there, broken=broken, delete=True)
    assert ids(found) == ["undo 1-cron", "undo 2-apt", "delete /etc/cron.d/gone", "create /etc/cron.d/new"]
