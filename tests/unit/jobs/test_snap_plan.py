"""The comparison of two PCs' snaps: order, needs, what is left and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hotdesk.jobs.snap_plan import SNAP, Comparison, files_of
from hotdesk.shapes import misfit

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FOREVER = "2319-03-04T05:06:07.123456789Z"
CODE = "code_x3"
FILES = {CODE: ["/var/lib/snapd/snaps/code_x3.snap", "d" * 64, 5]}


def snap(revision: str = "7", **more: Any) -> dict[str, Any]:
    """One from the store, unless said otherwise."""
    plain = dict.fromkeys(("hold", "broken", "base"), "")
    return {**plain, "type": "app", "revision": revision, "version": "1.0", "channel": "latest/stable", "mode": "strict",
            "active": True, "trying": False, **more}  # fmt: skip


def compared(here: dict[str, Any], there: dict[str, Any], files: Any = ({}, {}), **more: Any) -> Comparison:
    return Comparison(here, there, files, now=NOW, **more)


def ids(here: dict[str, Any], there: dict[str, Any], **more: Any) -> list[str]:
    """Of the changes."""
    return [change.id for change in compared(here, there, **more).changes()]


def test_the_snap_of_these_tests_has_the_shape_that_is_checked() -> None:
    """As every answer of a PC."""
    assert misfit(snap(), SNAP) == ""


def test_a_new_pc_gets_each_at_its_revision_and_then_the_rest() -> None:
    """Channel, hold and disabling need the snap; nothing for what is equal."""
    here = {"code": snap(mode="classic", hold=FOREVER, active=False)}
    found = compared(here, {}).changes()
    assert [change.id for change in found] == ["install code", "switch code", "hold code", "disable code"]
    assert [change.after for change in found] == ["7 classic", "latest/stable", "forever", "disabled"]
    assert all(change.needs == ("install code",) for change in found[1:])
    assert ids(here, here) == []


@pytest.mark.parametrize(("there", "items"), [
    (snap("8"), ["update code"]),
    (snap(mode="devmode"), ["update code"]),
    (snap(channel="latest/edge"), ["switch code"]),
    (snap("8", channel=""), ["update code", "switch code"]),
    (snap("x1", channel=""), ["update code", "switch code"]),
    (snap(hold=FOREVER), ["unhold code"]),
    (snap(active=False), ["enable code"]),
    (snap("8", active=False), ["enable code", "update code"]),
])  # fmt: skip
def test_what_differs_becomes_as_on_the_source(there: dict[str, Any], items: list[str]) -> None:
    """Also to an older revision, and from a sideloaded one to the store's; snapd refreshes none that is disabled."""
    assert ids({"code": snap()}, {"code": there}, files=({}, {"code_x1": ["/f", "e" * 64, 1]})) == items


def test_one_that_is_disabled_on_both_is_so_again_after_its_update() -> None:
    """It is enabled for as long."""
    found = ids({"code": snap(active=False)}, {"code": snap("8", active=False)})
    assert found == ["enable code", "update code", "disable code"]


def test_a_hold_that_is_over_is_none() -> None:
    """One until a time that is to come is brought as that."""
    over, coming = "2026-11-21T23:00:00Z", "2026-11-23T02:00:00.5+02:00"
    assert ids({"code": snap(hold=over)}, {"code": snap()}) == []
    (hold,) = compared({"code": snap(hold=coming)}, {"code": snap()}).changes()
    assert (hold.id, hold.after) == ("hold code", coming)
    assert ids({"code": snap(hold=FOREVER)}, {"code": snap(hold=FOREVER.replace("2319", "2320"))}) == []


def test_sideloaded_ones_are_the_same_by_their_files() -> None:
    """Whatever number each PC gave them."""
    here, there = {"code": snap("x3", channel="")}, {"code": snap("x9", channel="")}
    assert files_of(here, there) == ([CODE], ["code_x9"])
    same = {"code_x9": ["/elsewhere", "d" * 64, 5]}
    assert ids(here, there, files=(FILES, same)) == []
    assert compared(here, there, files=(FILES, same)).alike() == ["code"]
    other = {"code_x9": ["/elsewhere", "e" * 64, 5]}
    assert ids(here, there, files=(FILES, other)) == ["update code"]
    assert compared(here, there, files=(FILES, other)).alike() == []


def test_bases_follow_what_is_needed() -> None:
    """Never an item but a sideloaded one that is missing, which then comes first; never removed; kernels are the machine's."""
    here = {
        "app": snap(base="lab"),
        "core22": snap(type="base"),
        "lab": snap("x3", type="base"),
        "pc": snap(type="kernel"),
    }
    files = {"lab_x3": ["/f", "e" * 64, 1]}
    found = compared(here, {}, files=(files, {})).changes()
    assert [change.id for change in found][:2] == ["install lab", "switch lab"]
    assert found[2].id == "install app"
    assert found[2].needs == ("install lab",)
    assert not {"core22", "pc"} & {change.subject for change in found}
    there = {
        "app": snap(base="lab"),
        "lab": snap("x1", type="base"),
        "core20": snap(type="base"),
        "snapd": snap(type="snapd"),
    }
    assert ids(here, there, files=(files, {}), delete=True) == []


def test_removals_are_asked_for() -> None:
    """Only with delete, and destructive; what is sideloaded cannot be had again."""
    there = {"own": snap(), "file": snap("x1")}
    assert ids({}, there) == []
    found = {change.subject: change for change in compared({}, there, delete=True).changes()}
    assert all(change.verb == "remove" and change.destructive for change in found.values())
    assert "--revision=7" in found["own"].undo
    assert found["file"].undo == ""
    assert ids({}, there, delete=True, exclude=["o*", "f*"]) == []


@pytest.mark.parametrize(("here", "there", "why"), [
    (snap("x3", trying=True), None, "snap try"), (snap(broken="no meta"), None, "no meta"),
    (snap("x4"), None, "its file is not there"), (snap(), snap("x1", trying=True), "on the target"),
])  # fmt: skip
def test_what_cannot_be_brought_is_named(here: dict[str, Any], there: dict[str, Any] | None, why: str) -> None:
    """And left."""
    found = compared({"code": here}, {"code": there} if there else {}, files=(FILES, {}))
    assert found.changes() == []
    (said,) = found.warnings
    assert said.startswith("code is left: ")
    assert why in said


def test_a_rollback_is_promised_where_it_can_be() -> None:
    """Not for what a listing of snaps does not show, nor for a sideloaded one before."""
    here, there = {"code": snap(channel="latest/stable/fix")}, {"code": snap("8")}
    update, switch = compared(here, there).changes()
    assert update.undo.startswith("hotdesk rollback")
    assert not switch.undo.startswith("hotdesk rollback")
    (update,) = compared({"code": snap("x3", channel="")}, there, files=(FILES, {})).changes()
    assert update.undo == "snap revert code, while 8 is kept"
