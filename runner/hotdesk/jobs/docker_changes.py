"""What a PC's Docker has, and one change of a plan done to it: of its definitions, not of what is in images and volumes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotdesk.jobs.docker_containers import request
from hotdesk.jobs.docker_plan import STATE
from hotdesk.jobs.on_target import docker_acts, docker_state
from hotdesk.jobs.on_target.docker_api import named
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.base import Change
    from hotdesk.jobs.machine import Machine


async def describe(machine: Machine) -> dict[str, Any]:
    """Its state, of the shape ``STATE``. Raises TaskError when Docker does not answer."""
    return dict(await machine.call(bundle(docker_state), "describe", change=False, answers=STATE))


async def existing(machine: Machine, paths: Sequence[str]) -> list[str]:
    """Those of the paths that are there."""
    return list(await machine.call(bundle(docker_state), "there", list(paths), change=False, answers=[str]))


async def ask(machine: Machine, method: str, path: str, body: Any = None, **query: Any) -> None:
    """Change: one request to its Engine."""
    payload = json.dumps(body).encode() if body is not None else b""
    await machine.call(bundle(docker_acts), "do", method, path, query, payload=payload, change=True)


async def act(
    machine: Machine, change: Change, here: Mapping[str, Any], there: Mapping[str, Any], *, tags: bool
) -> None:
    """Change: do it, so that what it is about becomes as ``here`` says; ``there`` is what the PC has.

    ``tags``: images have the names that ``here`` gives them. A volume that is made is empty.
    """
    kind, _, name = change.subject.partition(" ")
    if change.verb == "remove":
        await _remove(machine, kind, name)
    elif change.verb in ("start", "stop"):
        await ask(machine, "POST", f"/containers/{named(name)}/{change.verb}")
    elif change.verb == "tag":
        repository, _, tag = name.rpartition(":")
        await ask(machine, "POST", f"/images/{named(change.after)}/tag", repo=repository, tag=tag)
    elif kind == "network":
        payload = json.dumps(here["networks"][name]["made"]).encode()
        await machine.call(bundle(docker_acts), "make_network", name, payload=payload, change=True)
    elif kind == "volume":
        one = here["volumes"][name]
        body = {"Name": name, "Driver": one["driver"], "DriverOpts": one["options"], "Labels": one["labels"]}
        await ask(machine, "POST", "/volumes/create", body)
    else:
        await _put(machine, name, here, there["containers"].get(name), tags=tags)


async def _remove(machine: Machine, kind: str, name: str) -> None:
    if kind == "container":
        await ask(machine, "POST", f"/containers/{named(name)}/stop")
    query = {"force": 1} if kind in ("container", "image") else {}
    await ask(machine, "DELETE", f"/{kind}s/{named(name)}", **query)


async def _put(
    machine: Machine, name: str, here: Mapping[str, Any], now: Mapping[str, Any] | None, *, tags: bool
) -> None:
    one = here["containers"][name]
    known = tags and one["config"].get("Image") in here["images"].get(one["image"], {}).get("tags", ())
    payload = json.dumps({"name": name, **request(one, image_is_named=known)}).encode()
    old = now["id"] if now else ""
    await machine.call(bundle(docker_acts), "put", old, one["running"], payload=payload, change=True)
