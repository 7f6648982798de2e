"""What travels between the control process and a worker, as plain values: nothing that comes is ever run (no pickles).

Passwords travel here and nowhere else: not on a command line, not in an environment.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hotdesk import errors
from hotdesk import events as ev
from hotdesk.connections.base import Endpoint, Escalation, Secret
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ("check", "handshakes", "handshakes_per_address", "stop_grace", "lease")
"""What a worker's pool looks at."""
ERRORS: dict[str, type[errors.HotdeskError]] = {
    each.__name__: each
    for each in (
        *(errors.Unreachable, errors.ConnectError, errors.AuthenticationError, errors.HostKeyError, errors.LinkLost),
        *(errors.BecomeError, errors.HostError, errors.InventoryError, errors.InputError, errors.HotdeskError),
    )
}
EVENTS: dict[str, tuple[type[ev.Event], tuple[str, ...]]] = {
    "connecting": (ev.Connecting, ("host", "address")),
    "connected": (ev.Connected, ("host", "seconds")),
    "warned": (ev.Warned, ("text", "host")),
}


def settings_out(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in SETTINGS}


def settings_in(found: dict[str, Any]) -> Settings:
    return Settings(**{name: found[name] for name in SETTINGS})


def endpoint_out(endpoint: Endpoint) -> dict[str, Any]:
    return {field.name: _out(getattr(endpoint, field.name)) for field in fields(Endpoint)}


def endpoint_in(found: dict[str, Any]) -> Endpoint:
    return Endpoint(**{field.name: _in(found[field.name]) for field in fields(Endpoint)})


def escalation_out(escalation: Escalation | None) -> dict[str, Any] | None:
    if escalation is None:
        return None
    return {field.name: _out(getattr(escalation, field.name)) for field in fields(Escalation)}


def escalation_in(found: dict[str, Any] | None) -> Escalation | None:
    return None if found is None else Escalation(**{field.name: _in(found[field.name]) for field in fields(Escalation)})


def _out(value: Any) -> Any:
    return {"secret": value.value} if isinstance(value, Secret) else value


def _in(value: Any) -> Any:
    if isinstance(value, dict):
        return Secret(value["secret"])
    return tuple(_in(each) for each in value) if isinstance(value, list) else value


def error_out(problem: Exception) -> dict[str, Any]:
    """The nearest of ``ERRORS`` that it is one of; anything else is a fault."""
    if not isinstance(problem, errors.HotdeskError):
        return {"kind": "HotdeskError", "message": f"{type(problem).__name__}: {problem}", "remedy": ""}
    kind = next(each.__name__ for each in type(problem).__mro__ if ERRORS.get(each.__name__) is each)
    return {"kind": kind, "message": problem.message, "remedy": problem.remedy}


def error_in(found: dict[str, Any]) -> errors.HotdeskError:
    return ERRORS[found["kind"]](str(found["message"]), remedy=str(found["remedy"]))


def event_out(event: ev.Event) -> dict[str, Any] | None:
    """None for one that no pool emits."""
    for kind, (shape, names) in EVENTS.items():
        if isinstance(event, shape):
            return {"kind": kind, **{name: getattr(event, name) for name in names}}
    return None


def event_in(found: dict[str, Any]) -> ev.Event:
    """Its time is now: the clocks of two machines do not agree."""
    shape, names = EVENTS[found["kind"]]
    make: Callable[..., ev.Event] = shape
    return make(**{name: found[name] for name in names})
