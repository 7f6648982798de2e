from __future__ import annotations

import pytest

from hotdesk.playbook.model import TagSelection
from hotdesk.playbook.tags import selected, split_tags
from hotdesk.source import Seq, Trusted


@pytest.mark.parametrize(
    ("tags", "only", "skip", "runs"),
    [
        ("", "all", "", True),
        ("a", "all", "", True),
        ("never", "all", "", False),
        ("never,a", "all", "", False),
        ("never,a", "a", "", True),
        ("never", "never", "", True),
        ("never,a", "tagged", "", False),
        ("a", "b", "", False),
        ("always", "b", "", True),
        ("always", "b", "always", False),
        ("always", "all", "all", True),
        ("a", "all", "all", False),
        ("", "untagged", "", True),
        ("a", "untagged", "", False),
        ("a", "tagged", "", True),
        ("", "tagged", "", False),
        ("a", "all", "tagged", False),
        ("", "all", "tagged", True),
        ("", "all", "untagged", False),
        ("a,b", "a", "b", False),
    ],
)
def test_tags_choose_tasks(tags: str, only: str, skip: str, runs: bool) -> None:
    """--tags and --skip-tags with Ansible's special tags."""
    selection = TagSelection(only=split_tags([only]), skip=split_tags([skip]))
    assert selected(split_tags([tags]), selection) is runs


def test_tags_come_as_lists_texts_and_numbers() -> None:
    """Commas separate; lists nest; numbers are names."""
    assert split_tags([Trusted("a, b"), Seq(["c", 1]), None]) == {"a", "b", "c", "1"}
