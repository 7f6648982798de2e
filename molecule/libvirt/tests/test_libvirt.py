"""What libvirt must say on the target."""

from __future__ import annotations

from typing import Any

VIRSH = "virsh -q -c qemu:///system"


def test_the_machine_is_the_sources(host: Any) -> None:
    """The same identity, disk and network; it starts by itself, and is not running, as there."""
    assert host.check_output(f"{VIRSH} domuuid vm").strip() == "11111111-2222-4333-8444-555555555501"
    assert host.check_output(f"{VIRSH} domstate vm").strip() == "shut off"
    said = host.check_output(f"{VIRSH} dominfo vm")
    assert "Autostart:      enable" in said
    assert "network   lan" in host.check_output(f"{VIRSH} domiflist vm")


def test_the_disk_is_the_sources(host: Any) -> None:
    """Its content at its place, and no more room than there."""
    disk = "/var/lib/libvirt/images/vm.raw"
    assert host.check_output(f"dd if={disk} bs=1 skip=1000000 count=5 status=none") == "first"
    assert host.file(disk).size == 8 << 20
    assert int(host.check_output(f"stat -c %b {disk}")) * 512 < 1 << 20


def test_the_network_is_defined(host: Any) -> None:
    """And starts by itself."""
    said = host.check_output(f"{VIRSH} net-info lan")
    assert "Autostart:      yes" in said
    assert "labbr" in said
