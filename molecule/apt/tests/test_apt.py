"""What apt must say on the target."""

from __future__ import annotations

from typing import Any


def test_apt_reads_the_sources_options(host: Any) -> None:
    """And no more those that only the target had."""
    said = host.check_output("apt-config dump APT::Install-Recommends; apt-config dump APT::Install-Suggests")
    assert 'APT::Install-Recommends "false";' in said
    assert 'APT::Install-Suggests "true";' not in said
    assert not host.file("/etc/apt/apt.conf.d/99rich").exists


def test_the_pin_is_there(host: Any) -> None:
    """As a file that everybody may read."""
    pin = host.file("/etc/apt/preferences.d/vendor")
    assert (pin.user, pin.mode) == ("root", 0o644)
    assert pin.contains("Pin-Priority: 100")


def test_nothing_is_half_installed(host: Any) -> None:
    """dpkg finds no fault."""
    assert host.check_output("dpkg --audit") == ""
