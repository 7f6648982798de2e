"""A host's file on its way to its place here."""

# ruff: noqa: ASYNC240 - the tests' own looks at a small folder

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.actions import arrival
from hotdesk.actions.arrival import Place
from hotdesk.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


async def chunks(*data: bytes) -> AsyncGenerator[bytes, None]:
    """A host's stream."""
    for one in data:
        yield one


async def saved(base: Path, *parts: str, data: tuple[bytes, ...] = (b"one", b"two"), size: int = 6) -> None:
    place = await Place.of(base, parts)
    try:
        await place.save(chunks(*data), size)
    finally:
        place.close()


async def test_it_is_there_whole(tmp_path: Path) -> None:
    """In folders made for it; nothing else is left."""
    await saved(tmp_path / "to", "etc", "hostname")
    assert (tmp_path / "to/etc/hostname").read_bytes() == b"onetwo"
    assert [path.name for path in tmp_path.rglob("*")] == ["to", "etc", "hostname"]


async def test_no_link_is_followed_below_the_destination(tmp_path: Path) -> None:
    """A mirror of that host may have put it there. In the destination itself links are the user's."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "to/etc").symlink_to(tmp_path / "secret")
    with pytest.raises(TaskError, match="to/etc is a symbolic link"):
        await saved(tmp_path / "to", "etc", "hostname")
    assert not list((tmp_path / "secret").iterdir())
    (tmp_path / "mine").symlink_to(tmp_path / "secret")
    await saved(tmp_path / "mine", "hostname")
    assert (tmp_path / "secret/hostname").exists()


async def test_a_link_in_its_place_is_replaced(tmp_path: Path) -> None:
    """What it leads to is neither read nor written."""
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "hostname").symlink_to(tmp_path / "secret")
    place = await Place.of(tmp_path, ["hostname"])
    assert await place.digest("sha1") is None
    place.close()
    await saved(tmp_path, "hostname")
    assert (tmp_path / "secret").read_text() == "mine"
    assert not (tmp_path / "hostname").is_symlink()


async def test_no_more_is_taken_than_was_announced(tmp_path: Path) -> None:
    """A file that grows, or a host that goes on for ever."""
    await saved(tmp_path, "f", data=(b"12345", b"67890", b"never read"), size=7)
    assert (tmp_path / "f").read_bytes() == b"1234567"


async def test_what_there_is_no_room_for_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before the disk is full."""
    monkeypatch.setattr(arrival, "_room", lambda _folder: 5)
    with pytest.raises(TaskError, match="no room here for the 6 bytes"):
        await saved(tmp_path, "f")
    assert not list(tmp_path.iterdir())


async def test_nothing_is_left_when_it_breaks_off(tmp_path: Path) -> None:
    """The old file stays."""
    (tmp_path / "f").write_text("old")

    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"new"
        raise OSError(5, "gone")

    place = await Place.of(tmp_path, ["f"])
    with pytest.raises(OSError, match="gone"):
        await place.save(broken(), 6)
    place.close()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "old"
