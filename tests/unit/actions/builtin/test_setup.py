"""setup: which facts, and that they are right."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.actions.builtin.conftest import RunResult


async def test_facts_have_the_prefix(result: RunResult) -> None:
    """Facts in the result are named as Ansible names them there, and say what this PC is."""
    facts = (await result("setup", gather_subset=["min"])).facts
    assert facts["ansible_kernel"] == platform.release()
    assert facts["ansible_user_uid"] == os.getuid()
    assert facts["ansible_python"]["version"]["major"] == 3
    assert facts["module_setup"] is True
    assert "ansible_memtotal_mb" not in facts


@pytest.mark.parametrize(
    ("subset", "there", "missing"),
    [
        (["all"], ["ansible_memtotal_mb", "ansible_interfaces", "ansible_distribution"], []),
        (["!all"], ["ansible_distribution"], ["ansible_memtotal_mb", "ansible_interfaces"]),
        (["!all", "!min", "network"], ["ansible_interfaces"], ["ansible_distribution"]),
        (["!hardware"], ["ansible_interfaces"], ["ansible_memtotal_mb"]),
        (["!all", "!min"], [], ["ansible_distribution"]),
        (["network"], ["ansible_interfaces", "ansible_distribution"], ["ansible_memtotal_mb"]),
    ],
)
async def test_subsets(result: RunResult, subset: list[str], there: list[str], missing: list[str]) -> None:
    """gather_subset adds groups, an exclamation mark takes them out, min is always in."""
    facts = (await result("setup", gather_subset=subset)).facts
    assert [name for name in there if name not in facts] == []
    assert [name for name in missing if name in facts] == []


async def test_an_unknown_subset_is_refused(result: RunResult) -> None:
    """A group that is not there is named together with those that are."""
    done = await result("setup", gather_subset=["zz"])
    assert done.failed
    assert "Bad subset 'zz'" in done.message


async def test_filters(result: RunResult) -> None:
    """filter keeps what matches, with or without the prefix."""
    facts = (await result("setup", filter=["ansible_dist*", "*_mb"])).facts
    assert "ansible_distribution" in facts
    assert "ansible_memtotal_mb" in facts
    assert not [name for name in facts if not name.startswith("ansible_dist") and not name.endswith("_mb")]


async def test_facts_of_ones_own(result: RunResult, tmp_path: Path) -> None:
    """Files in fact_path are read as JSON or INI, or run; one that is wrong says so and harms nothing else."""
    (tmp_path / "a.fact").write_text('{"x": 1}')
    (tmp_path / "b.fact").write_text("[s]\nk=v\n")
    (tmp_path / "c.fact").write_text("#!/bin/sh\necho '{\"y\": 2}'\n")
    (tmp_path / "c.fact").chmod(0o755)
    (tmp_path / "d.fact").write_text("nonsense")
    local = (await result("setup", fact_path=tmp_path, gather_subset=["local"])).facts["ansible_local"]
    assert (local["a"], local["b"], local["c"]) == ({"x": 1}, {"s": {"k": "v"}}, {"y": 2})
    assert "error" in local["d"]


async def test_gather_facts_does_the_same(result: RunResult) -> None:
    """gather_facts is setup with the settings' subset; the task's environment is in env."""
    facts = (await result("gather_facts", gather_subset=["min"], _environment={"COLOUR": "red"})).facts
    assert facts["ansible_env"]["COLOUR"] == "red"
