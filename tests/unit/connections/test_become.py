from __future__ import annotations

from typing import Any

import pytest

from hotdesk.connections.base import Escalation, Secret
from hotdesk.connections.become import escalation_for
from hotdesk.errors import InventoryError
from hotdesk.settings import Settings


def made(variables: dict[str, Any], settings: Settings | None = None, **keywords: Any) -> Escalation | None:
    return escalation_for(variables, settings or Settings(), **keywords)


def test_without_become_there_is_none() -> None:
    """And become: false of the task wins over the setting."""
    assert made({}) is None
    assert made({}, Settings(become=True), enabled=False) is None


def test_root_by_sudo_is_the_default() -> None:
    """With sudo's -H, as Ansible has it."""
    assert made({}, enabled=True) == Escalation(user="root", method="sudo", exe="sudo", flags=("-H",))


def test_variables_win_over_keywords() -> None:
    """User, password and the switch itself."""
    variables = {"ansible_become": "yes", "ansible_become_user": "ada", "ansible_become_pass": "pw"}
    found = made(variables, enabled=False, user="bob", password="other")
    assert found is not None
    assert (found.user, found.password) == ("ada", Secret("pw"))
    assert "pw" not in repr(found)
    assert made({"ansible_become": False}, enabled=True) is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("-H -S -n", ("-H",)), ("-HSn", ("-H",)), ("-E --stdin", ("-E",)), ("", ()), ("-i -u x", ("-i", "-u", "x"))],
)
def test_sudo_flags_lose_what_is_decided_here(flags: str, expected: tuple[str, ...]) -> None:
    """Whether sudo reads a password depends on whether there is one."""
    found = made({"ansible_become_flags": flags}, enabled=True)
    assert found is not None
    assert found.flags == expected


def test_an_unknown_method_is_refused() -> None:
    """With the nearest spelling."""
    with pytest.raises(InventoryError) as caught:
        made({}, enabled=True, method="sudoo")
    assert "'sudo'" in caught.value.remedy
