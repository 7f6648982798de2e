"""Facts about the system: distribution, kernel, user, time, Python, package and service managers and the like."""

from __future__ import annotations

import glob
import os
import platform
import pwd
import re
import socket
import subprocess
import sys
import time
from datetime import datetime, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

_NAMES = {
    "almalinux": "AlmaLinux",
    "alpine": "Alpine",
    "altlinux": "Altlinux",
    "amzn": "Amazon",
    "arch": "Archlinux",
    "centos": "CentOS",
    "debian": "Debian",
    "devuan": "Devuan",
    "fedora": "Fedora",
    "gentoo": "Gentoo",
    "kali": "Kali",
    "linuxmint": "Linux Mint",
    "manjaro": "Manjaro",
    "neon": "KDE neon",
    "nixos": "NixOS",
    "ol": "OracleLinux",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "pop": "Pop!_OS",
    "raspbian": "Debian",
    "rhel": "RedHat",
    "rocky": "Rocky",
    "sled": "SLED",
    "sles": "SLES",
    "ubuntu": "Ubuntu",
    "void": "Void",
}
_FAMILIES = {
    "RedHat": "RedHat Fedora CentOS Rocky AlmaLinux OracleLinux Amazon Scientific CloudLinux EuroLinux openEuler Virtuozzo",
    "Debian": "Debian Ubuntu Raspbian Kali Devuan Deepin Parrot elementary",
    "Suse": "SLES SLED SUSE",
    "Archlinux": "Archlinux Antergos Manjaro EndeavourOS",
    "Gentoo": "Gentoo Funtoo",
    "Alpine": "Alpine",
    "Altlinux": "Altlinux",
    "Void": "Void",
    "NixOS": "NixOS",
}
_LIKE = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "RedHat",
    "fedora": "RedHat",
    "suse": "Suse",
    "arch": "Archlinux",
}
_MANAGERS = (
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf", "dnf"),
    ("/usr/bin/microdnf", "dnf"),
    ("/usr/bin/yum", "yum"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/bin/pacman", "pacman"),
    ("/sbin/apk", "apk"),
    ("/usr/bin/apk", "apk"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/bin/nix-env", "nix"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/bin/opkg", "opkg"),
)


def text_of(path: str, default: str = "") -> str:
    """A small file's text without white space around it; ``default`` when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return default


def key_values(text: str) -> dict[str, str]:
    """``KEY="value"`` lines, as in os-release(5)."""
    found = re.findall(r"^\s*(\w+)=(.*)$", text, re.MULTILINE)
    return {key: value.strip().strip("\"'") for key, value in found}


def platform_facts() -> dict[str, Any]:
    """System, kernel, names and architecture."""
    node = platform.node()
    fqdn = socket.getfqdn()
    machine = platform.machine()
    bits = "64" if sys.maxsize > 2**32 else "32"
    intel = re.match(r"i[3456]86|i86pc", machine)
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "kernel_version": platform.version(),
        "machine": machine,
        "architecture": "i386" if intel else machine,
        "userspace_bits": bits,
        "userspace_architecture": "x86_64" if machine == "x86_64" and bits == "64" else "i386" if intel else machine,
        "nodename": node,
        "hostname": node.split(".")[0],
        "fqdn": fqdn,
        "domain": ".".join(fqdn.split(".")[1:]),
        "machine_id": text_of("/etc/machine-id") or text_of("/var/lib/dbus/machine-id"),
    }


def distribution_facts() -> dict[str, Any]:
    """Which distribution it is, by Ansible's names; after os-release(5)."""
    path = "/etc/os-release" if os.path.exists("/etc/os-release") else "/usr/lib/os-release"
    release = key_values(text_of(path))
    ident = release.get("ID", "").lower()
    name = _NAMES.get(ident, release.get("NAME", "").split()[0] if release.get("NAME") else platform.system())
    version = release.get("VERSION_ID", "") or ("rolling" if ident in ("arch", "void") else "NA")
    code = re.search(r"\(([^)]*)\)", release.get("VERSION", ""))
    codename = release.get("VERSION_CODENAME") or (code.group(1) if code else "NA")
    facts: dict[str, Any] = {
        "distribution": name,
        "distribution_file_parsed": bool(release),
        "distribution_file_path": path,
        "distribution_file_variety": {"Rocky": "RedHat", "AlmaLinux": "RedHat", "Ubuntu": "Debian"}.get(name, name),
    }
    if name == "Debian":
        point = text_of("/etc/debian_version")
        if re.match(r"\d+\.\d+", point):
            version = point
            facts["distribution_minor_version"] = point.split(".")[1]
        codename = codename if codename != "NA" else point.split("/")[0]
    facts.update(
        distribution_version=version,
        distribution_major_version=version.split(".")[0],
        distribution_release=codename,
        os_family=_family(name, release),
    )
    return facts


def _family(name: str, release: Mapping[str, str]) -> str:
    for family, members in _FAMILIES.items():
        if name in members.split():
            return family
    if name.startswith("openSUSE"):
        return "Suse"
    for like in [release.get("ID", "")] + release.get("ID_LIKE", "").split():
        if like in _LIKE:
            return _LIKE[like]
    return name


def user_facts() -> dict[str, Any]:
    """Who the agent runs as."""
    uid = os.getuid()
    try:
        known = pwd.getpwuid(uid)
        named = (known.pw_name, known.pw_gecos, known.pw_dir, known.pw_shell, known.pw_gid)
    except KeyError:
        named = (str(uid), "", os.path.expanduser("~"), "", os.getgid())
    return {
        "user_id": named[0],
        "user_uid": uid,
        "user_gid": named[4],
        "user_gecos": named[1],
        "user_dir": named[2],
        "user_shell": named[3],
        "real_user_id": uid,
        "effective_user_id": os.geteuid(),
        "real_group_id": os.getgid(),
        "effective_group_id": os.getegid(),
    }


def time_facts() -> dict[str, Any]:
    """``date_time``, each part as text."""
    now = datetime.now()
    utc = datetime.fromtimestamp(now.timestamp(), timezone.utc)
    return {
        "date_time": {
            "year": now.strftime("%Y"),
            "month": now.strftime("%m"),
            "weekday": now.strftime("%A"),
            "weekday_number": now.strftime("%w"),
            "weeknumber": now.strftime("%W"),
            "day": now.strftime("%d"),
            "hour": now.strftime("%H"),
            "minute": now.strftime("%M"),
            "second": now.strftime("%S"),
            "epoch": str(int(now.timestamp())),
            "epoch_int": str(int(now.timestamp())),
            "date": now.strftime("%Y-%m-%d"),
            "time": now.strftime("%H:%M:%S"),
            "iso8601_micro": utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "iso8601": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "iso8601_basic": now.strftime("%Y%m%dT%H%M%S%f"),
            "iso8601_basic_short": now.strftime("%Y%m%dT%H%M%S"),
            "tz": time.strftime("%Z"),
            "tz_dst": time.tzname[1],
            "tz_offset": time.strftime("%z"),
        }
    }


def python_facts() -> dict[str, Any]:
    """The Python that the agent runs on."""
    names = ("major", "minor", "micro", "releaselevel", "serial")
    return {
        "python": {
            "version": dict(zip(names, sys.version_info)),  # noqa: B905 - Python 3.8
            "version_info": list(sys.version_info),
            "executable": sys.executable,
            "has_sslcontext": True,
            "type": sys.implementation.name,
        },
        "python_version": platform.python_version(),
    }


def pkg_mgr_facts() -> dict[str, Any]:
    """The package manager: the first known program there is."""
    return {"pkg_mgr": next((name for path, name in _MANAGERS if os.path.exists(path)), "unknown")}


def service_mgr_facts() -> dict[str, Any]:
    """What starts services: process 1, or what its traces say when that is called init."""
    name = os.path.basename(text_of("/proc/1/comm"))
    name = {"procd": "openwrt_init", "runit-init": "runit", "svscan": "svc", "openrc-init": "openrc"}.get(name, name)
    if name and name != "init" and not name.endswith("sh"):
        return {"service_mgr": name}
    if os.path.isdir("/run/systemd/system") or os.path.basename(os.path.realpath("/sbin/init")) == "systemd":
        return {"service_mgr": "systemd"}
    if os.path.exists("/sbin/initctl") and os.path.exists("/etc/init"):
        return {"service_mgr": "upstart"}
    if os.path.exists("/sbin/openrc"):
        return {"service_mgr": "openrc"}
    return {"service_mgr": "sysvinit" if os.path.exists("/etc/init.d") else "service"}


def selinux_facts() -> dict[str, Any]:
    """Status, mode and policy of SELinux."""
    root = "/sys/fs/selinux"
    if not os.path.isdir(root + "/class"):
        return {"selinux": {"status": "disabled"}, "selinux_python_present": True}
    modes = {"1": "enforcing", "0": "permissive"}
    config = key_values(text_of("/etc/selinux/config"))
    return {
        "selinux": {
            "status": "enabled",
            "mode": modes.get(text_of(root + "/enforce"), "unknown"),
            "config_mode": config.get("SELINUX", "unknown"),
            "policyvers": int(text_of(root + "/policyvers", "0") or 0),
            "type": config.get("SELINUXTYPE", "unknown"),
        },
        "selinux_python_present": True,
    }


def security_facts() -> dict[str, Any]:
    """AppArmor, FIPS and the capabilities of the agent."""
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", text_of("/proc/self/status"), re.MULTILINE)
    every = (2 << int(text_of("/proc/sys/kernel/cap_last_cap", "0") or 0)) - 1
    return {
        "apparmor": {"status": "enabled" if os.path.exists("/sys/kernel/security/apparmor") else "disabled"},
        "fips": text_of("/proc/sys/crypto/fips_enabled") == "1",
        "system_capabilities_enforced": str(not effective or int(effective.group(1), 16) != every),
    }


def lsb_facts() -> dict[str, Any]:
    """What lsb_release(1) or /etc/lsb-release says; empty without either."""
    found: dict[str, str] = {}
    try:
        done = subprocess.run(
            ["lsb_release", "-a"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5, check=False
        )
        lines = dict(re.findall(r"^([^:]+):\s*(.*)$", done.stdout.decode("utf-8", "replace"), re.MULTILINE))
        names = {"id": "Distributor ID", "description": "Description", "release": "Release", "codename": "Codename"}
        found = {name: lines[label] for name, label in names.items() if label in lines}
    except (OSError, subprocess.SubprocessError):
        values = key_values(text_of("/etc/lsb-release"))
        found = {key: values["DISTRIB_" + key.upper()] for key in ("id", "description", "release", "codename")
                 if "DISTRIB_" + key.upper() in values}  # fmt: skip
    if "release" in found:
        found["major_release"] = found["release"].split(".")[0]
    return {"lsb": found}


def cmdline_facts() -> dict[str, Any]:
    """The kernel's command line: the last value of each word, and all of them."""
    last: dict[str, Any] = {}
    every: dict[str, Any] = {}
    for word in text_of("/proc/cmdline").split():
        key, equals, value = word.partition("=")
        new: Any = value if equals else True
        last[key] = new
        if key not in every:
            every[key] = new
        elif isinstance(every[key], list):
            every[key].append(new)
        else:
            every[key] = [every[key], new]
    return {"cmdline": last, "proc_cmdline": every}


def dns_facts() -> dict[str, Any]:
    """resolv.conf(5)."""
    dns: dict[str, Any] = {}
    for line in text_of("/etc/resolv.conf").splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            dns.setdefault("nameservers", []).extend(words[1:])
        elif words[0] == "domain":
            dns["domain"] = words[1]
        elif words[0] in ("search", "sortlist"):
            dns[words[0]] = words[1:]
        elif words[0] == "options":
            pairs = [word.partition(":") for word in words[1:]]
            dns["options"] = {key: value if colon else True for key, colon, value in pairs}
    return {"dns": dns}


def ssh_key_facts() -> dict[str, Any]:
    """The public host keys of sshd."""
    facts: dict[str, Any] = {}
    for directory in ("/etc/ssh", "/etc/openssh", "/etc"):
        for kind in ("dsa", "rsa", "ecdsa", "ed25519"):
            words = text_of("%s/ssh_host_%s_key.pub" % (directory, kind)).split()
            if len(words) >= 2:
                facts["ssh_host_key_%s_public" % kind] = words[1]
                facts["ssh_host_key_%s_public_keytype" % kind] = words[0]
        if facts:
            break
    return facts


def chroot_facts() -> dict[str, Any]:
    """Whether our root is another one than that of process 1."""
    try:
        ours, first = os.stat("/"), os.stat("/proc/1/root/.")
        return {"is_chroot": (ours.st_ino, ours.st_dev) != (first.st_ino, first.st_dev)}
    except OSError:
        return {"is_chroot": os.stat("/").st_ino not in (2, 128, 256)}


def local_facts(path: str) -> dict[str, Any]:
    """``ansible_local``: each NAME.fact of the directory, run if executable, read as JSON, else as INI."""
    found: dict[str, Any] = {}
    for name in sorted(glob.glob(os.path.join(os.path.expanduser(path), "*.fact"))):
        key = os.path.basename(name)[: -len(".fact")]
        if os.access(name, os.X_OK):
            try:
                done = subprocess.run(
                    [name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
                )
            except OSError as exc:
                found[key] = "Could not execute fact script (%s): %s" % (name, exc.strerror)
                continue
            if done.returncode:
                error = done.stderr.decode("utf-8", "replace").strip()
                found[key] = "Failure executing fact script (%s), rc: %s, err: %s" % (name, done.returncode, error)
                continue
            text = done.stdout.decode("utf-8", "replace")
        else:
            text = text_of(name)
        found[key] = _parsed(name, text)
    return {"local": found}


def _parsed(name: str, text: str) -> Any:
    import configparser  # the two of them take as long as all the facts, and few PCs have such files
    import json

    try:
        return json.loads(text)
    except ValueError:
        pass
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return "error loading facts as JSON or ini - please check content: %s" % name
    return {section: dict(parser.items(section)) for section in parser.sections()}
