"""docs/compatibility.md says what the program's tables say."""

from __future__ import annotations

import re
from pathlib import Path

from hotdesk.actions.registry import CONTROL, TABLE
from hotdesk.playbook.keywords import KEYWORDS

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """First cell -> the others, of every table row whose first cell is code."""
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M)
    return {name: tuple(cell.strip() for cell in rest.split("|")) for name, rest in found}


def test_every_keyword_is_where_the_page_says() -> None:
    """A keyword that is added or moved is so on the page too."""
    ours = {k.name: k for k in KEYWORDS.values()}
    listed = rows(PAGE)
    assert listed.keys() == ours.keys()
    for name, (levels, values) in listed.items():
        assert set(levels.split(", ")) == ours[name].on, name
        assert values == (", ".join(ours[name].choices) or ours[name].kind), name


def test_every_module_is_on_the_page() -> None:
    """What the page says hotdesk runs is what the registry has."""
    listed = re.search(r"^Run by hotdesk.*$", PAGE, re.M)
    assert listed is not None
    builtin, _, posix = listed.group(0).partition("Of `ansible.posix`:")
    names = {f"ansible.builtin.{name}" for name in re.findall(r"`(\w+)`", builtin)}
    names |= {f"ansible.posix.{name}" for name in re.findall(r"`(\w+)`", posix)}
    assert names == {*TABLE, *CONTROL}
