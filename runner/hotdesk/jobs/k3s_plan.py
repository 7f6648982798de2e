"""What differs between two PCs' k3s, and what of its configuration is a PC's own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.errors import TaskError
from hotdesk.frozen import frozen
from hotdesk.jobs.transaction import STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SURVEYED = {
    "version": str, "sqlite": str, "unit": str, "known": bool, "command": str, "host": str, "kind": str, "files": {str: STATE},
    "signed": [str], "config": {str: STATE}, "nodes": [str], "pods": bool, "served": bool,
    "half": bool,
}  # fmt: skip
CONFIG = "/etc/rancher/k3s"
OWN_KEYS = (
    "advertise-address", "advertise-port", "bind-address", "data-dir", "debug", "flannel-external-ip", "flannel-iface",
    "https-listen-port", "kubelet-arg", "lb-server-port", "log", "log-file", "node-external-dns", "node-external-ip",
    "node-internal-dns", "node-ip", "node-label", "node-name", "node-taint", "pause-image", "resolv-conf", "rootless", "selinux",
    "snapshotter", "tls-san", "tls-san-security", "v", "vpn-auth", "vpn-auth-file", "with-node-id",
)  # fmt: skip
"""Of config.yaml, what is one node's (https://docs.k3s.io/cli/server)."""
NAMED = 5
"""Things that a detail names."""


@frozen
class Seen:
    """The k3s of one PC. ``config``: what its config.yaml says, and ``text`` its words; ``objects`` and ``volumes``: name -> digest."""

    state: Mapping[str, Any]
    config: Mapping[str, Any]
    text: bytes = b""
    objects: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)

    @property
    def node(self) -> str:
        """The name of its node."""
        said = re.search(r"--node-name[= ](\S+)", self.state["command"])
        return str(self.config.get("node-name") or (said[1] if said else self.state["host"])).lower()

    @property
    def elsewhere(self) -> bool:
        """Its objects are in a database of somebody else's."""
        return "datastore-endpoint" in self.config or "--datastore-endpoint" in self.state["command"]

    def digest(self, secret: bytes) -> str:
        """Of all that a sync brings; keyed, since it knows secrets."""
        told = repr([sorted(one.items()) for one in (self.objects, self.volumes, self.state["files"])])
        return hashlib.blake2b(told.encode(), key=secret, digest_size=8).hexdigest()


@frozen
class Differences:
    """name -> ``+`` (only the source has it), ``-`` (only the target), ``~``."""

    objects: Mapping[str, str]
    volumes: Mapping[str, str]
    files: Mapping[str, str]
    config: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.objects or self.volumes or self.files or self.config)

    def lines(self) -> Iterator[str]:
        for what in ("objects", "volumes", "files", "config"):
            for name, sign in getattr(self, what).items():
                yield f"{sign} {what.removesuffix('s')} {name}"

    def detail(self) -> str:
        """How much, and the first names."""
        said = []
        for what in ("objects", "volumes", "files", "config"):
            names = list(getattr(self, what))
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                said.append(f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}")
        return "; ".join(said)


def differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, str]:
    """name -> sign."""
    return {
        name: "~" if name in ours and name in theirs else "+" if name in ours else "-"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    }


def settings(text: bytes, where: str) -> dict[str, Any]:
    """What a config.yaml says. Raises TaskError for one that cannot be read."""
    try:
        found = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise TaskError(f"{where} is no YAML", remedy="Mend it: k3s does not start with it either.") from None
    if not isinstance(found, dict):
        raise TaskError(f"{where} is no mapping", remedy="Mend it: k3s does not start with it either.")
    return {str(key): value for key, value in found.items()}


def owned(config: Mapping[str, Any]) -> dict[str, Any]:
    """What in it is its node's own."""
    return {key: value for key, value in config.items() if key.removesuffix("+") in OWN_KEYS}


def merged(here: Seen, there: Seen) -> bytes | None:
    """The target's config.yaml: the source's but for what is a node's own. None: it is so already."""
    ours, theirs = here.config, there.config
    wanted = {**{key: value for key, value in ours.items() if key not in owned(ours)}, **owned(theirs)}
    if wanted == dict(theirs):
        return None
    if wanted == dict(ours):
        return here.text
    return yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True).encode()


def is_manifest(name: str) -> bool:
    """Of a file below server/."""
    return name.startswith("manifests/")
