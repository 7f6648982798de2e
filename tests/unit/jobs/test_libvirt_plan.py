"""The comparison of two PCs' libvirt, with what a real one said (libvirt_recorded.json: libvirt 9.0, two domains, a network, a pool)."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.libvirt_plan import STATE, Comparison, Wish, in_order
from hotdesk.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDED = json.loads(Path(__file__).with_name("libvirt_recorded.json").read_text())
EMPTY = {**RECORDED, "domains": {}, "networks": {}, "pools": {}, "files": {}}
IMAGES = "/var/lib/libvirt/images/"


@pytest.fixture
def here() -> dict[str, Any]:
    """The source: vm1 (qcow2 upon base.qcow2, two snapshots, autostart) and vm2 (raw), both in the network lan."""
    return deepcopy(RECORDED)


def compared(
    here: dict[str, Any], there: dict[str, Any], files: Mapping[str, Any] | None = None, **wish: Any
) -> Comparison:
    """What is to be done; ``files`` are the target's (None: as its domains say)."""
    more = {key: wish.pop(key) for key in ("same", "became", "lacking") if key in wish}
    found = there["files"] if files is None else files
    return Comparison(here, there, found, more.pop("lacking", ()), Wish(**wish), **more).compare()


def ids(comparison: Comparison) -> list[str]:
    """Of its changes."""
    return [change.id for change in comparison.changes]


def test_what_was_recorded_has_the_shape_that_is_checked(here: dict[str, Any]) -> None:
    """As every answer of a PC."""
    assert misfit(here, STATE) == ""


def test_a_pc_is_like_itself(here: dict[str, Any]) -> None:
    """Nothing to do, also when what is each PC's own differs."""
    there = deepcopy(here)
    text = there["networks"]["lan"]["xml"]
    there["networks"]["lan"]["xml"] = text.replace(here["networks"]["lan"]["uuid"], "0" * 8)
    assert ids(compared(here, there)) == []


def test_an_empty_pc_gets_everything_in_order(here: dict[str, Any]) -> None:
    """Networks and pools, disks, domains; each needs what it is in."""
    found = compared(here, EMPTY)
    assert ids(found) == [
        "create network lan",
        "create pool imgs",
        "create disks of vm1",
        "create disks of vm2",
        "create domain vm1",
        "create domain vm2",
    ]
    assert found.changes[4].needs == ("create network lan", "create disks of vm1")
    assert found.disks["disks of vm1"].files == [IMAGES + "base.qcow2", IMAGES + "vm1.qcow2"]
    assert not any(change.destructive for change in found.changes)


def test_what_differs_is_named(here: dict[str, Any]) -> None:
    """A definition by its elements, a file by itself; what the target had is lost, and the plan says that nothing brings it back."""
    there = deepcopy(here)
    there["domains"]["vm2"]["xml"] = here["domains"]["vm2"]["xml"].replace("32768", "65536")
    there["domains"]["vm1"].update(autostart=False, current="s1")
    there["files"][IMAGES + "vm2.raw"]["mtime"] += 1
    found = compared(here, there, became={IMAGES + "vm2.raw": "changed there since the last sync"})
    assert ids(found) == ["update disks of vm2", "update domain vm1", "update domain vm2"]
    disks, one, other = found.changes
    assert (disks.destructive, disks.undo, disks.conflict) == (True, "", "changed there since the last sync")
    assert one.detail == "autostart; snapshots: s1, s2"
    assert other.detail == "currentMemory, memory"
    assert other.needs == ("update disks of vm2",)


def test_content_decides_where_it_was_read(here: dict[str, Any]) -> None:
    """The same time with another content is a difference, another time with the same is none."""
    raw = IMAGES + "vm2.raw"
    assert ids(compared(here, deepcopy(here), same={raw: False})) == ["update disks of vm2"]
    there = deepcopy(here)
    there["files"][raw]["mtime"] += 1
    assert ids(compared(here, there, same={raw: True})) == []


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("how", [{"state": "running"}, {"saved": True}])
def test_nothing_is_copied_under_a_running_domain(here: dict[str, Any], side: str, how: dict[str, Any]) -> None:
    """Nor under one that has its memory saved; unless it is to be saved, which on the target costs what it has in memory."""
    there = deepcopy(here)
    there["files"][IMAGES + "base.qcow2"]["mtime"] += 1
    (here if side == "source" else there)["domains"]["vm1"].update(how)
    found = compared(here, there)
    assert (ids(found), found.refused) == ([], {"vm1": side})
    assert found.left["domain vm1"] == f"it runs or is saved on the {side}"
    (change,) = compared(here, there, running="save").changes
    assert change.subject == "disks of vm1"
    assert ("in memory there is lost" in change.detail) is (side == "target")
    assert (change.after == "") is (side == "source")


def test_a_running_domain_whose_disks_are_the_same_stops_nobody(here: dict[str, Any]) -> None:
    """Its definition counts from its next start."""
    there = deepcopy(here)
    there["domains"]["vm1"].update(state="running", autostart=False)
    found = compared(here, there)
    assert (ids(found), found.refused) == (["update domain vm1"], {})


def test_disks_that_are_shared_go_together(here: dict[str, Any]) -> None:
    """Both domains' files, in one change that a person takes or leaves; and when one cannot be moved, neither is."""
    here["domains"]["vm2"]["files"].append(IMAGES + "base.qcow2")
    found = compared(here, EMPTY, parts=("domains",))
    assert ids(found)[0] == "create disks of vm1, vm2"
    assert found.changes[2].needs == ("create disks of vm1, vm2",)
    here["domains"]["vm2"].update(problems=["its disk vdb is /dev/sdb, which is no file"], state="running")
    found = compared(here, EMPTY, parts=("domains",))
    assert ids(found) == []
    assert found.left["domain vm1"] == "it shares a disk with vm2, which is left"


def test_what_cannot_be_moved_is_named(here: dict[str, Any]) -> None:
    """A disk that is no file, firmware, another name, a pool of a machine's disks."""
    here["domains"]["vm1"]["problems"] = ["its disk vdb is /dev/sdb, which is no file"]
    here["pools"]["imgs"]["xml"] = here["pools"]["imgs"]["xml"].replace("type='dir'", "type='logical'")
    there = deepcopy(EMPTY)
    there["domains"] = {"old": {**here["domains"]["vm2"]}}
    found = compared(here, there)
    assert ids(found) == ["create network lan"]
    assert found.left == {
        "domain vm1": "its disk vdb is /dev/sdb, which is no file",
        "domain vm2": "it is called old there: virsh domrename old vm2",
        "pool imgs": "it is of the type logical, which belongs to the machine",
    }


def test_another_domain_of_the_name_is_replaced(here: dict[str, Any]) -> None:
    """It is destructive, and waits while that one runs."""
    there = deepcopy(here)
    there["domains"]["vm1"]["uuid"] = "0" * 8
    (change,) = compared(here, there).changes
    assert (change.id, change.destructive) == ("replace domain vm1", True)
    there["domains"]["vm1"]["state"] = "running"
    assert ids(compared(here, there)) == []


def test_a_network_in_use_is_left(here: dict[str, Any]) -> None:
    """While a domain of the target runs in it."""
    there = deepcopy(here)
    there["networks"]["lan"].update(active=True, xml=here["networks"]["lan"]["xml"].replace("stp='on'", "stp='off'"))
    assert ids(compared(here, there)) == ["update network lan"]
    there["domains"]["vm2"]["state"] = "running"
    found = compared(here, there)
    assert found.left["network lan"] == "it is another one there, and vm2 runs in it"


def test_only_on_request_something_is_removed(here: dict[str, Any]) -> None:
    """Domains that do not run, then what no other uses any more; disks stay."""
    source = deepcopy(EMPTY)
    assert ids(compared(source, here)) == []
    found = compared(source, here, delete=True)
    assert ids(found) == ["remove domain vm1", "remove domain vm2", "remove network lan", "remove pool imgs"]
    assert all(change.destructive for change in found.changes)
    here["domains"]["vm2"]["state"] = "running"
    found = compared(source, here, delete=True)
    assert ids(found) == ["remove domain vm1", "remove pool imgs"]
    assert found.left == {
        "removal of domain vm2": "it runs there",
        "removal of network lan": "the domain vm2 uses it there",
    }


def test_no_password_is_in_a_plan(here: dict[str, Any]) -> None:
    """vm1's console has one."""
    assert "geheim12" in here["domains"]["vm1"]["xml"]
    there = deepcopy(here)
    there["domains"]["vm1"]["xml"] = here["domains"]["vm1"]["xml"].replace("geheim12", "another1")
    found = compared(here, there)
    assert [(change.id, change.detail) for change in found.changes] == [("update domain vm1", "graphics")]
    assert "geheim12" not in str(found.changes)


def test_snapshots_come_after_their_parents(here: dict[str, Any]) -> None:
    """Whatever their names."""
    snapshots = here["domains"]["vm1"]["snapshots"]
    assert [name for name, _ in in_order(dict(reversed(snapshots.items())))] == ["s1", "s2"]
