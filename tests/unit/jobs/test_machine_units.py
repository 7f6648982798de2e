from __future__ import annotations

import pytest

from hotdesk.jobs.machine_units import PATTERNS, WAYS_IN, matches


@pytest.mark.parametrize(
    "unit",
    [
        "home.mount",
        "nvidia-persistenced.service",
        "bluetooth.service",
        "getty@tty1.service",
        "wg-quick@home.service",
        "snap.lxd.daemon.service",
    ],
)
def test_hardware_and_network_are_the_pcs_own(unit: str) -> None:
    """What depends on disks, devices and the network stays each PC's own."""
    assert matches(unit, PATTERNS)


@pytest.mark.parametrize(
    "unit",
    ["cron.service", "docker.service", "snapd.service", "apt-daily.timer", "cups.service", "syncthing@anna.service"],
)
def test_programs_are_not(unit: str) -> None:
    """What is set up by people and packages is the same everywhere."""
    assert not matches(unit, PATTERNS)
    assert not matches(unit, WAYS_IN)
