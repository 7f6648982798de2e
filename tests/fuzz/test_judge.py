"""The judge sees what is a fault, and lets pass what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import HotdeskError, InputError
from hotdesk.place import Place
from tests.fuzz import judge as judging
from tests.fuzz.doors import Door
from tests.fuzz.judge import Fault, judge

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (KeyError("a"), "KeyError"),
        (RecursionError(), "RecursionError"),
        (InputError("wrong"), "no place"),
        (InputError("wrong", place=Place("/elsewhere", 1)), "a place elsewhere"),
        (InputError("'int' object is not iterable", place=Place("{folder}", 1)), "not iterable"),
        (InputError("<x.Y object at 0x7f00>", place=Place("{folder}", 1)), "object at 0x"),
        (InputError("x" * 5000, place=Place("{folder}", 1)), "5000 characters"),
        (InputError("", place=Place("{folder}", 1)), "0 characters"),
        (HotdeskError("a fault of its own", place=Place("{folder}", 1)), "not an error of input"),
    ],
)
def test_a_fault_is_seen(raised: Exception, says: str, tmp_path: Path) -> None:
    """Whatever the program does with such input."""
    if isinstance(raised, HotdeskError) and raised.place is not None and raised.place.file == "{folder}":
        raised.place = Place(str(tmp_path / "x"), 1)

    def read(data: bytes, folder: Path) -> None:
        raise raised

    with pytest.raises(Fault, match=says):
        judge(Door("any", read), b"", tmp_path)


def test_a_hang_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time counts: a busy machine makes no hang."""
    monkeypatch.setattr(judging, "DEADLINE", 0.1)

    def read(data: bytes, folder: Path) -> None:
        while True:
            pass

    with pytest.raises(Fault, match="Hang"):
        judge(Door("any", read), b"", tmp_path)


def test_an_error_that_can_be_acted_on_is_none(tmp_path: Path) -> None:
    """Words of the user's own may be anything."""

    def read(data: bytes, folder: Path) -> None:
        raise InputError("'KeyError' is not a keyword of a task", place=Place(str(folder / "site.yml"), 3, 7))

    error = judge(Door("any", read), b"KeyError: 1", tmp_path)
    assert error is not None
    assert error.place is not None
