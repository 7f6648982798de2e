"""Holds and replacements against an engine that is none but keeps its books like one: what a stop, a failure and a kill leave."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import docker_acts, docker_undo
from hotdesk.jobs.on_target.acts import Act
from hotdesk.jobs.on_target.journal import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Engine:
    """Containers by id: name, running, paused. ``broken`` is a path of the requests that fail."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.broken = ""

    def add(self, ident: str, name: str, *, running: bool = True) -> None:
        self.containers[ident] = {"name": name, "running": running, "paused": False}

    def ask(self, method: str, path: str, body: Any = None, fine: tuple[int, ...] = (), **query: Any) -> Any:
        """As ``docker_api.ask``."""
        if self.broken and path.endswith(self.broken):
            self.broken = ""
            raise Failed("it does not want to")
        if path == "/containers/create":
            self.add("new", query["name"], running=False)
            return {"Id": "new"}
        _, _, wanted, *verb = path.split("/")
        ident = next((each for each, one in self.containers.items() if wanted in (each, one["name"])), None)
        if ident is None:
            if 404 in fine:
                return None
            raise Failed("no such container", status=404)
        one = self.containers[ident]
        if method == "DELETE":
            del self.containers[ident]
        elif verb == ["json"]:
            return {
                "Id": ident,
                "Name": "/" + one["name"],
                "State": {"Running": one["running"], "Paused": one["paused"]},
            }
        elif verb == ["rename"]:
            one["name"] = query["name"]
        else:
            one.update(
                {
                    "start": {"running": True},
                    "stop": {"running": False},
                    "pause": {"paused": True},
                    "unpause": {"paused": False},
                }[verb[0]]
            )
        return None


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """In the place of Docker. Of two holds, each in its own process elsewhere, the first to end leaves its handler to the other."""
    before = signal.getsignal(signal.SIGTERM)
    found = Engine()
    for module in (docker_acts, docker_undo):
        monkeypatch.setattr(module, "ask", found.ask)
    yield found
    signal.signal(signal.SIGTERM, before)


def killed(hold: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a SIGKILL does to a hold: nothing of its end happens, and its lock is gone."""
    with monkeypatch.context() as patch:
        patch.setattr(docker_acts, "let_go", lambda *_: None)
        patch.setattr(os, "unlink", lambda *_: None)
        hold.close()  # type: ignore[attr-defined]


def test_a_hold_pauses_and_lets_go(engine: Engine, tmp_path: Path) -> None:
    """What runs is paused, and goes on afterwards; what somebody else has paused stays so."""
    engine.add("a", "web")
    engine.add("b", "idle", running=False)
    engine.add("c", "hers")
    engine.containers["c"]["paused"] = True
    hold = docker_acts.hold("pause", ["a", "b", "c"], root=str(tmp_path))
    assert next(hold) == "held"
    assert engine.containers["a"]["paused"]
    assert docker_undo.unfinished(str(tmp_path)) == []
    hold.close()  # type: ignore[attr-defined]
    assert [one["paused"] for one in engine.containers.values()] == [False, False, True]
    assert list(tmp_path.glob("*.json")) == []


def test_two_holds_share_a_pause(engine: Engine, tmp_path: Path) -> None:
    """It ends with the later of them."""
    engine.add("a", "web")
    one, other = (docker_acts.hold("pause", ["a"], root=str(tmp_path)) for _ in range(2))
    next(one), next(other)
    one.close()  # type: ignore[attr-defined]
    assert engine.containers["a"]["paused"]
    other.close()  # type: ignore[attr-defined]
    assert not engine.containers["a"]["paused"]


def test_a_killed_hold_is_undone_by_the_next_act(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it is told what it left."""
    engine.add("a", "web")
    hold = docker_acts.hold("stop", ["a"], root=str(tmp_path))
    next(hold)
    killed(hold, monkeypatch)
    assert not engine.containers["a"]["running"]
    assert docker_undo.unfinished(str(tmp_path)) == ["start web"]
    docker_undo.recover(str(tmp_path))
    assert engine.containers["a"]["running"]
    assert docker_undo.unfinished(str(tmp_path)) == []


SPEC = json.dumps({"name": "web", "body": {}, "networks": {"lan": {}}}).encode()


def test_a_container_takes_the_place_of_another(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joined to its networks, named, started; the old one is gone."""
    engine.add("old", "web")
    monkeypatch.setattr(
        docker_acts, "named", lambda name: "new" if name == "lan" else name
    )  # joining is all this engine does not know
    monkeypatch.setattr(
        docker_acts, "ask", lambda m, p, *a, **k: None if p.endswith("/connect") else engine.ask(m, p, *a, **k)
    )
    docker_acts.put("old", True, SPEC, root=str(tmp_path))
    assert engine.containers == {"new": {"name": "web", "running": True, "paused": False}}
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("step", ["/connect", "/new/start", "/old/stop", "/new/rename", "/old/rename"])
def test_what_fails_leaves_the_old_one(
    engine: Engine, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, running as it ran, and nothing else."""
    engine.add("old", "web")
    if step != "/connect":
        monkeypatch.setattr(
            docker_acts, "ask", lambda m, p, *a, **k: None if p.endswith("/connect") else engine.ask(m, p, *a, **k)
        )
    engine.broken = step
    with pytest.raises(Failed, match="does not want to"):
        docker_acts.put("old", True, SPEC, root=str(tmp_path))
    assert engine.containers == {"old": {"name": "web", "running": True, "paused": False}}
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("state", ["begun", "done"])
def test_a_killed_replacement_is_wholly_one_of_the_two(engine: Engine, tmp_path: Path, state: str) -> None:
    """The old one until it was said to be done, then the new one."""
    engine.add("old", "web" + docker_undo.ASIDE, running=False)
    engine.add("new", "web")
    act = Act(str(tmp_path), "put", name="web", temporary="t", old="old", ran=True, new="new", state=state)
    os.close(act._fd)
    assert docker_undo.unfinished(str(tmp_path)) == ["put in place web"]
    docker_undo.recover(str(tmp_path))
    assert engine.containers == {
        "old" if state == "begun" else "new": {"name": "web", "running": True, "paused": False}
    }


def test_a_volume_is_exchanged_at_once(tmp_path: Path) -> None:
    """What was staged is there, what was is gone; nowhere but where Docker keeps volumes."""
    data = tmp_path / "_data"
    data.mkdir()
    (data / "old").touch()
    place = docker_acts.stage(str(data))
    (tmp_path / "_data.hotdesk" / "new").touch()
    assert place == str(tmp_path / "_data.hotdesk")
    docker_acts.exchange(str(data))
    assert [path.name for path in tmp_path.rglob("*")] == ["_data", "new"]
    with pytest.raises(Failed, match="not where Docker"):
        docker_acts.stage("/etc")
