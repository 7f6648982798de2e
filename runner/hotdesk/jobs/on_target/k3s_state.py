"""What there is of k3s on this PC. Reads only. Python 3.8 or newer."""

from __future__ import annotations

import glob
import os
import re
import subprocess

from hotdesk.jobs.on_target.journal import Failed, state_of
from hotdesk.jobs.on_target.k3s_api import Api, served_objects
from hotdesk.jobs.on_target.k3s_database import kept_objects, nodes, sqlite_version
from hotdesk.jobs.on_target.k3s_pods import running_pods
from hotdesk.jobs.on_target.trees import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLUSTER = (
    "token", "agent-token", "node-token", "cred/passwd", "cred/ipsec.psk", "cred/encryption-config.json", "cred/encryption-state.json",
    "tls/*-ca.crt", "tls/*-ca.key", "tls/*-ca.nochain.crt", "tls/service.key", "tls/service.current.key", "tls/etcd/*-ca.crt",
    "tls/etcd/*-ca.key",
)  # fmt: skip
"""Below server/: the files of the cluster. All others are the node's own (https://docs.k3s.io/cli/certificate)."""
SIGNED = ("tls/*.crt", "tls/*.key", "tls/*/*.crt", "tls/*/*.key", "tls/dynamic-cert.json")
"""Below server/: what the cluster's authorities have signed for this node, besides those of CLUSTER: k3s makes again what is not there."""


def survey(top: str, config: str, unit: str, scratch: str, half: bool = False) -> dict[str, Any]:
    """All but secrets' contents and volumes; for those ``files`` has digests, which must not be shown.

    ``half``: a swap of its state was broken off, so that its database may be no whole one.
    """
    server, active = os.path.join(top, "server"), word("is-active", unit)
    kind = "etcd" if os.path.isdir(os.path.join(server, "db/etcd")) else ""
    base = os.path.join(server, "db/state.db")
    if not kind and os.path.exists(base):
        kind = "sqlite"
    up = active == "active" and served(top, config)
    return {
        "version": version(),
        "sqlite": sqlite_version(),
        "unit": active,
        "known": word("show", "--property=LoadState", "--value", unit) == "loaded",
        "command": word("show", "--property=ExecStart", "--value", unit),
        "host": os.uname().nodename.lower(),
        "kind": kind,
        "files": {**_files(server), **{"manifests/" + k: v for k, v in states(server + "/manifests").items()}},
        "signed": sorted(_found(server, SIGNED) - _found(server, CLUSTER)),
        "config": {name: state for name, state in states(config).items() if name != "k3s.yaml"},
        "nodes": []
        if half
        else Api(top, config).nodes()
        if up
        else _kept_nodes(kind, base, active == "active", scratch),
        "pods": bool(running_pods()),
        "served": up,
        "half": half,
    }


def version() -> str:
    """``v1.30.4+k3s1``; empty: there is no k3s."""
    try:
        said = subprocess.run(["k3s", "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60).stdout
    except OSError:
        return ""
    found = re.search(rb"k3s version (\S+)", said)
    return found.group(1).decode() if found else "of unknown version"


def word(*argv: str) -> str:
    """What systemctl says."""
    done = subprocess.run(
        ["systemctl", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return done.stdout.decode("utf-8", "replace").strip()


def served(top: str, config: str) -> bool:
    """Whether the API answers."""
    try:
        return Api(top, config).ready()
    except Failed:
        return False


def cluster_objects(top: str, config: str, unit: str, by_api: bool, scratch: str, secret: bytes) -> dict[str, str]:
    """Object -> keyed digest, by the API or by what the database holds."""
    if by_api:
        return served_objects(top, config, secret)
    return kept_objects(os.path.join(top, "server/db/state.db"), word("is-active", unit) == "active", scratch, secret)


def volumes(storage: str) -> list[str]:
    """The directories of the local-path provisioner."""
    try:
        return sorted(e.name for e in os.scandir(storage) if e.is_dir(follow_symlinks=False) and e.name[0] != ".")
    except FileNotFoundError:
        return []


def _kept_nodes(kind: str, base: str, live: bool, scratch: str) -> list[str]:
    return nodes(base, live, scratch) if kind == "sqlite" and sqlite_version() else []


def _found(server: str, patterns: tuple[str, ...]) -> set[str]:
    top = glob.escape(server) + "/"
    return {path[len(server) + 1 :] for one in patterns for path in glob.glob(top + one) if os.path.lexists(path)}


def _files(server: str) -> dict[str, Any]:
    return {name: state_of(os.path.join(server, name)) for name in sorted(_found(server, CLUSTER))}
