"""What a task changed, as the page tells it."""

from __future__ import annotations

from typing import Any

import pytest

from hotdesk.events import Room
from hotdesk.report.made import MOST_DIFF_LINES, MOST_SETS, Line, Sets, of_job, of_results


def test_hosts_with_the_same_changes_are_told_together() -> None:
    """What differs in a result but is not told (when it was, how long) does not part them."""
    sets, room = Sets(), Room()
    for host, (dest, start) in enumerate([("/a", "now"), ("/b", "now"), ("/a", "later")]):
        sets.add(host, [{"changed": True, "dest": dest, "start": start}], None, room)
    assert [(each.made.lines[0].subject, each.hosts) for each in sets.sets.values()] == [("/a", [0, 2]), ("/b", [1])]
    assert sets.hosts == [0, 1, 2]


def test_more_different_sets_than_a_page_takes_are_counted() -> None:
    """Also when its room is used up."""
    sets, room = Sets(), Room()
    for host in range(MOST_SETS + 5):
        sets.add(host, [{"dest": f"/{host}"}], None, room)
    assert len(sets.sets) == MOST_SETS
    assert sets.others == list(range(MOST_SETS, MOST_SETS + 5))
    full = Sets()
    full.add(0, [{"dest": "/x"}], None, Room(left=0))
    assert full.others == [0]


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ({"dest": "/etc/motd", "mode": "0644"}, [("", "/etc/motd", "mode 0644")]),
        ({"items": [">f+++++++++ a", "*deleting b"], "items_total": 9}, [("", ">f+++++++++ a", ""), ("", "*deleting b", "")]),
        ({"cmd": ["systemctl", "restart", "cups"], "rc": 0}, [("", "systemctl restart cups", "")]),
        ({"ping": "pong"}, []),
        ({"msg": True, "name": {"odd": 1}, "diff": "text"}, []),
    ],
)  # fmt: skip
def test_a_result_is_told_in_few_words(result: dict[str, Any], lines: list[tuple[str, str, str]]) -> None:
    """A job's own list, else what a module was about; nothing is made up."""
    made = of_results([result], None)
    assert [(line.verb, line.subject, line.detail) for line in made.lines] == lines
    assert made.more == (7 if "items" in result else 0)


def test_what_a_job_told_comes_before_its_result() -> None:
    """With how each change is undone, and how many were not named."""
    change = {"verb": "remove", "subject": "nano", "detail": "7.2", "destructive": True, "undo": "apt-get install nano"}
    told = of_job({"changes": [change], "total": 41})
    made = of_results([{"items": ["something else"]}], told)
    assert made.lines == (Line("remove", "nano", "7.2", True, "apt-get install nano"),)
    assert made.more == 40


def test_diffs_are_unified_and_bounded() -> None:
    """Prepared ones stay as they are; of long ones the rest is counted."""
    short, prepared = {"before": "a\nb\n", "after": "a\nc\n", "before_header": "f"}, {"prepared": "one\ntwo\n"}
    long = {"before": "", "after": "".join(f"{number}\n" for number in range(2 * MOST_DIFF_LINES))}
    huge = {"before": "x" * 300_000, "after": ""}
    made = of_results([{"diff": [short, prepared]}, {"diff": long}, {"diff": huge}, {"diff": None}], None)
    assert made.diffs[0] == ("--- before: f", "+++ after", "@@ -1,2 +1,2 @@", " a", "-b", "+c")
    assert made.diffs[1] == ("one", "two")
    assert made.diffs[2][-1] == f"[... {MOST_DIFF_LINES + 3} more lines]"
    assert made.diffs[3][0].startswith("no diff")
