"""Definitions of libvirt's without what belongs to a machine."""

from __future__ import annotations

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs import libvirt_xml as xml

DOMAIN = """<domain type='qemu' id='3'>
  <name>vm1</name><uuid>11111111-2222-4333-8444-555555555501</uuid>
  <metadata><lab:box xmlns:lab="http://lab.example.org/1">x</lab:box></metadata>
  <memory unit='KiB'>32768</memory><vcpu placement='static' cpuset='0'>1</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='1'/></cputune>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='volume' device='disk'><source pool='imgs' volume='a.raw'/><target dev='vda' bus='virtio'/></disk>
    <interface type='direct'><mac address='52:54:00:00:00:01'/><source dev='eth0' mode='bridge'/></interface>
    <interface type='network'><mac address='52:54:00:00:00:02'/><source network='lan'/></interface>
    <graphics type='vnc' port='-1' passwd='geheim12'/>
    <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='3' slot='0' function='0'/></source></hostdev>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'/>
</domain>"""
NETWORK = """<network><name>lan</name><uuid>{0}</uuid><forward dev='{1}' mode='nat'><interface dev='{1}'/></forward>
<bridge name='{2}' stp='on'/><mac address='{3}'/></network>"""
HERE = NETWORK.format("1" * 8, "eth0", "virbr0", "52:54:00:00:00:03")
THERE = NETWORK.format("2" * 8, "wlan0", "virbr4", "52:54:00:00:00:04")


def other_machine() -> str:
    """The same domain on a PC with another card and program, and without the rest."""
    text = (
        DOMAIN.replace("dev='eth0'", "dev='enp3s0'")
        .replace("/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm")
        .replace(" cpuset='0'", "")
    )
    for start, end in (("<hostdev", "</hostdev>"), ("<cputune>", "</cputune>"), ("<seclabel", "/>")):
        text = text[: text.index(start)] + text[text.index(end, text.index(start)) + len(end) :]
    return text


def test_what_belongs_to_a_machine_is_not_compared() -> None:
    """Hardware, pinned processors, labels, the program, the card."""
    assert xml.common("domain", DOMAIN) == xml.common("domain", other_machine())
    assert xml.common("network", HERE) == xml.common("network", THERE)
    assert xml.differing("domain", DOMAIN, other_machine()) == []


def test_everything_else_is() -> None:
    """It is named by its element."""
    more = DOMAIN.replace("32768", "65536").replace("address='52:54:00:00:00:02'", "address='52:54:00:00:00:09'")
    assert xml.differing("domain", DOMAIN, more) == ["interface", "memory"]


def test_a_prefix_of_a_namespace_is_no_difference() -> None:
    """libvirt keeps what it is given, and we give it other prefixes."""
    assert xml.differing("domain", DOMAIN, DOMAIN.replace("lab:", "ns0:").replace("xmlns:lab", "xmlns:ns0")) == []


def test_the_target_keeps_its_own() -> None:
    """What is defined there has its card, its program and its hardware, and is otherwise the source's."""
    own = (
        other_machine().replace("</devices>", "<hostdev mode='subsystem' type='usb'/></devices>").replace("32768", "1")
    )
    found = xml.portable("domain", DOMAIN, own)
    assert "qemu-kvm" in found
    assert "enp3s0" in found
    assert 'type="usb"' in found
    assert 'type="pci"' not in found
    assert "vcpupin" not in found
    assert "cpuset" not in found
    assert "geheim12" in found
    assert xml.common("domain", found) == xml.common("domain", DOMAIN)
    network = xml.portable("network", HERE, THERE)
    for kept in ("2" * 8, "wlan0", "virbr4", "52:54:00:00:00:04"):
        assert kept in network


def test_a_new_one_gets_nothing_of_the_sources_machine() -> None:
    """The program only if the PC has it; the card stays, since without one there is no interface."""
    assert "<emulator>" not in xml.portable("domain", DOMAIN)
    found = xml.portable("domain", DOMAIN, "", ["/usr/bin/qemu-system-x86_64"])
    assert "<emulator>/usr/bin/qemu-system-x86_64</emulator>" in found
    assert "eth0" in found
    assert "hostdev" not in found
    network = xml.portable("network", HERE)
    for gone in ("1" * 8, "eth0", "virbr0", "52:54:00:00:00:03"):
        assert gone not in network
    assert 'stp="on"' in network


def test_passwords_are_never_shown_nor_digested() -> None:
    """A digest must be no way to one."""
    assert "geheim12" not in xml.shown("domain", DOMAIN)
    assert xml.digest("domain", DOMAIN) == xml.digest("domain", DOMAIN.replace("geheim12", "another1"))
    assert xml.common("domain", DOMAIN) != xml.common("domain", DOMAIN.replace("geheim12", "another1"))


def test_what_a_domain_refers_to() -> None:
    """Its networks, pools, firmware and hardware."""
    assert xml.networks_of(DOMAIN) == {"lan"}
    assert xml.pools_of(DOMAIN) == {"imgs"}
    assert list(xml.needed(DOMAIN)) == ["/usr/share/OVMF/OVMF_CODE.fd"]
    assert xml.hardware_of(DOMAIN) == ["pci device", "pinned processors"]


@pytest.mark.parametrize("text", ["<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", "<domain>", ""])
def test_what_is_no_definition_is_refused(text: str) -> None:
    """A PC can answer anything."""
    with pytest.raises(TaskError, match="definition of libvirt's"):
        xml.common("domain", text)
