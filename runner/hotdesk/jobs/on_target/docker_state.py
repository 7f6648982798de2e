"""What a PC's Docker has. Reads only. Python 3.8 or newer."""

from __future__ import annotations

import os

from hotdesk.jobs.on_target.docker_api import ask, named
from hotdesk.jobs.on_target.docker_networks import endpoint, made
from hotdesk.jobs.on_target.docker_undo import unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BORROWED = ("Hostname", "Domainname", "ExposedPorts")


def describe() -> dict[str, Any]:
    """All that a sync looks at: ``engine``, ``api``, ``architecture``, ``storage`` (the name of its driver), ``images`` (id -> {tags, digests,
    size}), ``volumes`` and ``networks`` (name -> what made them), ``containers`` (name -> what made them, and how they are), and
    ``unfinished`` (what a kill left)."""
    version = ask("GET", "/version")
    networks = {one["Id"]: one["Name"] for one in ask("GET", "/networks")}
    return {
        "engine": version["Version"],
        "api": version["ApiVersion"],
        "architecture": version["Arch"],
        "storage": ask("GET", "/info")["Driver"],
        "images": {
            one["Id"]: {
                "tags": sorted(tag for tag in one.get("RepoTags") or [] if tag != "<none>:<none>"),
                "digests": sorted(one.get("RepoDigests") or []),
                "size": one["Size"],
            }
            for one in ask("GET", "/images/json")
        },
        "volumes": {one["Name"]: _volume(one) for one in ask("GET", "/volumes").get("Volumes") or []},
        "networks": {
            name: _network(ident) for ident, name in networks.items() if name not in ("bridge", "host", "none")
        },
        "containers": _containers(networks),
        "unfinished": unfinished(),
    }


def there(paths: list[str]) -> list[str]:
    """Those of the paths that are there."""
    return [path for path in paths if os.path.lexists(path)]


def _volume(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "driver": one["Driver"],
        "options": one.get("Options") or {},
        "labels": one.get("Labels") or {},
        "mountpoint": one.get("Mountpoint") or "",
    }


def _network(ident: str) -> dict[str, Any]:
    """How it was made: the body that makes one like it."""
    one = ask("GET", "/networks/" + ident, fine=(404,)) or {}
    return {"scope": one.get("Scope", ""), "config_only": bool(one.get("ConfigOnly")), "made": made(one)}


def _containers(networks: dict[str, str]) -> dict[str, Any]:
    whole = {}
    for one in ask("GET", "/containers/json", all=1):
        found = ask("GET", "/containers/{}/json".format(one["Id"]), fine=(404,))
        if found is not None:
            whole[found["Id"]] = found
    names = {ident: found["Name"].lstrip("/") for ident, found in whole.items()}
    return {names[ident]: _container(found, names, networks) for ident, found in whole.items()}


def _container(found: dict[str, Any], names: dict[str, str], networks: dict[str, str]) -> dict[str, Any]:
    """With names in the place of ids, which are other ones on another PC."""
    host = dict(found["HostConfig"])
    for key in ("NetworkMode", "IpcMode", "PidMode"):
        kind, _, ident = str(host.get(key) or "").partition(":")
        if kind == "container":
            host[key] = "container:" + names.get(ident, ident)
    host["NetworkMode"] = networks.get(host.get("NetworkMode", ""), host.get("NetworkMode"))
    config, ident = dict(found["Config"]), found["Id"]
    if config.get("Hostname") == ident[:12]:
        config["Hostname"] = ""
    for key in BORROWED if _borrows(host) else ():
        config.pop(key, None)
    joined = {name: endpoint(one, ident) for name, one in (found["NetworkSettings"].get("Networks") or {}).items()}
    return {
        "id": ident,
        "image": found["Image"],
        "running": bool(found["State"]["Running"]),
        "config": config,
        "host": host,
        "networks": joined,
        "mounts": [
            {key: one.get(key) for key in ("Type", "Name", "Source", "Destination", "Driver", "RW", "Propagation")}
            for one in found.get("Mounts") or []
        ],
    }


def _borrows(host: dict[str, Any]) -> bool:
    """Whether its host name is another container's or the PC's, and must not be asked for."""
    mode = str(host.get("NetworkMode"))
    return mode == "host" or mode.startswith("container:") or host.get("UTSMode") == "host"


def exists(image: str) -> bool:
    """Whether there is an image of that id."""
    return ask("GET", "/images/{}/json".format(named(image)), fine=(404,)) is not None
