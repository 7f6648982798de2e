from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotdesk.errors import TransferError
from hotdesk.transfer import itemize
from hotdesk.transfer.itemize import Item, Output, number, parse_item, shown, unescape

if TYPE_CHECKING:
    from hotdesk.results import Progress


def escaped(name: bytes) -> bytes:
    """A name as rsync 3 prints it under LC_ALL=C."""
    out = b""
    for at, byte in enumerate(name):
        looks = (
            byte == 0x5C and name[at + 1 : at + 2] == b"#" and name[at + 2 : at + 5].isdigit() and len(name) >= at + 5
        )
        plain = byte == 9 or (32 <= byte < 127 and not looks)
        out += bytes([byte]) if plain else b"\\#%03o" % byte
    return out


@settings(database=None)
@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_name_comes_back_as_it_is_on_disk(name: bytes) -> None:
    """rsync's escapes can be undone, also where a name holds something that looks like one."""
    assert unescape(escaped(name)) == name


@settings(database=None)
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_names_are_never_shown_alike(one: bytes, other: bytes) -> None:
    """What is shown tells names apart."""
    assert (shown(one) == shown(other)) == (one == other)


@settings(database=None)
@given(st.binary(max_size=30))
def test_what_is_shown_fits_a_line(name: bytes) -> None:
    """No control character gets through to a screen or a log."""
    assert shown(name).isprintable()


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b"@hd <f+++++++++ 12 a b//", Item("<f+++++++++", b"a b", 12)),
        (b"@hd cL+++++++++ 6 l -> k// -> x // y", Item("cL+++++++++", b"l -> k", 6, b" -> x // y")),
        (b"@hd cd+++++++++ 4096 dir///", Item("cd+++++++++", b"dir/", 4096)),
        (b"@hd *deleting   0 old/f//", Item("*deleting", b"old/f")),
        (b"@hd hf+++++++++ 2 b// => a", Item("hf+++++++++", b"b", 2, b" => a")),
        (b"created directory /x", None),
    ],
)
def test_an_itemised_line_is_read(line: bytes, item: Item | None) -> None:
    """Names with blanks and arrows, directories, deletions and links."""
    assert parse_item(line) == item


@pytest.mark.parametrize(
    ("flags", "verb"),
    [("*deleting", "delete"), (">f+++++++++", "create"), (">f.st......", "update"), (".d..t......", "attributes")],
)
def test_the_verb_of_an_item(flags: str, verb: str) -> None:
    """What people call it."""
    assert Item(flags, b"x").verb == verb


def test_digits_are_grouped_in_any_way() -> None:
    """30,140,148 is not 148."""
    assert number(b"30,140,148") == number(b"30.140.148") == 30140148


def test_progress_may_be_cut_anywhere() -> None:
    """Progress ends in carriage returns, is mixed with lines, and arrives in odd pieces."""
    seen: list[Progress] = []
    clock = iter(range(1000))
    output = Output(seen.append, 4_000_000, clock=lambda: float(next(clock)))
    text = (
        b"\r      1,000,000  25%    1.00MB/s    0:00:03  "
        b"\r      3,000,000  75%    1.00MB/s    0:00:01 (xfr#1, to-chk=3/10)\n@hd <f+++++++++ 9 a//\n"
        b"Number of files: 1,010 (reg: 1,000, dir: 10)\nTotal transferred file size: 4,000,000 bytes\n"
    )
    for at in range(0, len(text), 7):
        output.feed(text[at : at + 7])
    output.close()
    output.complete()
    assert [progress.bytes_done for progress in seen] == [1_000_000, 3_000_000, 4_000_000]
    assert (seen[1].files_done, seen[1].files_total) == (7, 10)
    assert seen[1].eta is not None
    assert (seen[-1].files_done, seen[-1].eta) == (10, 0.0)
    assert [item.name for item in output.items] == [b"a"]
    assert (output.totals.entries, output.totals.transferred) == (1010, 4_000_000)
    assert output.messages == []


def test_a_line_that_no_rsync_prints_is_refused() -> None:
    """The other end may be anything; it must not fill the memory."""
    output = Output()
    output.feed(b"x" * 60_000)
    with pytest.raises(TransferError, match="a line of more than 65536 bytes"):
        output.feed(b"x" * 6_000)


def test_more_changes_than_can_be_kept_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each counts as its names and a little more."""
    monkeypatch.setattr(itemize, "MOST_ITEMS", 1000)
    output = Output()
    output.feed(b"@hd >f+++++++++ 1 a//\n" * 4)
    with pytest.raises(TransferError, match="more than 4 changes"):
        output.feed(b"@hd >f+++++++++ 1 a//\n")


@pytest.mark.parametrize(
    "line",
    [
        b"@hd >f+++++++++ " + b"9" * 5000 + b" a//",
        b"9" * 5000 + b" 1% 1kB/s 0:00:00",
        b"1 1% 1kB/s 0:00:00 (xfr#1, to-chk=" + b"9" * 5000 + b"/1)",
        b" " * 60_000 + b"x",
        b"Total file size: " + b"1," * 5000,
    ],
)
def test_numbers_without_end_are_no_numbers(line: bytes) -> None:
    """Neither an error nor a long search."""
    output = Output(on_progress=lambda _: None)
    output.feed(line + b"\n")
    assert output.items == []


def test_messages_cannot_draw() -> None:
    """What an rsync says is one short line each."""
    output = Output()
    output.feed(b"warning: \x1b[2J\xff" + b"x" * 1000 + b"\n")
    (said,) = output.messages
    assert said.startswith("warning: \\x1b[2J\\xff")
    assert len(said) <= 300
