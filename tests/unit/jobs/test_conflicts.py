"""Which of a mirror's items would take away what was done on the target since the last sync."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.conflicts import conflicts, note_done, note_source, save_beside
from hotdesk.transfer import Item, Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.machines import MakeMachine

UPDATE, TIMES, GONE, NEW = "<f.st......", ".f..t......", "*deleting", "<f+++++++++"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_lock: None) -> None:
    """What this PC remembers is this test's."""
    monkeypatch.setenv("HOTDESK_LOCKS", str(tmp_path))
    tmp_path.chmod(0o777)


def items(**named: str) -> list[Item]:
    return [Item(flags, name.encode()) for name, flags in named.items()]


async def test_what_was_done_on_the_target_is_found(make_machine: MakeMachine, tmp_path: Path) -> None:
    """Not what is the same on both sides by now, was only touched, or would not lose its content; nothing before the first sync."""
    atlas, vega = make_machine("atlas"), make_machine("vega")
    mirror = Mirror(path=str(tmp_path / "here"), dest=str(tmp_path / "there"))
    names = ("both", "edited", "touched", "mode", "gone")
    for top in ("here", "there"):
        (tmp_path / top).mkdir()
        for name in names:
            (tmp_path / top / name).write_text("first")
    done = items(**dict.fromkeys(names, UPDATE))
    assert await conflicts(atlas, vega, mirror, done) == {}
    await note_source(atlas, mirror)
    await note_done(atlas, vega, mirror, done, reviewed=True)
    (tmp_path / "here/both").write_text("the same")
    for name, text in {"both": "the same", "edited": "theirs", "mode": "theirs", "gone": "theirs", "came": ""}.items():
        (tmp_path / "there" / name).write_text(text)
    os.utime(tmp_path / "there/touched", (0, 0))
    wanted = items(both=UPDATE, edited=UPDATE, touched=UPDATE, mode=TIMES, gone=GONE, came=GONE, new=NEW)
    found = await conflicts(atlas, vega, mirror, wanted)
    assert {name.decode(): text.partition(" ")[0] for name, text in found.items()} == {
        "edited": "changed",
        "gone": "changed",
        "came": "came",
    }


async def test_the_source_of_a_sync_is_noted_too(make_machine: MakeMachine, tmp_path: Path) -> None:
    """What it had when it was sent is no longer its own work; what is done there afterwards is."""
    atlas, vega = make_machine("atlas"), make_machine("vega")
    mirror = Mirror(path=str(tmp_path / "here"), dest=str(tmp_path / "there"))
    for top in ("here", "there"):
        (tmp_path / top).mkdir()
        (tmp_path / top / "a").write_text("sent")
    await note_done(atlas, vega, mirror, [], reviewed=True)  # there was nothing to do
    back = Mirror(path=mirror.dest, dest=mirror.path)
    (tmp_path / "there/a").write_text("newer")
    assert await conflicts(vega, atlas, back, items(a=UPDATE)) == {}
    (tmp_path / "here/a").write_text("work")
    assert list(await conflicts(vega, atlas, back, items(a=UPDATE))) == [b"a"]


async def test_only_what_is_to_be_kept_is_copied(make_machine: MakeMachine, tmp_path: Path) -> None:
    """The copy is named after the PC and the moment."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    [copy] = await save_beside(make_machine("vega"), str(tmp_path), items(a=UPDATE, b=UPDATE), {"update a"})
    assert copy.startswith(f"{tmp_path}/a.hotdesk-conflict-vega-20")
    assert await save_beside(make_machine("vega", check=True), str(tmp_path), items(a=UPDATE), ()) == []
