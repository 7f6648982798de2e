"""A network in another's place, against an engine that is none but keeps its books like one: who was in it is in it, or in the old one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import docker_acts, docker_networks, docker_undo
from hotdesk.jobs.on_target.journal import Failed

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = {"Driver": "bridge", "Options": {"is": "old"}}, {"Driver": "bridge", "Options": {"is": "new"}}
PLACES = {"a": {"Aliases": ["w"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}, "b": {}}


class Engine:
    """One network, ``lan``; ``broken``: the path that fails, once; ``strict``: no place with an address of its own fits."""

    def __init__(self) -> None:
        self.networks: dict[str, dict[str, Any]] = {"id0": {"Name": "lan", **OLD}}
        self.places: dict[str, dict[str, Any]] = {"id0": dict(PLACES)}
        self.broken: tuple[str, str] | None = None
        self.strict = False

    def ask(self, method: str, path: str, body: Any = None, fine: tuple[int, ...] = (), **_query: Any) -> Any:
        """As ``docker_api.ask``."""
        if self.broken and method == self.broken[0] and path.endswith(self.broken[1]):
            self.broken = None
            raise Failed("it does not want to")
        if path == "/networks":
            return [{"Id": ident, **one} for ident, one in self.networks.items()]
        if path == "/networks/create":
            ident = f"id{os.urandom(3).hex()}"
            assert all(one["Name"] != body["Name"] for one in self.networks.values())
            self.networks[ident], self.places[ident] = body, {}
        elif path.startswith("/containers/"):
            return self.container(path.split("/")[2])
        else:
            self.network(method, path, body)
        return None

    def container(self, ident: str) -> Any:
        if ident == "json":
            return [{"Id": each} for each in PLACES]
        found = {self.networks[net]["Name"]: who[ident] for net, who in self.places.items() if ident in who}
        return {"NetworkSettings": {"Networks": found}}

    def network(self, method: str, path: str, body: Any) -> None:
        wanted, *verb = path.split("/")[2:]
        ident = next(each for each, one in self.networks.items() if wanted in (each, one["Name"]))
        if method == "DELETE":
            assert not self.places.pop(ident)
            del self.networks[ident]
        elif verb == ["disconnect"]:
            self.places[ident].pop(body["Container"], None)
        elif self.strict and body["EndpointConfig"].get("IPAMConfig") and ident != "id0":
            raise Failed("no configured subnet contains that address")
        else:
            self.places[ident][body["Container"]] = body["EndpointConfig"]

    @property
    def lan(self) -> tuple[str, dict[str, Any]]:
        """Which one there is, and who is in it."""
        ((ident, one),) = self.networks.items()
        return one["Options"]["is"], self.places[ident]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """In the place of Docker."""
    found = Engine()
    for module in (docker_acts, docker_networks, docker_undo):
        monkeypatch.setattr(module, "ask", found.ask)
    return found


def make(tmp_path: Path) -> None:
    docker_acts.make_network("lan", json.dumps(NEW).encode(), root=str(tmp_path))


def test_who_was_in_the_old_one_is_in_the_new_one(engine: Engine, tmp_path: Path) -> None:
    """By the same names and addresses."""
    make(tmp_path)
    assert engine.lan == ("new", PLACES)
    assert list(tmp_path.glob("*.json")) == []


def test_an_address_that_does_not_fit_any_more_is_left(engine: Engine, tmp_path: Path) -> None:
    """Better another address than none."""
    engine.strict = True
    make(tmp_path)
    assert engine.lan == ("new", {"a": {"Aliases": ["w"]}, "b": {}})


@pytest.mark.parametrize("step", [("POST", "/disconnect"), ("DELETE", "id0"), ("POST", "/create")])
def test_what_fails_leaves_the_old_one(engine: Engine, tmp_path: Path, step: tuple[str, str]) -> None:
    """With who was in it; another network often has the subnet already."""
    engine.broken = step
    with pytest.raises(Failed, match="does not want to"):
        make(tmp_path)
    assert engine.lan == ("old", PLACES)
    assert list(tmp_path.glob("*.json")) == []


def test_what_a_kill_left_is_made_up_for(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the old one and the new one: it is told, and undone by the next act or ``recover``."""
    with monkeypatch.context() as patch:
        patch.setattr(docker_acts, "network_back", lambda _kept: None)
        patch.setattr(os, "unlink", lambda *_: None)
        engine.broken = ("POST", "/create")
        with pytest.raises(Failed):
            make(tmp_path)
    assert engine.networks == {}
    assert docker_undo.unfinished(str(tmp_path)) == ["put in place the network lan"]
    docker_undo.recover(str(tmp_path))
    assert engine.lan == ("old", PLACES)
    assert docker_undo.unfinished(str(tmp_path)) == []
