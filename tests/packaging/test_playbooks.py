"""What stands in playbooks/ and inventory/ is plain Ansible: Ansible's own tools read it as hotdesk does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.packaging.tools import TOP, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.ansible
PLAYBOOKS = sorted(path.name for path in (TOP / "playbooks").glob("*.yml"))
INVENTORY = ("-i", TOP / "inventory")


@pytest.mark.parametrize("name", PLAYBOOKS)
@pytest.mark.parametrize("program", [("ansible-playbook",), ("hotdesk", "play")], ids=["ansible-playbook", "hotdesk"])
def test_a_playbook_passes_the_syntax_check(name: str, program: tuple[str, ...], tmp_path: Path) -> None:
    """Both programs read the playbook without a complaint."""
    assert f"playbook: {TOP}/playbooks/{name}" in run(
        *program, "--syntax-check", *INVENTORY, TOP / "playbooks" / name, home=tmp_path
    )


@pytest.mark.parametrize("program", [("ansible-playbook",), ("hotdesk", "play")], ids=["ansible-playbook", "hotdesk"])
def test_the_everyday_playbook_is_found_by_its_name(program: tuple[str, ...], tmp_path: Path) -> None:
    """The collection brings it; playbooks/switch.yml imports that one."""
    listed = (*program, "--list-tasks", *INVENTORY)
    ours = run(*listed, "hotdesk.sync.switch", home=tmp_path)
    assert "Mirror the home directory" in ours
    assert ours.splitlines()[2:] == run(*listed, TOP / "playbooks/switch.yml", home=tmp_path).splitlines()[2:]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_lists_the_same_tasks_and_hosts(name: str, tmp_path: Path) -> None:
    """--list-hosts and --list-tasks print the same lines (ansible-playbook lists hosts in no order)."""
    lists = ("--list-hosts", "--list-tasks", *INVENTORY, TOP / "playbooks" / name)
    ours, theirs = (run(*program, *lists, home=tmp_path) for program in (("hotdesk", "play"), ("ansible-playbook",)))
    assert sorted(ours.split()) == sorted(theirs.split())


def test_the_inventory_says_the_same(tmp_path: Path) -> None:
    """``hotdesk inventory`` and ansible-inventory list the same hosts, groups and variables."""
    theirs = json.loads(run("ansible-inventory", "--list", *INVENTORY, home=tmp_path))
    ours = json.loads(run("hotdesk", "inventory", "--list", *INVENTORY, home=tmp_path))
    theirs["_meta"].pop("profile", None)
    ours["_meta"].pop("profile", None)
    assert ours == theirs
    assert theirs["pcs"]["hosts"] == ["atlas", "vega", "lyra"]
