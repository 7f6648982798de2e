from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.jobs.account_collisions import numbers, ranges
from hotdesk.jobs.account_files import parse

if TYPE_CHECKING:
    from hotdesk.jobs.account_files import Accounts


def files(passwd: str, group: str = "", subuid: str = "") -> Accounts:
    texts = {"passwd": passwd, "group": group, "subuid": subuid}
    return parse({**dict.fromkeys(("shadow", "subgid", "login.defs"), ""), **texts})


def said(here: Accounts, there: Accounts) -> list[str]:
    return [one.message for one in numbers(here, there, here.people(), here.people_groups(), "atlas", "vega")]


def test_the_same_numbers_are_no_problem() -> None:
    """Nor are people and groups that only one of the two has."""
    anna = "anna:x:1001:1001::/home/anna:/bin/sh\n"
    assert said(files(anna, "anna:x:1001:\n"), files(anna + "eve:x:1002:100::/:\n", "anna:x:1001:\n")) == []
    assert said(files(anna, "anna:x:1001:\n"), files("")) == []


def test_two_names_of_one_number_on_the_source_are_one() -> None:
    """The tools would refuse the second."""
    both = "anna:x:1001:100::/:\nother:x:1001:100::/:\n"
    assert said(files(both), files("")) == ["users anna and other are both 1001 on atlas"]


def test_a_primary_group_of_the_system_has_to_have_the_same_number() -> None:
    """users is 100 on Debian, and not everywhere."""
    anna = "anna:x:1001:100::/:\n"
    (text,) = said(files(anna, "users:x:100:\n"), files("", "users:x:985:\n"))
    assert text == "group users, the primary one of anna, is 100 on atlas and 985 on vega"


def test_ranges_are_held_against_all_that_begin_before() -> None:
    """A long one overlaps the third although the second ends before that; what both leave is no problem of ours."""
    here = files("anna:x:1001:100::/:\n", subuid="anna:100:1000\n")
    there = files(
        "a:x:2001:100::/:\nb:x:2002:100::/:\nc:x:2003:100::/:\n", subuid="a:200:10\nb:900:10\nc:905:100\nanna:5:10\n"
    )
    texts = [one.message for one in ranges(here, there, {"anna"}, "vega")]
    assert [text.partition(" would")[0] for text in texts] == [f"subuid: anna and {name}" for name in "abc"]
    assert "share 900 to 909 on vega" in texts[1]
    assert list(ranges(files(""), there, set(), "vega")) == []
