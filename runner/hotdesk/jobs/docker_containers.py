"""A container as ``docker inspect`` tells of it: what of that makes two the same, and the request that makes one like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

APART = ("Env", "Labels", "Cmd", "Entrypoint")
"""Of ``Config``, what is an aspect of its own."""
NOT_TOLD = ("Image", "Volumes")
"""Of ``Config``, what other things tell better: the image's id, the mounts."""
SHARED = ("NetworkMode", "IpcMode", "PidMode")
"""Of ``HostConfig``, what may name another container."""
HOST_APART = ("Binds", "Mounts", "PortBindings", "RestartPolicy", "ContainerIDFile", "ConsoleSize")


def aspects(one: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same on two PCs, by the words that a plan uses. What is unset and what is empty are the same."""
    config, host = one["config"], one["host"]
    return {
        "image": one["image"],
        "command": [config.get("Entrypoint") or [], config.get("Cmd") or []],
        "env": dict(_variable(each) for each in config.get("Env") or []),
        "labels": dict(config.get("Labels") or {}),
        "mounts": sorted(_mount(each) for each in one["mounts"])
        + [each for each in host.get("Mounts") or [] if each["Type"] == "tmpfs"],
        "ports": host.get("PortBindings") or {},
        "restart policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "networks": {name: dict(each) for name, each in one["networks"].items()},
        "settings": {
            **{key: value for key, value in config.items() if value and key not in APART + NOT_TOLD},
            **{key: value for key, value in host.items() if value and key not in HOST_APART},
            "retries": (host.get("RestartPolicy") or {}).get("MaximumRetryCount") or 0,
        },
    }


def request(one: Mapping[str, Any], *, image_is_named: bool) -> dict[str, Any]:
    """What ``docker_acts.put`` sends: ``body``, and ``networks`` that it joins beyond the first.

    Volumes without a name of their own keep the long one they have. ``image_is_named``: the target has the image by the name that the
    container knows it by; else its id is named.
    """
    config, host = dict(one["config"]), dict(one["host"])
    config["Image"] = config.get("Image") if image_is_named else one["image"]
    covered = {_destination(each) for each in host.get("Binds") or []}
    mounts = []
    for each in host.get("Mounts") or []:
        found = next((m for m in one["mounts"] if m["Destination"] == each.get("Target")), None)
        if each.get("Type") == "volume" and not each.get("Source") and found:
            each = {**each, "Source": found["Name"]}
        covered.add(each.get("Target"))
        mounts.append(each)
    extra = [
        f"{each['Name']}:{each['Destination']}{'' if each.get('RW') else ':ro'}"
        for each in one["mounts"]
        if each["Type"] == "volume" and each["Destination"] not in covered
    ]
    host["Binds"] = [*(host.get("Binds") or []), *extra]
    host["Mounts"] = mounts
    networks = dict(one["networks"])
    first = host.get("NetworkMode")
    main = {first: networks.pop(first)} if first in networks else {}
    body = {**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": main}}
    return {"body": body, "networks": networks}


def refers(one: Mapping[str, Any]) -> set[str]:
    """Names of the containers that it shares something with."""
    host = one["host"]
    names = {str(host[key]).partition(":")[2] for key in SHARED if str(host.get(key) or "").startswith("container:")}
    names |= {
        str(each).partition(":")[0].lstrip("/")
        for each in (*(host.get("VolumesFrom") or ()), *(host.get("Links") or ()))
    }
    return names


def binds(one: Mapping[str, Any]) -> list[str]:
    """Paths of the PC that it has mounted, or uses as devices."""
    devices = [str(each.get("PathOnHost")) for each in one["host"].get("Devices") or []]
    return [str(each["Source"]) for each in one["mounts"] if each["Type"] == "bind"] + devices


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _mount(one: Mapping[str, Any]) -> list[str]:
    what = one.get("Name") if one["Type"] == "volume" else one.get("Source")
    return [
        str(one["Destination"]),
        str(one["Type"]),
        str(what or ""),
        "rw" if one.get("RW") else "ro",
        str(one.get("Propagation") or ""),
    ]


def _destination(bind: str) -> str:
    return bind.split(":")[1] if ":" in bind else bind
