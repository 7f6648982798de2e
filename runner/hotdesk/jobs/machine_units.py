"""Units that belong to one PC and not to how it is set up: its hardware, disks, network and way in. A sync never touches them.

Nor those that snapd writes: they name the revisions that it has given the snaps on this PC.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OWNED: Mapping[str, str] = {
    "disks": "*.mount *.automount *.swap *.device cryptdisks* dm-* lvm2* mdadm* mdmonitor* multipath* open-iscsi* iscsi* zfs* dmraid* smartd* "
    "smartmontools* hdparm* fstrim* e2scrub*",
    "systemd itself and its consoles": "systemd-* *.slice *.scope getty@* serial-getty@* console-getty.service container-getty@* autovt@*",
    "processors, power and sensors": "thermald* tlp* power-profiles-daemon* auto-cpufreq* cpufreq* ondemand* laptop-mode* fancontrol* lm-sensors* "
    "iio-sensor-proxy* upower* apcupsd* nut-* acpid* rasdaemon* mcelog* microcode* irqbalance* numad*",
    "graphics": "nvidia* amdgpu* optimus* switcheroo-control* prime-* gpu-manager*",
    "firmware, boot and clock": "fwupd* grub* kexec* kdump* secureboot* mokutil* hwclock*",
    "peripherals": "bolt* fprintd* bluetooth* pcscd* ratbagd* rfkill*",
    "the hypervisor it is a guest of": "qemu-guest-agent* open-vm-tools* vgauth* vboxadd* virtualbox-guest* spice-vdagent* hv-* hyperv* xe-* cloud-*",
    "the network": "NetworkManager* ModemManager* wpa_supplicant* iwd* networking.service ifup@* ifupdown* netplan* connman* dhcpcd* dhclient* "
    "wg-quick@* openvpn* strongswan* ipsec* tailscaled* zerotier* hostapd*",
    "snapd": "snap.*",
}
"""What owns them -> shell patterns of units, apart by blanks."""
PATTERNS = tuple(pattern for patterns in OWNED.values() for pattern in patterns.split())
WAYS_IN = ("ssh.service", "ssh.socket", "ssh@*", "sshd.service", "sshd.socket", "sshd@*", "dropbear*")
"""What usually lets people in, by name."""


def matches(unit: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell patterns names ``unit``."""
    return any(fnmatchcase(unit, pattern) for pattern in patterns)
