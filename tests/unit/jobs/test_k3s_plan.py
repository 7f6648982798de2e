from __future__ import annotations

from typing import Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.k3s_plan import Differences, Seen, differing, merged, settings

STATE: dict[str, Any] = {"host": "atlas", "command": "", "files": {}}


def seen(text: str = "", **state: Any) -> Seen:
    return Seen({**STATE, **state}, settings(text.encode(), "config.yaml"), text.encode())


@pytest.mark.parametrize(
    ("here", "there", "wanted"),
    [
        ("disable: traefik  # ours\n", "", b"disable: traefik  # ours\n"),
        ("disable: traefik\nnode-ip: 1\n", "node-ip: 2\n", b"disable: traefik\nnode-ip: 2\n"),
        ("node-ip: 1\n", "node-ip: 2\n", None),
        ("", "disable: traefik\ntls-san: [vega]\n", b"tls-san:\n- vega\n"),
        ("token: t\nnode-label+: [a]\n", "token: t\n", None),
    ],
)
def test_configuration_follows_but_for_what_is_a_nodes_own(here: str, there: str, wanted: bytes | None) -> None:
    """The source's words as they stand where nothing is."""
    assert merged(seen(here), seen(there)) == wanted


def test_a_configuration_that_cannot_be_read_is_named() -> None:
    """With its place, and none of its words: there may be a token in it."""
    for text in (b"token: [geheim", b"- geheim"):
        with pytest.raises(TaskError, match=r"/etc/x on atlas is no") as caught:
            settings(text, "/etc/x on atlas")
        assert "geheim" not in str(caught.value)


def test_a_node_is_called_as_it_was_told() -> None:
    """By the configuration, the command line, or its host name."""
    command = "path=/usr/local/bin/k3s ; argv[]=/usr/local/bin/k3s server --node-name Desk ;"
    assert [one.node for one in (seen(), seen(command=command), seen("node-name: N1\n", command=command))] == [
        "atlas",
        "desk",
        "n1",
    ]
    assert seen(command="k3s server --datastore-endpoint mysql://").elsewhere


def test_differences_name_things_and_nothing_in_them() -> None:
    """Line by line, and short."""
    found = Differences(differing({"a": "1", "b": "1"}, {"a": "2", "c": "1"}), {}, {"token": "~"}, {})
    assert list(found.lines()) == ["~ object a", "+ object b", "- object c", "~ file token"]
    assert found.detail() == "3 objects: a, b, c; 1 files: token"
    assert not Differences({}, {}, {}, {})


def test_a_digest_needs_its_key() -> None:
    """Nobody who reads a plan can try values against it."""
    one = seen(files={"token": ["file", 0o600, 0, 0, "abc"]})
    assert one.digest(b"k") == one.digest(b"k") != one.digest(b"other")
