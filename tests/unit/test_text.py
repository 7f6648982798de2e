"""Untrusted text on a terminal."""

from __future__ import annotations

import unicodedata

from hotdesk.text import safe, size


def test_nothing_moves_the_cursor_or_turns_the_direction() -> None:
    """Every control character but newline and tab, every mark of direction, every separator of lines."""
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    bad = [
        char
        for char in map(chr, range(0x10000))
        if char not in "\n\t"
        and (unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") or unicodedata.bidirectional(char) in turns)
    ]
    bad += ["\u200e", "\u200f", "\u061c"]
    assert len(bad) > 2000
    for char in bad:
        assert safe(char).isascii()
        assert safe(char).isprintable()


def test_what_people_write_stays() -> None:
    """Letters of all alphabets, emoji joined from several characters, newline and tab."""
    text = "é 漢字 עברית \N{WOMAN}\u200d\N{PERSONAL COMPUTER}\n\tx"
    assert safe(text) == text


def test_bytes_are_told_in_the_unit_that_suits_them() -> None:
    """Powers of 1024, whole bytes."""
    told = [size(number) for number in (0, 1023, 1024, 1.5 * 2**30, -(2**21), 3 * 2**50)]
    assert told == ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "-2.0 MiB", "3072.0 TiB"]
