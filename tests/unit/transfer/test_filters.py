from __future__ import annotations

import pytest

from hotdesk.transfer.excludes import hard_rules
from hotdesk.transfer.filters import FilterError, below, build, escape, lines, parse, problems, traps


def test_hotdesks_own_rules_come_first() -> None:
    """Then what protects the way in, then the user's, then those of directories, the deepest first."""
    rules = build([b"- *.o"], {b"a": b"- x\n", b"a/b": b"- y\n", b"": b"- z\n"}, [b"- /keys"])
    own = len(hard_rules())
    assert rules[own:] == [b"- /keys", b"- *.o", b"- /a/b/y", b"- /a/b/**/y", b"- /a/x", b"- /a/**/x", b"- z"]


@pytest.mark.parametrize(
    ("top", "rule"),
    [
        ("/home/anna/.config", b"- /dconf/user"),
        ("/home/anna/.config/Code - OSS/User", b"- /globalStorage/state.vscdb*"),
        ("/var/lib/", b"- /hotdesk/"),
        ("/home/anna/.local/state", b"- /hotdesk/"),
    ],
)
def test_what_is_handled_elsewhere_is_left_by_a_mirror_that_begins_within_it(top: str, rule: bytes) -> None:
    """rsync sees no more of a path than what is below the mirrored directory."""
    assert rule not in hard_rules()
    assert rule in hard_rules([top])
    assert hard_rules(["/home/anna/projects"]) == hard_rules()


@pytest.mark.parametrize(
    ("directory", "rule", "wanted"),
    [
        (b"a", b"- /x", [b"- /a/x"]),
        (b"a", b"+ x/", [b"+ /a/x/", b"+ /a/**/x/"]),
        (b"a*b", b"- x", [b"- /a\\*b/x", b"- /a\\*b/**/x"]),
        (b"a*b", b"- /back\\slash", [b"- /a\\*b/back\\\\slash"]),
        (b"a", b"-s *.o", [b"-,s /a/*.o", b"-,s /a/**/*.o"]),
        (b"a", b"protect x", [b"P /a/x", b"P /a/**/x"]),
    ],
)
def test_a_directorys_rules_hold_below_it(directory: bytes, rule: bytes, wanted: list[bytes]) -> None:
    """Anchored ones in it, the others at any depth; odd directory names are taken literally."""
    assert [made.text for made in below(directory, parse(rule))] == wanted


@pytest.mark.parametrize("rule", [b"!", b"clear", b". rules", b": .f", b"merge x", b"*.o", b"-", b"- a\nb", b"exclude"])
def test_what_cannot_be_taken(rule: bytes) -> None:
    """Clearing, reading further files, and what is no rule at all."""
    with pytest.raises(FilterError):
        parse(rule)
    assert problems([rule], "filters")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (b"- .nv  # cache", "comment"),
        (b"- .nv ", "blanks"),
        (b"- dir/**", "/***"),
        (b"- /home/anna/.cache", "'/.cache'"),
    ],
)
def test_traps_are_named(rule: bytes, said: str) -> None:
    """Rules that rsync takes but that hardly mean what they look like."""
    (warning,) = traps([rule], "filters", "/home/anna")
    assert said in warning


def test_a_late_re_include_is_named() -> None:
    """The first rule that matches decides, so what is inside an excluded directory never comes back."""
    assert traps([b"- .cache/", b"+ .cache/uv/"], "filters", "/x")
    assert traps([b"+ .cache/", b"+ .cache/uv/***", b"- .cache/*"], "filters", "/x") == []


def test_comments_and_blank_lines_are_no_rules() -> None:
    """In a file of rules."""
    assert lines(b"# one\n\n; two\n- a # b\r\n- c ") == [b"- a # b", b"- c "]


def test_escape_keeps_other_bytes() -> None:
    """Only what is special in a pattern is escaped."""
    assert escape(b"a[1]?\xff") == b"a\\[1\\]\\?\xff"
