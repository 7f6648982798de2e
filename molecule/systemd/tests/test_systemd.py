"""What systemd must say on the target."""

from __future__ import annotations

from typing import Any


def test_a_local_timer_is_there_enabled_and_waiting(host: Any) -> None:
    """Its service, which is not enabled on the source, is there too."""
    timer = host.service("lab-own.timer")
    assert timer.is_valid
    assert timer.is_enabled
    assert timer.is_running
    assert not host.service("lab-own.service").is_enabled
    assert not host.service("lab-own.service").is_running


def test_a_masked_and_a_disabled_unit_are_so_here(host: Any) -> None:
    """And neither is active."""
    assert host.service("apt-daily.timer").is_masked
    assert not host.service("apt-daily.timer").is_running
    assert not host.service("dpkg-db-backup.timer").is_enabled
    assert not host.service("dpkg-db-backup.timer").is_running


def test_a_drop_in_is_in_force(host: Any) -> None:
    """As systemd itself reads it."""
    assert host.service("dpkg-db-backup.service").systemd_properties["Nice"] == "5"
