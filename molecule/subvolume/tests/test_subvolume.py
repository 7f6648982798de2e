"""What the target must have of the source's subvolume."""

from __future__ import annotations

from typing import Any


def test_it_is_a_subvolume_that_can_be_written(host: Any) -> None:
    """Not a directory with the same files."""
    said = host.check_output("btrfs subvolume show /srv/data")
    assert "Received UUID" in said
    assert "readonly" not in said
    assert host.check_output("btrfs property get /srv/data ro") == "ro=false"


def test_its_files_are_the_sources(host: Any) -> None:
    """With owner and mode."""
    page = host.file("/srv/data/deep/page")
    assert (page.content_string, page.user, page.mode) == ("of pc1\n", "ada", 0o640)
    assert host.file("/srv/data/big").size == 3 << 20
