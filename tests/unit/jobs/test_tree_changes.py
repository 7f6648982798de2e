from __future__ import annotations

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.tree_changes import MOST_RULES, changes_of, narrowed, paired, together
from hotdesk.transfer import Item

NEW, TIMES, MODE, DIR, GONE = "<f+++++++++", ".d..t......", ".d...p.....", "cd+++++++++", "*deleting"


def items(**named: str) -> list[Item]:
    """``a=NEW`` for a file ``a``; ``d__x`` is ``d/x``."""
    return [Item(flags, name.replace("__", "/").encode()) for name, flags in named.items()]


@pytest.mark.parametrize(
    ("there", "kept", "done", "rules"),
    [
        (items(a=NEW, b=NEW), "a", "a", [b"- /b"]),
        (items(d=DIR, d__x=NEW), "d__x", "", [b"- /d"]),
        (items(d=TIMES, d__x=NEW, d__y=NEW), "d__x", "d d__x", [b"- /d/y"]),
        (items(d=TIMES, d__x=NEW, e=NEW), "e", "e", [b"- /d"]),
        (items(d=MODE, d__x=NEW, e=NEW), "d__x e", "e", [b"- /d"]),
        (items(d__x=GONE, d__y=GONE, d=GONE), "d__x d", "d__x", [b"- /d/y"]),
        (items(d__x=GONE, d=GONE, e=NEW), "d__x e", "e", []),
        (items(old=GONE, a=NEW), "a", "a", []),
        (items(old=GONE, older=GONE), "old", "old", [b"- /older"]),
    ],
)
def test_what_is_left_is_kept_out_by_rules(there: list[Item], kept: str, done: str, rules: list[bytes]) -> None:
    """What cannot be separated from it is left with it; the times of a directory go with what is done in it."""
    wanted = {name.replace("__", "/") for name in kept.split()}
    changes = [change for change in changes_of(there) if change.subject in wanted]
    found, given = narrowed(there, changes)
    assert {item.path.decode() for item in found} == {name.replace("__", "/") for name in done.split()}
    assert given == rules


FOLDER = [
    Item(DIR, b"d/"),
    Item(NEW, b"d/x"),
    Item(DIR, b"d/e/"),
    Item(NEW, b"d/e/y"),
    Item(GONE, b"g/z"),
    Item(GONE, b"g/"),
    Item(NEW, b"a"),
]


def test_what_comes_with_a_new_directory_is_one_change() -> None:
    """And what goes with a deleted one; another content is another change, and approving it does all of it."""
    whole = together(FOLDER, ())
    changes = changes_of(FOLDER, {b"g/z": "1"}, {b"d/x": "1", b"d/e/y": "1"}, whole)
    assert [change.id for change in changes] == ["create d", "delete g", "create a"]
    assert changes[0].detail == f"{DIR} with 3 entries below it"
    assert changes[0].after != changes_of(FOLDER, {}, {b"d/x": "2", b"d/e/y": "1"}, whole)[0].after
    assert changes[1].before
    done, rules = narrowed(FOLDER, changes[:1], whole)
    assert {item.path for item in done} == {b"d", b"d/x", b"d/e", b"d/e/y"}
    assert rules == [b"- /a"]
    done, rules = narrowed(FOLDER, changes[1:2], whole)
    assert {item.path for item in done} == {b"g", b"g/z"}
    assert rules == [b"- /a", b"- /d"]


def test_what_is_marked_is_a_change_by_itself() -> None:
    """In a new directory, too: it must not come along with it."""
    changes = changes_of(FOLDER, {}, {}, together(FOLDER, ["d/e/y", "a"]))
    assert [change.id for change in changes] == [
        "create d",
        "create d/x",
        "create d/e",
        "create d/e/y",
        "delete g",
        "create a",
    ]


def test_a_new_destination_is_not_one_change() -> None:
    """Its entries are."""
    there = [Item(DIR, b"./"), Item(NEW, b"a"), Item(DIR, b"d/"), Item(NEW, b"d/x")]
    assert [change.id for change in changes_of(there, {}, {}, together(there, ()))] == [
        "create .",
        "create a",
        "create d",
    ]


def test_more_rules_than_rsync_takes_are_refused() -> None:
    """With what to do instead."""
    there = [Item(NEW, b"%d" % number) for number in range(MOST_RULES + 2)]
    with pytest.raises(TaskError, match="one by one") as caught:
        narrowed(there, changes_of(there[:1]))
    assert caught.value.remedy


def test_a_pc_answers_for_each_path_or_is_not_believed() -> None:
    """One answer too few would say the wrong thing of every path after it."""
    with pytest.raises(TaskError, match="vega gave 1 answers about 2 paths"):
        paired(["a", "b"], ["x"], "vega")
