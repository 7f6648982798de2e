"""What of /etc is no business of the etc job, and how a file is looked at before it is put in place. Literal tables, read from the top."""

from __future__ import annotations

import fnmatch
import posixpath

from hotdesk.frozen import frozen

MACHINE = "belongs to the machine"
GENERATED = "is generated on each machine"
ACCOUNTS = "is what the accounts job moves"
LEFT: tuple[tuple[str, str], ...] = (
    *((f"/etc/{name}", MACHINE) for name in (
        "hostname", "hosts", "hostid", "machine-id", "machine-info", "mailname", "adjtime",
        "fstab", "fstab.*", "crypttab", "mtab", "resolv.conf", "popularity-contest.conf", "brlapi.key",
        "ssh/ssh_host_*", "network/", "netplan/", "systemd/network/", "NetworkManager/system-connections/", "wpa_supplicant/", "ppp/",
        "wireguard/", "ssl/private/", "letsencrypt/", "cups/", "iscsi/", "nvme/", "docker/key.json", "cloud/",
        "default/grub", "default/grub.d/", "grub.d/", "kernel/", "initramfs-tools/", "mdadm/", "mdadm.conf", "lvm/", "multipath/", "multipath.conf",
        "zfs/", "modules", "modules-load.d/", "modprobe.d/", "X11/xorg.conf", "X11/xorg.conf.d/", "udev/hwdb.bin", "udev/rules.d/70-persistent-*",
        "hotdesk/",
    )),
    *((f"/etc/{name}", GENERATED) for name in (
        "ld.so.cache", "ssl/certs/", "alternatives/", "rc?.d/", "rcS.d/", "mailcap", "xml/", "sgml/", ".java/", "aliases.db", "*.db",
        "init.d/.depend.*", "pam.d/common-*", "nsswitch.conf", "fonts/conf.d/", "python3/debian_config", "postgresql/",
    )),
    *((f"/etc/{name}", ACCOUNTS) for name in (
        "passwd", "passwd-", "shadow", "shadow-", "group", "group-", "gshadow", "gshadow-", "subuid", "subuid-", "subgid", "subgid-",
        "shells", "security/opasswd", ".pwd.lock",
    )),
    ("/etc/apt/", "is what the apt job moves"),
    ("/etc/systemd/system/", "is what the systemd job moves"),
    ("/etc/systemd/user/", "is what the systemd job moves"),
    ("/etc/dconf/", "is what the dconf job moves"),
    ("/etc/libvirt/qemu/", "is what the libvirt job moves"),
    ("/etc/libvirt/storage/", "is what the libvirt job moves"),
    ("/etc/rancher/", "is what the k3s job moves"),
    *((f"/etc/{name}", "is a leftover of an editor or a package") for name in (
        "*.dpkg-*", "*.ucf-*", "*~", "*.swp", "*.bak", "*.old", ".git/", ".etckeeper", ".*.hotdesk", "*.lock",
    )),
)  # fmt: skip
"""(pattern, why): a trailing slash means all below; ``*`` also matches slashes."""

SUDOERS = ("/etc/sudoers", "/etc/sudoers.d/*")
SSHD_WORDS = (
    "port ", "listenaddress ", "addressfamily ", "allowusers ", "denyusers ", "allowgroups ", "denygroups ", "pubkeyauthentication ",
    "authorizedkeysfile ", "authorizedkeyscommand ", "authorizedprincipalsfile ", "trustedusercakeys ", "authenticationmethods ",
    "pubkeyacceptedalgorithms ", "permitrootlogin ", "passwordauthentication ", "forcecommand ", "chrootdirectory ", "usepam ", "strictmodes ",
)  # fmt: skip
"""What of ``sshd -T`` (sshd_config(5)) decides who gets in and how."""


@frozen
class Rule:
    """``each`` looks at one new file (``%s``) before anything is replaced, ``whole`` at the unit with everything in place."""

    patterns: tuple[str, ...]
    each: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


RULES: tuple[Rule, ...] = (
    Rule(SUDOERS, each=("visudo", "-cqf", "%s"), whole=("visudo", "-cq")),
    Rule(("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*"), whole=("sshd", "-t")),
    Rule(("/etc/nginx/*",), whole=("nginx", "-t", "-q")),
    Rule(("/etc/apache2/*",), whole=("apache2ctl", "configtest")),
    Rule(("/etc/nftables.conf",), each=("nft", "-c", "-f", "%s")),
    Rule(("/etc/samba/smb.conf",), each=("testparm", "-s", "%s")),
    Rule(("/etc/haproxy/haproxy.cfg",), each=("haproxy", "-c", "-f", "%s")),
    Rule(("/etc/bind/*",), whole=("named-checkconf",)),
    Rule(("/etc/dnsmasq.conf", "/etc/dnsmasq.d/*"), whole=("dnsmasq", "--test")),
    Rule(("/etc/chrony/*",), whole=("chronyd", "-p")),
    Rule(("/etc/rsyslog.conf", "/etc/rsyslog.d/*"), whole=("rsyslogd", "-N1")),
)


def rule(path: str) -> Rule | None:
    """The first that names this path."""
    return next((one for one in RULES if any(fnmatch.fnmatchcase(path, p) for p in one.patterns)), None)


def tools() -> list[str]:
    """Every program that a rule runs."""
    return sorted({argv[0] for one in RULES for argv in (one.each, one.whole) if argv})


def unit(path: str) -> str:
    """What stands or falls together: /etc/sudoers and /etc/sudoers.d/ are one, so is a folder of /etc with all below."""
    name = posixpath.relpath(path, "/etc").split("/")[0]
    return f"/etc/{name.removesuffix('.d')}"
