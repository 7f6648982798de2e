"""A Docker as it was before a run: what comes back, what cannot, what was changed since. The real engine is in tests/lab."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs import docker_undo, docker_volumes
from hotdesk.jobs.docker_plan import Comparison, Wish
from hotdesk.jobs.undo import DEFINITION
from hotdesk.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORDED = json.loads(Path(__file__).with_name("docker_recorded.json").read_text())
EMPTY = {**RECORDED, "images": {}, "volumes": {}, "networks": {}, "containers": {}}
PC: Any = SimpleNamespace(host="vega", report=lambda _progress: None)


class Pc:
    """A PC with a Docker: what it has, what is in its volumes, what the run has noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now: dict[str, Any] = deepcopy(RECORDED)
        self.prints = {name: name for name in RECORDED["volumes"]}
        self.acts: list[str] = []
        self.notes: list[list[dict[str, Any]]] = []
        monkeypatch.setattr(docker_undo, "describe", self._describe)
        monkeypatch.setattr(docker_undo, "fingerprints", self._fingerprints)
        monkeypatch.setattr(docker_undo, "existing", self._existing)
        monkeypatch.setattr(docker_undo, "act", self._act)
        monkeypatch.setattr(docker_undo, "note_definitions", self._note)

    async def _describe(self, _machine: Any) -> dict[str, Any]:
        return self.now

    async def _fingerprints(self, _machine: Any, _state: Any, names: Iterable[str]) -> dict[str, str]:
        return {name: self.prints[name] for name in names if name in self.now["volumes"]}

    async def _existing(self, _machine: Any, paths: list[str]) -> list[str]:
        return paths

    async def _act(self, _machine: Any, change: Any, _here: Any, _there: Any, *, tags: bool) -> None:
        self.acts.append(change.id)
        if change.id == "replace container web":
            raise TaskError("its port is taken")

    async def _note(self, _machine: Any, unit: str, kept: list[dict[str, Any]]) -> None:
        assert unit == "docker"
        self.notes.insert(0, json.loads(json.dumps(kept)))

    async def synced(self, before: dict[str, Any], *, delete: bool = True) -> Comparison:
        """A run has made what was ``before`` as it is now."""
        prints = self.prints, {name: self.prints.get(name, "") for name in before["volumes"]}
        done = Comparison(self.now, before, prints, (), Wish(delete=delete)).compare()
        await docker_undo.keep(PC, done.changes, self.now, before)
        return done


@pytest.fixture
def pc(monkeypatch: pytest.MonkeyPatch) -> Pc:
    return Pc(monkeypatch)


def ids(found: docker_undo.Wanted) -> list[str]:
    return [change.id for change in found.changes]


def other(**more: Any) -> dict[str, Any]:
    """As recorded, with web another one, in a network of its name that is another one."""
    before = deepcopy(RECORDED)
    before["containers"]["web"]["config"]["Env"] = ["TOKEN=earlier"]
    before["networks"]["lan"]["made"]["IPAM"] = {"Config": [{"Subnet": "10.1.0.0/16"}]}
    return {**before, **more}


async def test_what_was_replaced_comes_back_with_what_hangs_on_it(pc: Pc) -> None:
    """A container and its network as they were, secrets too, and who shares with it; nothing else; then nothing is left to do."""
    before = other()
    await pc.synced(before)
    assert all(misfit(one, DEFINITION) == "" for one in pc.notes[0])
    found = await docker_undo.wanted(PC, pc.notes)
    assert ids(found) == ["replace network lan", "replace container web", "replace container side"]
    assert found.left == found.changed == []
    assert found.here["containers"]["web"]["config"]["Env"] == ["TOKEN=earlier"]
    assert "earlier" not in repr(found.changes)
    pc.now = before
    again = await docker_undo.wanted(PC, pc.notes)
    assert (again.changes, again.changed, again.left) == ([], [], [])


async def test_what_was_made_goes_and_comes_again(pc: Pc) -> None:
    """On a PC that had nothing: containers first, then networks and volumes; images stay, so the undo's own note brings it all again."""
    await pc.synced(deepcopy(EMPTY))
    found = await docker_undo.wanted(PC, pc.notes)
    kinds = [change.subject.split()[0] for change in found.changes]
    assert kinds == sorted(kinds, key=["container", "network", "volume"].index)
    assert set(kinds) == {"container", "network", "volume"}
    assert {change.verb for change in found.changes} == {"remove"}
    assert await found.undo(found.changes) == {}
    pc.now = {**deepcopy(RECORDED), "containers": {}, "networks": {}}
    again = await docker_undo.wanted(PC, pc.notes[:1])
    assert {"create container web", "create network lan"} <= set(ids(again))


async def test_what_was_removed_comes_back_empty(pc: Pc) -> None:
    """A volume's definition, which its plan did not promise; a network; a container; a name, as long as the image has another."""
    before = deepcopy(RECORDED)
    for containers in (before["containers"], pc.now["containers"]):
        containers.pop("idle")  # which has the volume too
    for name, part in (("web", "containers"), ("side", "containers"), ("lan", "networks"), ("data", "volumes")):
        del pc.now[part][name]
    image = next(ident for ident, one in before["images"].items() if one["tags"] == ["lab/other:1"])
    gone = "lab/gone:1"
    before["images"][image]["tags"] = [gone, "lab/other:1"]
    done = await pc.synced(before)
    promised = {change.id: change.undo.startswith("hotdesk rollback") for change in done.changes}
    assert promised["remove container web"]
    assert promised["remove network lan"]
    assert promised[f"remove image {gone}"]
    assert not promised["remove volume data"]
    wanted = await docker_undo.wanted(PC, pc.notes)
    found = {change.id: change.detail for change in wanted.changes}
    assert {"create container web", "create container side", "create network lan", f"tag image {gone}"} <= found.keys()
    assert found["create volume data"].startswith("empty")
    await wanted.undo([change for change in wanted.changes if change.id == "create volume data"])
    pc.now["volumes"]["data"], pc.prints["data"] = deepcopy(before["volumes"]["data"]), docker_volumes.EMPTY
    assert ids(await docker_undo.wanted(PC, pc.notes[:1])) == ["remove volume data"], "nobody has written to it"


async def test_a_container_whose_image_goes_is_not_promised(pc: Pc) -> None:
    """The plan says so before it is done, and the undo names it."""
    before = other()
    image = before["containers"]["web"]["image"] = "sha256:" + "5" * 64
    before["images"][image] = {"tags": ["old/one:1"], "digests": [], "size": 1}
    done = await pc.synced(before)
    undo = {change.id: change.undo for change in done.changes}
    assert undo["replace container web"] == undo["remove image old/one:1"] == ""
    found = await docker_undo.wanted(PC, pc.notes)
    assert [text.partition(":")[0] for text in found.left if "web" in text] == ["container web"]
    assert any("there is no image 555555555555 any more" in text for text in found.left)
    assert found.here["containers"]["web"]["image"] != image


async def test_what_was_changed_since_needs_a_word_of_its_own(pc: Pc) -> None:
    """A container that somebody made anew, a volume that was written to."""
    before = deepcopy(RECORDED)
    before["containers"] = {}
    del before["volumes"]["data"]
    await pc.synced(before)
    pc.now["containers"]["idle"]["config"]["Cmd"] = ["/bin/other"]
    pc.prints["data"] = "written to"
    found = await docker_undo.wanted(PC, pc.notes)
    assert found.changed == ["container idle: changed since", "volume data: what is in it was changed since"]
    assert not {"remove container idle", "remove volume data"} & set(ids(found))
    found = await docker_undo.wanted(PC, pc.notes, overwrite=True)
    assert {"remove container idle", "remove volume data"} <= set(ids(found))


async def test_a_network_that_others_are_in_by_now_stays(pc: Pc) -> None:
    """They are not cut off from it."""
    await pc.synced(other())
    pc.now["containers"]["hers"] = {**deepcopy(pc.now["containers"]["web"]), "id": "f" * 64}
    found = await docker_undo.wanted(PC, pc.notes)
    assert found.left == ["network lan: hers is in it, which is not that run's"]
    assert "replace network lan" not in ids(found)


async def test_what_only_ran_or_stood_does_so_again(pc: Pc) -> None:
    """Whatever else was changed since, and whatever a task of the same run did after."""
    before = deepcopy(RECORDED)
    before["containers"]["web"]["running"] = not before["containers"]["web"]["running"]
    await pc.synced(before)
    verb = "start" if before["containers"]["web"]["running"] else "stop"
    assert ids(await docker_undo.wanted(PC, pc.notes)) == [f"{verb} container web"]
    pc.now["containers"].pop("web")
    pc.now["containers"].pop("side")
    found = await docker_undo.wanted(PC, pc.notes)
    assert (ids(found), found.left) == ([], ["container web: it is not there any more"])


async def test_two_tasks_of_a_run_are_undone_as_one(pc: Pc) -> None:
    """What was before the first, known by what the second has left."""
    before, between = deepcopy(RECORDED), deepcopy(RECORDED)
    before["containers"]["idle"]["config"]["Cmd"] = ["first"]
    between["containers"]["idle"]["config"]["Cmd"] = ["between"]
    now, pc.now = pc.now, between
    await pc.synced(before)
    pc.now = now
    await pc.synced(between)
    found = await docker_undo.wanted(PC, pc.notes)
    assert ids(found) == ["replace container idle"]
    assert found.here["containers"]["idle"]["config"]["Cmd"] == ["first"]


async def test_what_cannot_be_brought_back_fails_by_name(pc: Pc) -> None:
    """And what needed it."""
    await pc.synced(other())
    found = await docker_undo.wanted(PC, pc.notes)
    failed = await found.undo(found.changes)
    assert failed == {
        "replace container web": "its port is taken",
        "replace container side": "not done, since 'replace container web' failed",
    }
    assert pc.acts == ["replace network lan", "replace container web"]


async def test_a_docker_that_does_not_answer_is_named(pc: Pc, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the PC can be brought back all the same."""
    await pc.synced(other())

    async def silent(_machine: Any) -> dict[str, Any]:
        raise TaskError("Docker does not answer")

    monkeypatch.setattr(docker_undo, "describe", silent)
    found = await docker_undo.wanted(PC, pc.notes)
    assert (found.changes, found.left) == ([], ["Docker: Docker does not answer"])
