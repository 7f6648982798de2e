"""What the target must have of the source's folder."""

from __future__ import annotations

from typing import Any

TREE = "/home/ada/tree"


def test_the_file_is_the_sources(host: Any) -> None:
    """Content, time, owner, access list and extended attribute."""
    page = host.file(f"{TREE}/page")
    assert (page.content_string, page.user, page.mtime.timestamp()) == ("new\n", "ada", 1000000000)
    assert "user:bob:r--" in host.check_output(f"getfacl -p {TREE}/page")
    assert host.check_output(f"getfattr --only-values -n user.lab {TREE}/page") == "1"


def test_links_are_links(host: Any) -> None:
    """A hard one to the same file, a symbolic one to the same name."""
    assert host.check_output(f"stat -c %i {TREE}/page {TREE}/hard | uniq | wc -l").strip() == "1"
    assert host.file(f"{TREE}/link").linked_to == f"{TREE}/page"
    assert host.file(f"{TREE}/deep/own").mode == 0o600


def test_what_only_the_target_had_is_gone(host: Any) -> None:
    """As the play says: it is a mirror."""
    assert not host.file(f"{TREE}/gone").exists
