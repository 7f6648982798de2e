"""Facts about the hardware: memory, processors, file systems, disks, firmware, and whether it is virtual."""

from __future__ import annotations

import os
import re
import threading
import time

from hotdesk.actions.on_target.facts_system import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DMI = {
    "bios_date": "bios_date",
    "bios_vendor": "bios_vendor",
    "bios_version": "bios_version",
    "board_asset_tag": "board_asset_tag",
    "board_name": "board_name",
    "board_serial": "board_serial",
    "board_vendor": "board_vendor",
    "board_version": "board_version",
    "chassis_asset_tag": "chassis_asset_tag",
    "chassis_serial": "chassis_serial",
    "chassis_vendor": "chassis_vendor",
    "chassis_version": "chassis_version",
    "product_name": "product_name",
    "product_serial": "product_serial",
    "product_uuid": "product_uuid",
    "product_version": "product_version",
    "system_vendor": "sys_vendor",
}
_FORMS = ("Unknown", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower", "Portable",
          "Laptop", "Notebook", "Hand Held", "Docking Station", "All In One", "Sub Notebook", "Space-saving", "Lunch Box",
          "Main Server Chassis", "Expansion Chassis", "Sub Chassis", "Bus Expansion Chassis", "Peripheral Chassis",
          "RAID Chassis", "Rack Mount Chassis", "Sealed-case PC", "Multi-system", "CompactPCI", "AdvancedTCA", "Blade",
          "Blade Enclosure", "Tablet", "Convertible", "Detachable")  # fmt: skip


def memory_facts() -> dict[str, Any]:
    """MiB, from /proc/meminfo."""
    known = {
        key: int(value) // 1024 for key, value in re.findall(r"^(\w+):\s+(\d+) kB", text_of("/proc/meminfo"), re.M)
    }
    total, free = known.get("MemTotal", 0), known.get("MemFree", 0)
    cached = known.get("Cached", 0) + known.get("Buffers", 0)
    swap, swap_free = known.get("SwapTotal", 0), known.get("SwapFree", 0)
    return {
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap,
        "swapfree_mb": swap_free,
        "memory_mb": {
            "real": {"total": total, "used": total - free, "free": free},
            "nocache": {"free": free + cached, "used": total - free - cached},
            "swap": {"total": swap, "free": swap_free, "used": swap - swap_free, "cached": known.get("SwapCached", 0)},
        },
    }


def processor_facts() -> dict[str, Any]:
    """Sockets, cores, threads and names, from /proc/cpuinfo."""
    listed: list[str] = []
    sockets: dict[str, int] = {}
    siblings = 0
    count = 0
    facts: dict[str, Any] = {}
    for block in text_of("/proc/cpuinfo").split("\n\n"):
        values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        if "processor" not in values:
            continue
        count += 1
        listed += [values[key] for key in ("processor", "vendor_id", "model name", "Processor", "cpu") if key in values]
        if "flags" in values:
            facts["flags"] = values["flags"].split()
        sockets[values.get("physical id", "0")] = int(values.get("cpu cores", "0") or 0)
        siblings = int(values.get("siblings", "0") or 0)
    number = len(sockets) or 1
    cores = next(iter(sockets.values()), 0) or max(1, count // number)
    threads = max(1, siblings // cores) if siblings else 1
    facts.update(
        processor=listed,
        processor_count=number,
        processor_cores=cores,
        processor_threads_per_core=threads,
        processor_vcpus=threads * number * cores,
        processor_nproc=len(os.sched_getaffinity(0)),
    )
    return facts


def mount_facts(timeout: float) -> dict[str, Any]:
    """Mounted file systems with a device. One that does not answer within the time (a dead NFS server) lacks its sizes."""
    found = []
    uuids = _links("/dev/disk/by-uuid")
    deadline = time.monotonic() + timeout
    for line in text_of("/proc/mounts").splitlines():
        words = [re.sub(r"\\(\d{3})", lambda code: chr(int(code.group(1), 8)), word) for word in line.split()]
        if len(words) < 6 or (not words[0].startswith("/") and ":/" not in words[0]) or words[2] == "none":
            continue
        entry: dict[str, Any] = {
            "device": words[0],
            "mount": words[1],
            "fstype": words[2],
            "options": words[3],
            "dump": int(words[4]),
            "passno": int(words[5]),
            "uuid": (uuids.get(os.path.basename(os.path.realpath(words[0]))) or ["N/A"])[0],
        }
        size = _sizes(words[1], deadline)
        if size is None:
            entry["note"] = "Timed out while attempting to get extra information."
        else:
            entry.update(size)
        found.append(entry)
    return {"mounts": found}


def _sizes(path: str, deadline: float) -> dict[str, int] | None:
    answer: list[dict[str, int]] = []

    def ask() -> None:
        try:
            state = os.statvfs(path)
        except OSError:
            answer.append({})
            return
        answer.append({
            "size_total": state.f_frsize * state.f_blocks,
            "size_available": state.f_frsize * state.f_bavail,
            "block_size": state.f_bsize,
            "block_total": state.f_blocks,
            "block_available": state.f_bavail,
            "block_used": state.f_blocks - state.f_bavail,
            "inode_total": state.f_files,
            "inode_available": state.f_favail,
            "inode_used": state.f_files - state.f_favail,
        })  # fmt: skip

    asker = threading.Thread(target=ask, daemon=True)  # a hung file system must not hold the facts
    asker.start()
    asker.join(max(0.05, deadline - time.monotonic()))
    return answer[0] if answer else None


def _links(directory: str) -> dict[str, list[str]]:
    """Device name -> names that udev gave it in a directory of /dev/disk."""
    found: dict[str, list[str]] = {}
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return found
    for name in names:
        device = os.path.basename(os.path.realpath(os.path.join(directory, name)))
        found.setdefault(device, []).append(name)
    return found


def human(size: float) -> str:
    """1073741824 -> "1.00 GB"."""
    for unit in ("Bytes", "KB", "MB", "GB", "TB", "PB"):
        if size < 1024 or unit == "PB":
            break
        size /= 1024.0
    return "%.2f %s" % (size, unit)


def device_facts() -> dict[str, Any]:
    """Block devices and their partitions, from /sys/block."""
    kinds = {
        kind: _links("/dev/disk/by-" + name) for kind, name in (("ids", "id"), ("labels", "label"), ("uuids", "uuid"))
    }
    masters: dict[str, list[str]] = {}
    devices: dict[str, Any] = {}
    try:
        names = sorted(os.listdir("/sys/block"))
    except OSError:
        names = []
    for name in names:
        root = "/sys/block/" + name
        for slave in os.listdir(root + "/slaves") if os.path.isdir(root + "/slaves") else ():
            masters.setdefault(slave, []).append(name)
    for name in names:
        root = "/sys/block/" + name
        sectors = int(text_of(root + "/size", "0") or 0)
        entry: dict[str, Any] = {
            "virtual": 1 if "/devices/virtual/" in os.path.realpath(root) else 0,
            "vendor": text_of(root + "/device/vendor") or None,
            "model": text_of(root + "/device/model") or None,
            "removable": text_of(root + "/removable"),
            "rotational": text_of(root + "/queue/rotational"),
            "support_discard": text_of(root + "/queue/discard_granularity"),
            "scheduler_mode": _scheduler(text_of(root + "/queue/scheduler")),
            "sectors": sectors,
            "sectorsize": text_of(root + "/queue/logical_block_size", "512"),
            "size": human(sectors * 512.0),
            "host": "",
            "sas_address": None,
            "sas_device_handle": None,
            "holders": _holders(root),
            "links": _names(kinds, masters, name),
            "partitions": {},
        }
        if text_of(root + "/device/serial"):
            entry["serial"] = text_of(root + "/device/serial")
        for part in sorted(os.listdir(root)):
            if not os.path.exists("%s/%s/partition" % (root, part)):
                continue
            size = int(text_of("%s/%s/size" % (root, part), "0") or 0)
            entry["partitions"][part] = {
                "start": text_of("%s/%s/start" % (root, part)),
                "sectors": size,
                "sectorsize": entry["sectorsize"],
                "size": human(size * 512.0),
                "uuid": next(iter(kinds["uuids"].get(part, [])), None),
                "holders": _holders("%s/%s" % (root, part)),
                "links": _names(kinds, masters, part),
            }
        devices[name] = entry
    return {"devices": devices, "device_links": dict(kinds, masters=masters)}


def _scheduler(text: str) -> str:
    chosen = re.search(r"\[(.+)\]", text)
    return chosen.group(1) if chosen else ""


def _holders(root: str) -> list[str]:
    return sorted(os.listdir(root + "/holders")) if os.path.isdir(root + "/holders") else []


def _names(kinds: dict[str, dict[str, list[str]]], masters: dict[str, list[str]], device: str) -> dict[str, list[str]]:
    return dict({kind: links.get(device, []) for kind, links in kinds.items()}, masters=masters.get(device, []))


def firmware_facts() -> dict[str, Any]:
    """What the firmware says of the machine; "NA" where it says nothing or we may not read it."""
    facts: dict[str, Any] = {fact: text_of("/sys/class/dmi/id/" + name) or "NA" for fact, name in _DMI.items()}
    kind = text_of("/sys/class/dmi/id/chassis_type")
    facts["form_factor"] = _FORMS[int(kind)] if kind.isdigit() and int(kind) < len(_FORMS) else kind or "NA"
    return facts


def load_facts() -> dict[str, Any]:
    """Load averages and uptime."""
    one, five, fifteen = os.getloadavg()
    facts: dict[str, Any] = {"loadavg": {"1m": one, "5m": five, "15m": fifteen}}
    uptime = text_of("/proc/uptime").split()
    if uptime:
        facts["uptime_seconds"] = int(float(uptime[0]))
    return facts


def virtual_facts() -> dict[str, Any]:
    """Whether this is a guest or a container, and of what; whether it can be a host."""
    guest: list[str] = []
    environ = text_of("/proc/1/environ").replace("\0", "\n")
    groups = text_of("/proc/1/cgroup")
    if (
        os.path.exists("/.dockerenv")
        or os.path.exists("/.dockerinit")
        or re.search(r"/docker(/|-[0-9a-f]+\.scope)", groups)
    ):
        guest += ["docker", "container"]
    if os.path.exists("/run/.containerenv") or "container=podman" in environ:
        guest += ["podman", "container"]
    for name in ("lxc", "systemd-nspawn"):
        if re.search("^container=%s" % name, environ, re.MULTILINE) or (name == "lxc" and "/lxc/" in groups):
            guest += [name, "container"]
    product, vendor = text_of("/sys/class/dmi/id/product_name"), text_of("/sys/class/dmi/id/sys_vendor")
    for name, pattern in (
        ("kvm", r"^(KVM|KVM Server|Bochs|AHV|Standard PC|OpenStack|RHEV|oVirt)"),
        ("VirtualBox", "VirtualBox"),
        ("VMware", "VMware"),
        ("VirtualPC", "^Virtual Machine$"),
        ("parallels", "Parallels"),
        ("bhyve", "BHYVE"),
    ):
        if re.search(pattern, product):
            guest.append(name)
    if not guest and re.search("QEMU|Amazon EC2|Google|DigitalOcean|Hetzner|KubeVirt|Scaleway|Nutanix", vendor):
        guest.append("kvm")
    cpu = text_of("/proc/cpuinfo")
    if os.path.isdir("/proc/xen"):
        guest.append("xen")
    if not guest and re.search(r"^flags\s*:.*\bhypervisor\b", cpu, re.MULTILINE):
        guest.append(
            "kvm" if "QEMU Virtual CPU" in cpu or os.path.isdir("/sys/devices/virtual/misc/kvm") is False else "NA"
        )
    host = []
    if os.path.exists("/dev/kvm") or os.path.isdir("/sys/module/kvm"):
        host.append("kvm")
    if os.path.exists("/dev/vboxdrv"):
        host.append("virtualbox")
    names = sorted(set(guest) - {"NA"}, key=guest.index)
    if names:
        kind, role = names[0], "guest"
    elif host:
        kind, role = host[0], "host"
    else:
        kind, role = "NA", "NA"
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": names,
        "virtualization_tech_host": host,
    }
