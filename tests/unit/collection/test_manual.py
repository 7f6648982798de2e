from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs import manual_snippets
from hotdesk.jobs.load import load
from hotdesk.jobs.manual_registry import Snippets
from tests.unit.machines import needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/manual.py")
Side = sys.modules[CLASS.__module__].Side
OWN = Snippets("install", "version")


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine) -> Callable[..., Any]:
    """``job(here, there, ...)``: one from atlas to vega that has looked at both."""

    def make(here: Any, there: Any, begun: dict[str, str] | None = None, **args: Any) -> Any:
        made: Any = jobs.job(CLASS, args, make_machine("atlas"), make_machine("vega"))
        made._here, made._there, made._begun = here, there, begun or {}
        made._versions, made._refused, made._unreplicable = {}, {}, []
        return made

    return make


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """(PC, version snippet) -> what it prints; to be filled in."""
    told: dict[tuple[str, str], str] = {}

    async def version(machine: Any, snippets: Snippets) -> tuple[str, str]:
        said = told.get((machine.host, snippets.version), "")
        return said, "" if said else "it failed"

    monkeypatch.setattr(manual_snippets, "version", version)
    return told


async def test_what_differs_is_installed_in_the_order_of_its_needs(
    job: Callable[..., Any], versions: dict[tuple[str, str], str]
) -> None:
    """In whichever direction it differs; what is the same, and a package of the same version that nobody wrote down, are left."""
    registry = {
        "deb a": Snippets("i", "a", needs=("/opt/b",)), "/opt/b": Snippets("i", "b"), "/opt/c": Snippets("i", "c"),
    }  # fmt: skip
    versions |= {
        ("atlas", "a"): "1",
        ("atlas", "b"): "1\n",
        ("vega", "b"): "2",
        ("atlas", "c"): "3 ",
        ("vega", "c"): "3",
    }
    here = Side(debs={"deb a": "1", "deb same": "5"}, trees={"/opt/b": None, "/opt/c": None}, registry=registry)
    made = job(here, Side(debs={"deb same": "5"}))
    changes = await made._installs()
    assert [(change.id, change.detail) for change in changes] == [("replace /opt/b", "2 -> 1"), ("install deb a", "1")]
    assert changes[1].needs == ("replace /opt/b",)
    assert made._unreplicable == []


async def test_what_was_begun_and_not_finished_is_installed_again(
    job: Callable[..., Any], versions: dict[tuple[str, str], str]
) -> None:
    """Though its version is right."""
    versions |= {("atlas", "version"): "1", ("vega", "version"): "1"}
    here = Side(trees={"/opt/b": None}, registry={"/opt/b": OWN})
    assert await job(here, Side())._installs() == []
    (change,) = await job(here, Side(), {"/opt/b": "run-1"})._installs()
    assert "begun by run run-1" in change.detail


async def test_nothing_is_dropped_silently(job: Callable[..., Any], versions: dict[tuple[str, str], str]) -> None:
    """Unregistered items, those that give no version here, and those that need such a one."""
    versions |= {("atlas", "version"): "1"}
    registry = {"/opt/mute": Snippets("i", "mute"), "/opt/needs": Snippets("i", "version", needs=("/opt/mute",))}
    trees = {"/opt/mute": None, "/opt/needs": None, "/opt/new": None, "/opt/vendor": ["one", "two"]}
    made = job(Side(debs={"deb old": "2"}, trees=trees, registry=registry), Side(debs={"deb old": "1"}))
    (change,) = await made._installs()
    assert made._refused == {"install /opt/needs": "it needs /opt/mute, which vega does not have as atlas does"}
    assert change.id == "install /opt/needs"
    lost = {one["item"]: one for one in made._unreplicable}
    assert sorted(lost) == ["/opt/mute", "/opt/new", "/opt/vendor", "deb old"]
    assert "one for each of /opt/vendor/one, /opt/vendor/two" in lost["/opt/vendor"]["why"]
    assert "on atlas, under debs, as 'old'" in lost["deb old"]["remedy"]


def test_a_vendors_folder_is_what_the_registry_says_it_is() -> None:
    """One item, or one for each folder in it."""
    side = Side(trees={"/opt/vendor": ["one", "two"]})
    assert list(side.items({})) == ["/opt/vendor"]
    assert list(side.items({"/opt/vendor": OWN, "/opt/vendor/one": OWN})) == ["/opt/vendor"]
    assert list(side.items({"/opt/vendor/one": OWN})) == ["/opt/vendor/one", "/opt/vendor/two"]


def test_only_what_can_be_removed_is(job: Callable[..., Any]) -> None:
    """Packages, and trees with a script for it; never what the source has too, nor what is essential."""
    there = Side(
        debs={"deb own": "1", "deb both": "1", "deb base": "1"}, essential=["deb base"],
        trees={"/opt/a": None, "/opt/b": None}, registry={"/opt/a": Snippets("i", "v", "rm")},
    )  # fmt: skip
    made = job(Side(debs={"deb both": "1"}), there, remove=True)
    assert sorted(change.id for change in made._removals()) == ["remove /opt/a", "remove deb own"]
    assert [one["item"] for one in made._unreplicable] == ["/opt/b"]
    assert job(Side(), there)._removals() == []


def test_the_registry_goes_with_consent_alone(job: Callable[..., Any]) -> None:
    """Never unless it is said; over entries of the target's own only with replace, or in a plan that a person reviews."""
    here = Side(text=b"new", state=["file", 0o600, 0, 0, "x"], registry={"/opt/a": OWN})
    same, own = Side(text=b"old", registry={"/opt/a": OWN}), Side(text=b"old", registry={"/opt/b": OWN})
    assert job(here, same)._push() == []
    (change,) = job(here, same, push="add")._push()
    assert not change.destructive
    refused = job(here, own, push="add")
    assert refused._push() == []
    assert "would be lost: /opt/b" in refused._unreplicable[0]["why"]
    for made in (job(here, own, push="replace"), job(here, own, push="add")):
        made.reviewed = made.args["push"] == "add"
        (change,) = made._push()
        assert change.destructive


async def test_a_version_snippet_can_change_nothing(make_machine: MakeMachine, tmp_path: Path) -> None:
    """It runs as nobody, whoever asks: it sees what everybody sees, and its failures are told."""
    needs("bash", "setpriv")
    if os.geteuid() != 0:
        pytest.skip("needs root, to become nobody")
    machine = make_machine("vega", check=True)
    assert await manual_snippets.version(machine, Snippets("i", "id -u; echo $HOME")) == ("65534\n/nonexistent", "")
    (tmp_path / "own").mkdir()
    said, why = await manual_snippets.version(machine, Snippets("i", f"echo x >{tmp_path}/own/new"))
    assert said == ""
    assert "version snippet failed on vega" in why
    assert list((tmp_path / "own").iterdir()) == []
    assert "printed nothing" in (await manual_snippets.version(machine, Snippets("i", "true")))[1]
    assert "printed no version" in (await manual_snippets.version(machine, Snippets("i", "printf 'a\\033[2J'")))[1]


async def test_an_install_snippet_is_in_no_process_list(make_machine: MakeMachine, tmp_path: Path) -> None:
    """Nor in what is told of it; it has no input, knows its item, and fails at its first failing command."""
    needs("bash")
    out, machine = tmp_path / "out", make_machine("vega")
    body = f"secret=geheim; tr '\\0' ' ' </proc/$$/cmdline >{out}; cat >>{out}; echo $HOTDESK_ITEM $HOTDESK_VERSION >>{out}; false; echo no >>{out}"
    with pytest.raises(Exception, match="its snippet failed") as caught:
        await manual_snippets.act(machine, "/opt/tool", body, "1.0", 30)
    assert out.read_text().endswith("snippet /opt/tool 1.0\n")
    assert "geheim" not in out.read_text() + str(caught.value) + repr(make_machine.events)
