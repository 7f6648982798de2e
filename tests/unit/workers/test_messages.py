"""What travels is what was meant, and nothing that comes is run."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from hotdesk import errors
from hotdesk import events as ev
from hotdesk.agent.frames import Decoder, pack
from hotdesk.connections.base import Endpoint, Escalation, Secret
from hotdesk.connections.ssh_errors import Refused
from hotdesk.settings import Settings
from hotdesk.workers import messages


def sent(value: Any) -> Any:
    """Through a frame."""
    return Decoder().feed(pack({"value": value}))[0][0]["value"]


ENDPOINT = Endpoint(
    host="pc", kind="ssh", address="192.0.2.1", port=2222, user="ada", password=Secret("p\u00e4ss"), private_key_files=("/k1", "/k2"),
    key_passphrase=Secret("x"), ssh_config=("/c",), options=(("ProxyJump", "gate"), ("Port", "1")), host_key_checking="accept-new",
    known_hosts=("/h",), connect_timeout=1.5, keepalive_interval=2.0, keepalive_count=7, python="/usr/bin/python3",
)  # fmt: skip


def test_an_endpoint_arrives_equal() -> None:
    """Every field, also the ones that a later release adds: equal endpoints share one connection."""
    arrived = messages.endpoint_in(sent(messages.endpoint_out(ENDPOINT)))
    assert arrived == ENDPOINT
    assert hash(arrived) == hash(ENDPOINT)
    assert all(getattr(ENDPOINT, field.name) != field.default for field in fields(Endpoint) if field.name != "kind")


@pytest.mark.parametrize(
    "given", [None, Escalation(user="eve", flags=("-H", "-S"), password=Secret("y")), Escalation()]
)
def test_an_escalation_arrives_equal(given: Escalation | None) -> None:
    """With its password, or none at all."""
    assert messages.escalation_in(sent(messages.escalation_out(given))) == given


def test_what_a_pool_looks_at_arrives() -> None:
    """And no other setting leaves the control process."""
    given = Settings(check=True, handshakes=3, handshakes_per_address=2, stop_grace=0.5, lease=7.0)
    arrived = messages.settings_in(sent(messages.settings_out(given)))
    assert arrived == given


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (errors.HostKeyError("changed", remedy="look"), errors.HostKeyError),
        (Refused("no room"), errors.ConnectError),
        (errors.WorkerLost("gone"), errors.LinkLost),
        (ValueError("odd"), errors.HotdeskError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_error_arrives_as_the_nearest_that_is_known(given: Exception, kind: type[errors.HotdeskError]) -> None:
    """Its words and its remedy too."""
    arrived = messages.error_in(sent(messages.error_out(given)))
    assert type(arrived) is kind
    assert str(given) in arrived.message
    assert arrived.remedy == getattr(given, "remedy", "")


def test_what_a_pool_tells_arrives_and_nothing_else_leaves() -> None:
    """Events of connections and warnings."""
    for event in (
        ev.Connecting(host="pc", address="a"),
        ev.Connected(host="pc", seconds=1.0),
        ev.Warned(text="t", host="pc"),
    ):
        found = messages.event_in(sent(messages.event_out(event)))
        assert type(found) is type(event)
        assert found.host == "pc"
    assert messages.event_out(ev.Noted(text="x")) is None
