"""What the target must have of what was installed by hand."""

from __future__ import annotations

from typing import Any


def test_the_tool_has_the_sources_version(host: Any) -> None:
    """Made by the snippet, not copied."""
    assert host.file("/opt/tool/VERSION").content_string == "7\n"


def test_the_registry_came_along(host: Any) -> None:
    """For root alone to read and write."""
    registry = host.file("/etc/hotdesk/manual.yml")
    assert (registry.user, registry.mode) == ("root", 0o600)
    assert registry.contains("/opt/tool:")
