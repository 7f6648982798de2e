from __future__ import annotations

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.tree_changes import MOST_RULES, changes_of, narrowed
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
    changes = [change for change in changes_of(there, {}, {}) if change.subject in wanted]
    found, given = narrowed(there, changes)
    assert {item.path.decode() for item in found} == {name.replace("__", "/") for name in done.split()}
    assert given == rules


def test_more_rules_than_rsync_takes_are_refused() -> None:
    """With what to do instead."""
    there = [Item(NEW, b"%d" % number) for number in range(MOST_RULES + 2)]
    with pytest.raises(TaskError, match="one by one") as caught:
        narrowed(there, changes_of(there[:1], {}, {}))
    assert caught.value.remedy
