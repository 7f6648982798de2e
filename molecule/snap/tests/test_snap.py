"""What snapd must say on the target."""

from __future__ import annotations

from typing import Any


def test_the_snaps_are_the_sources(host: Any) -> None:
    """With channel and confinement."""
    lines = host.check_output("snap list --color=never --unicode=never").splitlines()[1:]
    found = {name: (channel, notes) for name, _, _, channel, _, notes in map(str.split, lines)}
    assert found["hd-one"] == ("latest/edge", "-")
    assert found["hd-two"] == ("-", "devmode")


def test_nothing_is_left_on_the_way(host: Any) -> None:
    """No snap file in hotdesk's own folder."""
    assert host.check_output("ls /var/lib/hotdesk/*.snap 2>/dev/null || true") == ""
