"""What every PC must be when the playbook has run: the same as atlas, by content and by metadata."""

from __future__ import annotations

from typing import Any

import pytest
import testinfra

KEPT = r"\( -path ./.cache -o -path ./.local/share/Trash -o -path ./.local/state/hotdesk \) -prune -o"
"""What each PC keeps for itself."""
METADATA = (
    rf"cd && find . {KEPT} -printf '%P|%y|%m|%U|%G|%l|' \( -type d -printf '\0' -o -printf '%s|%T@|%n\0' \) | sort -z"
)
CONTENT = rf"cd && find . {KEPT} -type f -print0 | sort -z | xargs -0 sha256sum -z"
COUNT = 2000
"""The home directory that create.yml makes has more entries: an empty listing would prove nothing."""


def listing(host: Any, command: str) -> list[bytes]:
    """One entry for each name; names may hold newlines and bytes that are not UTF-8."""
    done = host.run(command)
    assert done.rc == 0, done.stderr
    found: list[bytes] = done.stdout_bytes.split(b"\0")
    return found


@pytest.fixture(scope="session")
def atlas(request: pytest.FixtureRequest) -> Any:
    """The PC that the others were to become like."""
    return testinfra.get_host("ssh://atlas", ssh_config=request.config.getoption("ssh_config"))


@pytest.mark.parametrize("command", [METADATA, CONTENT], ids=["metadata", "content"])
def test_the_home_directory_is_that_of_atlas(host: Any, atlas: Any, command: str) -> None:
    """Every entry is there, in every part, and nothing else is."""
    wanted, found = set(listing(atlas, command)), set(listing(host, command))
    assert len(wanted) > COUNT
    assert sorted(wanted - found)[:10] == []
    assert sorted(found - wanted)[:10] == []


def test_what_was_only_on_vega_is_gone(host: Any) -> None:
    """The mirror deletes, as the playbook says."""
    assert not host.file("only on vega.txt").exists


def test_the_cache_stays_where_it_was_made(host: Any) -> None:
    """What is excluded is on atlas alone."""
    assert host.file(".cache/browser").exists == (host.backend.get_hostname() == "atlas")
