"""What the target must have of the source's people."""

from __future__ import annotations

from typing import Any


def test_the_person_is_the_sources(host: Any) -> None:
    """The same comment, groups, shell and password, and a home of her own."""
    anna = host.user("anna")
    assert (anna.uid, anna.gecos, anna.home, anna.shell) == (2001, "Anna A", "/home/anna", "/bin/bash")
    assert set(anna.groups) == {"anna", "audio", "family"}
    assert anna.password == "$6$salt$hash"
    assert host.group("family").gid == 2100
    assert host.file("/home/anna").user == "anna"
