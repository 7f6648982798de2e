"""What the target must have again."""

from __future__ import annotations

from typing import Any


def test_the_file_is_the_targets_own_again(host: Any) -> None:
    """Content, group and mode, which were the source's after the run that is undone."""
    found = host.file("/etc/lab.conf")
    assert (found.content_string, found.group, found.mode) == ("of pc2\n", "adm", 0o640)
