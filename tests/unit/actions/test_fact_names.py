"""Names of facts: what a host may call its own."""

from __future__ import annotations

import pytest

from hotdesk.actions.fact_names import cleaned, reserved
from hotdesk.actions.on_target.facts import gather
from hotdesk.executor.machines import CONNECTION_VARIABLES


@pytest.mark.parametrize("name", [name for name in CONNECTION_VARIABLES if name.startswith("ansible_")])
def test_no_host_says_how_it_is_reached(name: str) -> None:
    """Every variable that the connection is made from is kept from it."""
    assert reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        "hotdesk_source",
        "hotdesk_lease",
        "groups",
        "any_variable",
        "ansible_check_mode",
        "ansible_loop_var",
        "ansible_a b",
    ],
)
def test_nor_anything_that_is_no_fact(name: str) -> None:
    """The runner's own names, and those of the inventory."""
    assert cleaned({name: 1}) == ({}, [name])


def test_real_facts_stay() -> None:
    """All that is gathered on this PC, and keys of sshd, which look like variables of the connection."""
    facts = gather()["ansible_facts"] | {"ansible_ssh_host_key_ed25519_public": "AAAA", "ansible_local": {}}
    assert cleaned(facts) == (facts, [])
