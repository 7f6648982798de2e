"""The comparison of two Dockers, with what a real one said (docker_recorded.json; the lab's test_docker.py holds it to a real one)."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.docker_containers import aspects, request
from hotdesk.jobs.docker_plan import STATE, Comparison, Wish, in_layers, users
from hotdesk.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = json.loads(Path(__file__).with_name("docker_recorded.json").read_text())
EMPTY = {**RECORDED, "images": {}, "volumes": {}, "networks": {}, "containers": {}}


@pytest.fixture
def here() -> dict[str, Any]:
    """The source: web (with a secret), side (which shares web's network), idle (never started), task (--rm)."""
    return deepcopy(RECORDED)


def compared(
    here: dict[str, Any], there: dict[str, Any], missing: tuple[str, ...] = (), same: bool = True, **wish: Any
) -> Comparison:
    """What is to be done; what is in the volumes is the ``same``, or is not."""
    ours = {name: name for name in here["volumes"]}
    theirs = {name: name if same else f"{name} other" for name in there["volumes"]}
    return Comparison(here, there, (ours, theirs), missing, Wish(**wish)).compare()


def ids(comparison: Comparison) -> list[str]:
    """Of its changes."""
    return [change.id for change in comparison.changes]


def test_what_was_recorded_has_the_shape_that_is_checked(here: dict[str, Any]) -> None:
    """As every answer of a PC."""
    assert misfit(here, STATE) == ""


def test_a_pc_is_like_itself(here: dict[str, Any]) -> None:
    """Nothing to do, also when ids of containers differ."""
    there = deepcopy(here)
    for one in there["containers"].values():
        one["id"] = "0" * 64
    assert ids(compared(here, there)) == []


def test_an_empty_pc_gets_everything_in_order(here: dict[str, Any]) -> None:
    """Images and their names, networks, volumes, containers; what shares with another after that one; what goes by itself is left."""
    found = compared(here, EMPTY)
    kinds = [change.subject.split()[0] for change in found.changes]
    assert kinds == sorted(kinds, key=["image", "network", "volume", "container"].index)
    verbs = [change.verb for change in found.changes if change.subject.startswith("image ")]
    assert verbs == ["load", "load", "tag", "tag", "tag"], "in the order in which they are done"
    by_id = {change.id: change for change in found.changes}
    assert "create container web" in by_id["create container side"].needs
    assert {"create network lan", "create volume data"} <= set(by_id["create container web"].needs)
    assert "--rm" in found.left["container task"]
    assert "create container task" not in by_id
    assert not any(change.destructive for change in found.changes)


def test_no_value_of_a_variable_is_told(here: dict[str, Any]) -> None:
    """Not in the plan, nor in a digest: two secrets give the same one."""
    there = deepcopy(here)
    there["containers"]["web"]["config"]["Env"] = ["TOKEN=other", "PLAIN=1"]
    found, shares = compared(here, there).changes
    assert shares.detail.startswith("the container web is made anew")
    assert (found.id, found.destructive, found.before) == ("replace container web", True, found.after)
    assert found.detail == "env TOKEN (it runs there now), started"
    assert "geheim" not in repr(compared(here, EMPTY).changes)


def damage(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Change a field of web's."""

    def act(there: dict[str, Any]) -> None:
        there["containers"]["web"][key] = value

    return act


@pytest.mark.parametrize(("key", "value", "told"), [
    ("image", "sha256:0", "image"), ("networks", {}, "networks lan"), ("mounts", [], "mounts"),
])  # fmt: skip
def test_what_differs_is_named(here: dict[str, Any], key: str, value: Any, told: str) -> None:
    """In a plan's words."""
    there = deepcopy(here)
    damage(key, value)(there)
    assert compared(here, there).changes[0].detail.startswith(told)


def test_a_container_that_does_not_run_is_not_started(here: dict[str, Any]) -> None:
    """It is stopped, if somebody started it on the target; not when running is each PC's own."""
    there = deepcopy(here)
    there["containers"]["idle"]["running"] = True
    assert ids(compared(here, there)) == ["stop container idle"]
    assert ids(compared(here, there, run=False)) == []
    (made,) = [change for change in compared(here, EMPTY).changes if change.id == "create container idle"]
    assert "started" not in made.detail


def test_what_only_the_target_has_goes_on_request(here: dict[str, Any]) -> None:
    """Containers first, images last, and nothing that a container which stays uses."""
    there = deepcopy(here)
    there["containers"]["own"] = {**deepcopy(here["containers"]["idle"]), "id": "9", "running": True}
    there["volumes"]["spare"] = deepcopy(there["volumes"]["data"])
    there["networks"]["spare"] = deepcopy(there["networks"]["lan"])
    assert ids(compared(here, there)) == []
    found = compared(here, there, delete=True)
    assert ids(found) == ["remove container own", "remove network spare", "remove volume spare"]
    assert all(change.destructive for change in found.changes)
    there["containers"]["web"]["networks"] = {"spare": {}}
    found = compared(here, there, delete=True, exclude=["web", "side", "own"])
    assert "container web" in found.left["removal of network spare"]


def test_what_is_in_layers_is_known(here: dict[str, Any]) -> None:
    """A container and an image that go for good; not a name of an image that keeps another, nor a network or a volume."""
    there = deepcopy(here)
    there["containers"]["own"] = {**deepcopy(here["containers"]["idle"]), "id": "9"}
    there["volumes"]["more"] = deepcopy(here["volumes"]["data"])
    (image,) = (one for one in there["images"].values() if one["tags"] == ["lab/other:1"])
    there["images"]["sha256:own"] = {**image, "tags": ["own:1"]}
    image["tags"] = [*image["tags"], "more:1"]
    found = compared(here, there, delete=True)
    assert {"remove image more:1", "remove volume more"} < set(ids(found))
    assert in_layers(found.changes) == ("remove container own", "remove image own:1")


def test_a_network_of_others_is_not_replaced(here: dict[str, Any]) -> None:
    """Unless all that is in it is replaced too, which is said."""
    there = deepcopy(here)
    there["networks"]["lan"]["made"]["IPAM"] = {"Config": [{"Subnet": "10.9.0.0/24"}]}
    found = compared(here, there)
    assert ids(found) == ["replace network lan", "replace container web", "replace container side"]
    there["containers"]["own"] = {**deepcopy(here["containers"]["web"]), "id": "9"}
    found = compared(here, there)
    assert found.left["network lan"] == "it is another one there, and own is in it"


def test_volumes_in_use_promise_no_digest(here: dict[str, Any]) -> None:
    """What a running container writes to is other when it is copied."""
    found = {change.id: change for change in compared(here, deepcopy(here), same=False).changes}
    assert found["update volume data"].destructive
    assert users(here, "data")
    assert found["update volume data"].after == ""


@pytest.mark.parametrize(("change", "why"), [
    (lambda d: d["volumes"]["data"].update(driver="sshfs"), "of the plugin sshfs"),
    (lambda d: d["containers"]["web"]["config"].update(Labels={"com.docker.swarm.service.id": "x"}), "swarm"),
    (lambda d: d["networks"]["lan"]["made"].update(Driver="weave"), "plugin weave"),
])  # fmt: skip
def test_what_cannot_be_moved_is_named(
    here: dict[str, Any], change: Callable[[dict[str, Any]], None], why: str
) -> None:
    """With why; and so what needs it."""
    change(here)
    for mount in here["containers"]["web"]["mounts"]:
        mount["Driver"] = here["volumes"].get(mount.get("Name"), {}).get("driver", mount.get("Driver"))
    found = compared(here, EMPTY)
    assert any(why in text for text in found.left.values()), found.left
    assert "create container web" not in ids(found)
    assert "web" in found.left["container side"]


def test_labels_of_a_volume_that_is_there_are_left(here: dict[str, Any]) -> None:
    """Docker gives them when it makes a volume and never again; what is in it is brought all the same."""
    there = deepcopy(here)
    there["volumes"]["data"]["labels"] = {"of": "its own"}
    found = compared(here, there, same=False)
    assert "keeps those it was made with" in found.left["labels of volume data"]
    assert "update volume data" in ids(found)


def test_a_missing_path_keeps_a_container_back(here: dict[str, Any]) -> None:
    """Docker would make an empty directory there."""
    assert "/srv/lab" in compared(here, EMPTY, missing=("/srv/lab",)).left["container web"]


def test_a_request_keeps_anonymous_volumes(here: dict[str, Any]) -> None:
    """By the name they have; the first network comes with it, and what the image is called if that is sure."""
    web = here["containers"]["web"]
    (anonymous,) = [mount["Name"] for mount in web["mounts"] if mount["Destination"] == "/anon"]
    made = request(web, image_is_named=True)
    assert f"{anonymous}:/anon" in made["body"]["HostConfig"]["Binds"]
    assert made["body"]["Image"] == "lab/box:1"
    assert list(made["body"]["NetworkingConfig"]["EndpointsConfig"]) == ["lan"]
    assert request(web, image_is_named=False)["body"]["Image"] == web["image"]
    assert aspects(web)["restart policy"] == "unless-stopped"
