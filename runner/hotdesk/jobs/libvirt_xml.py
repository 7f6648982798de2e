"""libvirt's definitions (libvirt.org/format.html) without what belongs to a machine: to be compared, and to be given to another PC."""

from __future__ import annotations

import copy
import hashlib
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hotdesk.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from xml.etree.ElementTree import Element

BOUND: dict[str, tuple[str, ...]] = {
    "domain": (
        "devices/emulator", "devices/hostdev", "seclabel", "numatune",
        "cputune/vcpupin", "cputune/emulatorpin", "cputune/iothreadpin", "cputune/cachetune", "cputune/memorytune",
    ),
    "network": ("uuid", "mac", "forward/interface", "forward/pf", "forward/address"),
    "pool": ("uuid", "capacity", "allocation", "available", "target/permissions"),
}  # fmt: skip
"""Elements that belong to the machine: hardware that is handed to a guest, processors it is tied to, programs, addresses that libvirt made up."""
BOUND_ATTRIBUTES: dict[str, tuple[tuple[str, str], ...]] = {
    "domain": ((".", "id"), ("vcpu", "cpuset"), ("devices/interface[@type='direct']/source", "dev")),
    "network": ((".", "connections"), ("forward", "dev")),
    "pool": (),
}
OWN_BRIDGE = re.compile(r"virbr\d+")
"""What libvirt calls the bridge of a network when nobody else does."""
SECRET = "(hidden)"
_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
ElementTree.register_namespace("qemu", _QEMU.strip("{}"))


def parse(text: str) -> Element:
    """Raises TaskError for what is no definition; entities of its own it must not have."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise TaskError("a definition of libvirt's has a document type of its own, and is not read")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise TaskError(f"a definition of libvirt's cannot be read: {exc}") from None


def common(kind: str, text: str) -> str:
    """What must be the same on two PCs, in one way of writing."""
    return _canonical(_stripped(kind, parse(text)))


def digest(kind: str, text: str) -> str:
    """Of that, without what is secret: it must be no way to a password."""
    return hashlib.sha256(_canonical(_public(_stripped(kind, parse(text)))).encode()).hexdigest()[:16]


def shown(kind: str, text: str) -> str:
    """For people: a line an element, without what is secret or the machine's."""
    tree = _public(_stripped(kind, parse(text)))
    _trim(tree)
    ElementTree.indent(tree)
    return ElementTree.tostring(tree, encoding="unicode") + "\n"


def differing(kind: str, here: str, there: str) -> list[str]:
    """The names of the elements that are not the same, those of devices one by one."""
    one, other = (_grouped(_stripped(kind, parse(text))) for text in (here, there))
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def portable(kind: str, text: str, own: str = "", present: Collection[str] = ()) -> str:
    """``text`` as another PC is to have it: what is a machine's is kept as that PC has it (``own``), or left to its libvirt.

    ``present``: paths that the PC has. A program that it has not (``emulator``) is left to its libvirt.
    """
    given = parse(text)
    tree = _stripped(kind, copy.deepcopy(given))
    mine = parse(own) if own else None
    for path in BOUND[kind]:
        kept = (mine.findall(path) if mine is not None else []) or (
            [each for each in given.findall(path) if (each.text or "") in present] if path.endswith("/emulator") else []
        )
        for each in kept:
            _parent(tree, path).append(each)
    for path, name in BOUND_ATTRIBUTES[kind]:
        _same_attribute(tree, given, mine, path, name)
    bridge, my_bridge = tree.find("bridge"), mine.find("bridge") if mine is not None else None
    if bridge is not None and my_bridge is not None and "name" not in bridge.attrib and my_bridge.get("name"):
        bridge.set("name", my_bridge.get("name", ""))
    return ElementTree.tostring(tree, encoding="unicode")


def needed(text: str) -> Iterator[str]:
    """Paths of programs and firmware that a domain cannot be without on any PC."""
    loader = parse(text).find("os/loader")
    if loader is not None and (loader.text or "").startswith("/"):
        yield str(loader.text)


def networks_of(text: str) -> set[str]:
    """Names of the networks in which a domain is."""
    sources = parse(text).findall("devices/interface[@type='network']/source")
    return {source.get("network", "") for source in sources} - {""}


def pools_of(text: str) -> set[str]:
    """Names of the pools that a domain names."""
    return {source.get("pool", "") for source in parse(text).findall("devices/disk[@type='volume']/source")} - {""}


def hardware_of(text: str) -> list[str]:
    """What of the machine's a domain has, in words."""
    tree = parse(text)
    out = [f"{each.get('type', 'host')} device" for each in tree.findall("devices/hostdev")]
    out += ["pinned processors"] if any(tree.find(path) is not None for path in ("cputune/vcpupin", "numatune")) else []
    return out + [f"secret {each.get('uuid') or each.get('usage')}" for each in tree.iter("secret")]


def pool_type(text: str) -> str:
    return parse(text).get("type", "")


def parent_of(snapshot: str) -> str:
    """The name of a snapshot's parent; empty when it has none."""
    return parse(snapshot).findtext("parent/name", "")


def _same_attribute(tree: Element, given: Element, mine: Element | None, path: str, name: str) -> None:
    """Those of the PC's own element in the same place; a guest's card that must be on one of the PC's has the source's word until then."""
    found = mine.findall(path) if mine is not None else []
    for number, (new, old) in enumerate(zip(tree.findall(path), given.findall(path), strict=True)):
        value = (
            found[number].get(name)
            if number < len(found)
            else old.get(name)
            if name == "dev" and path != "forward"
            else None
        )
        if value is not None:
            new.set(name, value)


def _parent(tree: Element, path: str) -> Element:
    """Where an element of this path goes; made if need be."""
    at = tree
    for name in path.split("/")[:-1]:
        found = at.find(name)
        at = found if found is not None else ElementTree.SubElement(at, name)
    return at


def _stripped(kind: str, tree: Element) -> Element:
    for path in BOUND[kind]:
        for parent in tree.findall(path.rpartition("/")[0] or "."):
            for each in parent.findall(path.rpartition("/")[2]):
                parent.remove(each)
            if parent is not tree and parent.tag == "cputune" and not len(parent):
                tree.remove(parent)
    for path, name in BOUND_ATTRIBUTES[kind]:
        for each in tree.findall(path):
            each.attrib.pop(name, None)
    bridge = tree.find("bridge") if kind == "network" else None
    if bridge is not None and OWN_BRIDGE.fullmatch(bridge.get("name", "")):
        del bridge.attrib["name"]
    return tree


def _public(tree: Element) -> Element:
    for each in tree.iter():
        if "passwd" in each.attrib:
            each.set("passwd", SECRET)
        if each.tag == f"{_QEMU}env" or each.tag == f"{_QEMU}arg":
            each.set("value", SECRET)
        if each.tag == "entry" and each.text:
            each.text = SECRET
    return tree


def _grouped(tree: Element) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {tree.tag: [str(sorted(tree.attrib.items()))]}
    for child in tree:
        for each in child if child.tag == "devices" else [child]:
            out.setdefault(each.tag.rpartition("}")[2], []).append(_canonical(each))
    return {name: sorted(texts) for name, texts in out.items()}


def _canonical(tree: Element) -> str:
    tail, tree.tail = tree.tail, None
    text = ElementTree.tostring(tree, encoding="unicode")
    tree.tail = tail
    return ElementTree.canonicalize(text, strip_text=True, rewrite_prefixes=True)


def _trim(tree: Element) -> None:
    for each in tree.iter():
        each.text = (each.text or "").strip() or None
        each.tail = None


def snapshot(text: str) -> str:
    """A snapshot as it is the same on two PCs: its domains without what belongs to a machine."""
    tree = parse(text)
    for name in ("domain", "inactiveDomain"):
        for each in tree.findall(name):
            _stripped("domain", each)
    return _canonical(tree)
