"""lineinfile: its cases as a table, then what is around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import ArgumentError
from tests.unit.actions.builtin.conftest import RunResult, tree

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "one\ntwo\nthree\ntwo\n"

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"line": "four"}, TEXT + "four\n", "line added"),
    ({"line": "two"}, TEXT, ""),
    ({"line": "zwei", "regexp": "^two"}, "one\ntwo\nthree\nzwei\n", "line replaced"),
    ({"line": "zwei", "regexp": "^two", "firstmatch": True}, "one\nzwei\nthree\ntwo\n", "line replaced"),
    ({"line": "four", "regexp": "^four"}, TEXT + "four\n", "line added"),
    ({"line": "x", "search_string": "hre"}, "one\ntwo\nx\ntwo\n", "line replaced"),
    ({"line": "x", "insertafter": "^one"}, "one\nx\ntwo\nthree\ntwo\n", "line added"),
    ({"line": "x", "insertafter": "^two"}, TEXT + "x\n", "line added"),
    ({"line": "x", "insertafter": "^two", "firstmatch": True}, "one\ntwo\nx\nthree\ntwo\n", "line added"),
    ({"line": "x", "insertafter": "^none"}, TEXT + "x\n", "line added"),
    ({"line": "x", "insertbefore": "^two"}, "one\ntwo\nthree\nx\ntwo\n", "line added"),
    ({"line": "x", "insertbefore": "BOF"}, "x\n" + TEXT, "line added"),
    ({"line": "x", "insertafter": "EOF"}, TEXT + "x\n", "line added"),
    ({"line": r"t\1", "regexp": "^t(hre)e", "backrefs": True}, "one\ntwo\nthre\ntwo\n", "line replaced"),
    ({"line": r"t\1", "regexp": "^none(x)", "backrefs": True}, TEXT, ""),
    ({"regexp": "^two", "state": "absent"}, "one\nthree\n", "2 line(s) removed"),
    ({"line": "two", "state": "absent"}, "one\nthree\n", "2 line(s) removed"),
    ({"search_string": "thr", "state": "absent"}, "one\ntwo\ntwo\n", "1 line(s) removed"),
    ({"line": "none", "state": "absent"}, TEXT, ""),
]


@pytest.mark.parametrize(("args", "after", "msg"), CASES)
async def test_a_line_is_put_or_removed(
    result: RunResult, tmp_path: Path, args: dict[str, Any], after: str, msg: str
) -> None:
    """The file becomes what the options ask for; check mode only says so; the second time nothing changes."""
    path = tmp_path / "x"
    path.write_text(TEXT)
    before = tree(tmp_path)
    preview = await result("lineinfile", check=True, path=path, **args)
    assert tree(tmp_path) == before
    done = await result("lineinfile", path=path, **args)
    assert (path.read_text(), done.message, done.changed, preview.changed) == (after, msg, bool(msg), bool(msg))
    if (not args.get("firstmatch") and args.get("regexp") != "^two") or args.get("state") == "absent":
        assert not (await result("lineinfile", path=path, **args)).changed


async def test_a_missing_file_is_made_on_request(result: RunResult, tmp_path: Path) -> None:
    """create makes the file with its directory; without it a missing file is an error; absent is content."""
    path = tmp_path / "new/x"
    refused = await result("lineinfile", path=path, line="a")
    assert refused.failed
    assert refused.data["rc"] == 257
    assert (await result("lineinfile", path=path, line="a", create=True, mode="0600")).changed
    assert path.read_text() == "a\n"
    assert (await result("lineinfile", path=tmp_path / "none", line="a", state="absent")).message == "file not present"


async def test_a_last_line_without_newline_gets_one(result: RunResult, tmp_path: Path) -> None:
    """A line is added on a line of its own."""
    path = tmp_path / "x"
    path.write_text("one")
    await result("lineinfile", path=path, line="two")
    assert path.read_text() == "one\ntwo\n"


async def test_bytes_of_any_encoding_survive(result: RunResult, tmp_path: Path) -> None:
    """What is not touched stays as it is, byte for byte."""
    path = tmp_path / "x"
    path.write_bytes(b"caf\xe9\nx\n")
    await result("lineinfile", path=path, regexp="^x", line="y")
    assert path.read_bytes() == b"caf\xe9\ny\n"


async def test_the_diff_has_content_and_attributes(result: RunResult, tmp_path: Path) -> None:
    """The diff shows the content, and the mode if that changes; the message says so."""
    path = tmp_path / "x"
    path.write_text("a\n")
    path.chmod(0o644)
    done = await result("lineinfile", path=path, line="b", mode="0600")
    assert [diff.before_header for diff in done.diff] == [f"{path} (content)", f"{path} (file attributes)"]
    assert done.message == "line added and ownership, perms or SE linux context changed"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"state": "present"}, "line is required"),
        ({"state": "absent"}, "one of line, search_string, or regexp"),
        ({"line": "x", "backrefs": True}, "regexp is required with backrefs"),
        ({"line": "x", "insertafter": "a", "insertbefore": "b"}, "mutually exclusive"),
        ({"line": "x", "regexp": "a", "search_string": "b"}, "mutually exclusive"),
    ],
)
async def test_wrong_options_are_refused(result: RunResult, tmp_path: Path, args: dict[str, Any], message: str) -> None:
    """Options that contradict each other are an error before the host is touched."""
    with pytest.raises(ArgumentError, match=message):
        await result("lineinfile", path=tmp_path / "x", **args)


async def test_a_bad_expression_fails_in_words(result: RunResult, tmp_path: Path) -> None:
    """A regular expression that is none is named."""
    (tmp_path / "x").write_text("a\n")
    done = await result("lineinfile", path=tmp_path / "x", regexp="(", line="y")
    assert done.failed
    assert "is not a regular expression" in done.message
