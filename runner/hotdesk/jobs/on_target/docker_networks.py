"""A network that takes the place of another one of its name, and who is in it. Python 3.8 or newer."""

from __future__ import annotations

import json

from hotdesk.jobs.on_target.docker_api import ask, named
from hotdesk.jobs.on_target.journal import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MADE = ("Driver", "EnableIPv6", "IPAM", "Internal", "Attachable", "Options", "Labels")
"""Of a network, what it was told."""
ENDPOINT = ("IPAMConfig", "Links", "Aliases", "DriverOpts")
"""Of a container's place in one, what it was told; the rest is what came of it."""


def networked(name: str) -> dict[str, Any] | None:
    """The network of that name."""
    return next((dict(one) for one in ask("GET", "/networks") if one["Name"] == name), None)


def made(network: dict[str, Any]) -> dict[str, Any]:
    """The body that makes one like it."""
    return {key: network[key] for key in MADE if network.get(key)}


def endpoint(one: dict[str, Any], ident: str) -> dict[str, Any]:
    """A container's place in a network as it was told, without the name that it has by itself."""
    aliases = [alias for alias in one.get("Aliases") or [] if alias != ident[:12]]
    return {key: value for key in ENDPOINT for value in [aliases if key == "Aliases" else one.get(key)] if value}


def members(network: str) -> dict[str, dict[str, Any]]:
    """Containers that are in it, running or not: id -> their place in it."""
    filters = json.dumps({"network": [network]})
    out = {}
    for one in ask("GET", "/containers/json", all=1, filters=filters):
        found = ask("GET", "/containers/{}/json".format(one["Id"]), fine=(404,))
        place = found and found["NetworkSettings"]["Networks"].get(network)
        if place is not None:
            out[one["Id"]] = endpoint(place, one["Id"])
    return out


def leave(network: str, who: dict[str, Any]) -> None:
    for ident in who:
        ask("POST", "/networks/{}/disconnect".format(network), {"Container": ident, "Force": True}, (404,))


def rejoin(network: str, who: dict[str, dict[str, Any]]) -> None:
    """Those of them that are not in it: with the address they had, else with another one."""
    there = members(network)
    for ident, place in who.items():
        if ident in there or ask("GET", "/containers/{}/json".format(ident), fine=(404,)) is None:
            continue
        path = "/networks/{}/connect".format(named(network))
        try:
            ask("POST", path, {"Container": ident, "EndpointConfig": place})
        except Failed:
            other = {key: value for key, value in place.items() if key != "IPAMConfig"}
            ask("POST", path, {"Container": ident, "EndpointConfig": other})


def network_back(kept: dict[str, Any]) -> None:
    """The old network is there, with who was in it, in the place of one that was not wholly put in its place."""
    now = networked(kept["name"])
    if now is not None and now["Id"] != kept["old"]:
        leave(now["Id"], members(kept["name"]))
        ask("DELETE", "/networks/" + now["Id"], fine=(404,))
    if now is None or now["Id"] != kept["old"]:
        ask("POST", "/networks/create", {"Name": kept["name"], "CheckDuplicate": True, **kept["was"]})
    rejoin(kept["name"], kept["members"])
