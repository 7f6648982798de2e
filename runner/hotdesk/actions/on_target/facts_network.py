"""Facts about the network: interfaces and addresses asked of the kernel by rtnetlink(7), so that no program is needed."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

from hotdesk.actions.on_target.facts_system import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_RTM_GETADDR, _DUMP, _DONE, _ERROR = 22, 0x301, 3, 2
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST = 1, 2, 3, 4
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
_TYPES = {
    "1": "ether",
    "512": "ppp",
    "772": "loopback",
    "32": "infiniband",
    "65534": "tunnel",
    "776": "sit",
    "768": "tunnel",
}


def addresses() -> list[dict[str, Any]]:
    """Every address: index, family (4 or 6), address, prefix, scope, label, broadcast. Empty where netlink is not to be had."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
            link.settimeout(5)
            link.bind((0, 0))
            link.send(struct.pack("=IHHIIBxxxI", 24, _RTM_GETADDR, _DUMP, 1, 0, 0, 0))
            return list(_messages(link))
    except OSError:
        return []


def _messages(link: socket.socket) -> Iterator[dict[str, Any]]:
    while True:
        data = link.recv(1 << 16)
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if kind in (_DONE, _ERROR):
                return
            yield _address(data[16:length])
            data = data[(length + 3) & ~3 :]


def _address(body: bytes) -> dict[str, Any]:
    family, prefix, _, scope, index = struct.unpack_from("=BBBBI", body)
    attributes = {}
    at = 8
    while at + 4 <= len(body):
        size, kind = struct.unpack_from("=HH", body, at)
        if size < 4:
            break
        attributes[kind] = body[at + 4 : at + size]
        at += (size + 3) & ~3
    raw = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS) or b""
    broadcast = attributes.get(_IFA_BROADCAST)
    return {
        "index": index,
        "family": 4 if family == socket.AF_INET else 6,
        "address": str(ipaddress.ip_address(raw)) if raw else "",
        "prefix": prefix,
        "scope": _SCOPES.get(scope, str(scope)),
        "label": attributes.get(_IFA_LABEL, b"").rstrip(b"\0").decode("utf-8", "replace"),
        "broadcast": str(ipaddress.ip_address(broadcast)) if broadcast else "",
    }


def network_facts() -> dict[str, Any]:
    """Interfaces, their addresses and the default routes."""
    found = addresses()
    facts: dict[str, Any] = {}
    try:
        names = sorted(
            os.listdir("/sys/class/net"), key=lambda name: int(text_of("/sys/class/net/%s/ifindex" % name, "0"))
        )
    except OSError:
        names = []
    names = [name for name in names if os.path.isdir("/sys/class/net/" + name)]
    for name in names:
        facts[_fact_name(name)] = _interface(name, found)
    shown = [one for one in found if one["address"]]
    v4 = [one["address"] for one in shown if one["family"] == 4]
    v6 = [one["address"] for one in shown if one["family"] == 6]
    facts.update(
        interfaces=names,
        all_ipv4_addresses=[one for one in v4 if not one.startswith("127.")],
        all_ipv6_addresses=[one for one in v6 if one != "::1"],
        default_ipv4=_default(facts, 4, *_route4()),
        default_ipv6=_default(facts, 6, *_route6()),
        locally_reachable_ips={"ipv4": (["127.0.0.0/8"] if "127.0.0.1" in v4 else []) + v4, "ipv6": v6},
    )
    return facts


def _fact_name(name: str) -> str:
    return name.replace("-", "_").replace(".", "_").replace(":", "_")


def _interface(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    root = "/sys/class/net/" + name
    flags = int(text_of(root + "/flags", "0") or "0", 16)
    entry: dict[str, Any] = {
        "device": name,
        "active": text_of(root + "/operstate") == "up"
        or (bool(flags & 1) and text_of(root + "/operstate") == "unknown"),
        "mtu": int(text_of(root + "/mtu", "0") or 0),
        "promisc": bool(flags & 0x100),
        "type": _kind(root),
    }
    mac = text_of(root + "/address")
    if mac and mac != "00:00:00:00:00:00":
        entry["macaddress"] = mac
    speed = text_of(root + "/speed")
    if speed.lstrip("-").isdigit():
        entry["speed"] = int(speed)
    if os.path.exists(root + "/device/driver/module"):
        entry["module"] = os.path.basename(os.path.realpath(root + "/device/driver/module"))
    if os.path.exists(root + "/device"):
        entry["pciid"] = os.path.basename(os.path.realpath(root + "/device"))
    if entry["type"] == "bridge":
        entry["interfaces"] = sorted(os.listdir(root + "/brif"))
        entry["stp"] = text_of(root + "/bridge/stp_state") == "1"
        entry["id"] = text_of(root + "/bridge/bridge_id")
    if entry["type"] == "bonding":
        entry["slaves"] = text_of(root + "/bonding/slaves").split()
        entry["mode"] = text_of(root + "/bonding/mode").split(" ")[0]
    index = int(text_of(root + "/ifindex", "0") or 0)
    for one in found:
        if one["index"] != index or not one["address"]:
            continue
        if one["family"] == 6:
            part = {"address": one["address"], "prefix": str(one["prefix"]), "scope": one["scope"]}
            entry.setdefault("ipv6", []).append(part)
        elif "ipv4" not in entry:
            entry["ipv4"] = _ipv4(one)
        else:
            entry.setdefault("ipv4_secondaries", []).append(_ipv4(one))
    return entry


def _kind(root: str) -> str:
    if os.path.isdir(root + "/bridge"):
        return "bridge"
    if os.path.isdir(root + "/bonding"):
        return "bonding"
    return _TYPES.get(text_of(root + "/type"), "unknown")


def _ipv4(one: dict[str, Any]) -> dict[str, str]:
    net = ipaddress.ip_network("%s/%d" % (one["address"], one["prefix"]), strict=False)
    return {
        "address": one["address"],
        "broadcast": one["broadcast"],
        "netmask": str(net.netmask),
        "network": str(net.network_address),
        "prefix": str(one["prefix"]),
    }


def _route4() -> tuple[str, str]:
    """(interface, gateway) of the default route with the lowest metric, from /proc/net/route."""
    best: tuple[int, str, str] | None = None
    for line in text_of("/proc/net/route").splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or words[1] != "00000000" or words[7] != "00000000" or not int(words[3], 16) & 1:
            continue
        gateway = socket.inet_ntoa(struct.pack("=I", int(words[2], 16)))
        if best is None or int(words[6]) < best[0]:
            best = (int(words[6]), words[0], gateway)
    return (best[1], best[2]) if best else ("", "")


def _route6() -> tuple[str, str]:
    best: tuple[int, str, str] | None = None
    for line in text_of("/proc/net/ipv6_route").splitlines():
        words = line.split()
        if len(words) < 10 or words[0] != "0" * 32 or words[1] != "00" or words[9] == "lo" or words[4] == "0" * 32:
            continue
        gateway = str(ipaddress.IPv6Address(bytes.fromhex(words[4])))
        if best is None or int(words[5], 16) < best[0]:
            best = (int(words[5], 16), words[9], gateway)
    return (best[1], best[2]) if best else ("", "")


def _default(facts: dict[str, Any], family: int, name: str, gateway: str) -> dict[str, Any]:
    """The interface that a packet to the world leaves by, with its first address."""
    entry = facts.get(_fact_name(name)) if name else None
    if not entry:
        return {}
    shared = {
        "interface": name,
        "gateway": gateway,
        "macaddress": entry.get("macaddress", ""),
        "mtu": entry["mtu"],
        "type": entry["type"],
    }
    if family == 4:
        return dict(entry["ipv4"], alias=name, **shared) if "ipv4" in entry else {}
    wide = [one for one in entry.get("ipv6", ()) if one["scope"] == "global"]
    return dict(wide[0], **shared) if wide else {}
