"""Modules that are not ours, run on this PC by a real agent."""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.collections import Collections
from hotdesk.actions.registry import ActionNames
from hotdesk.results import Result
from hotdesk.settings import Settings
from tests.unit.actions.builtin.conftest import make_call
from tests.unit.machines import MakeMachine, link, make_machine

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["link", "make_machine"]

RunModule = Callable[..., Awaitable[Result]]


@pytest.fixture
def names(tmp_path: Path) -> ActionNames:
    """As for a playbook in ``tmp_path``, which may have ``library/``, ``module_utils/`` and ``collections/``."""
    pytest.importorskip("ansible")
    return ActionNames(Collections(Settings(), (tmp_path,), scan_sys_path=False))


@pytest.fixture
def run_module(names: ActionNames, make_machine: MakeMachine, tmp_path: Path) -> RunModule:
    """``await run_module("find", paths=...)``; ``_name=value`` replaces what the Call has."""

    async def run(written: str, /, *, check: bool = False, no_log: bool = False, **given: Any) -> Result:
        more = {key[1:]: given.pop(key) for key in list(given) if key.startswith("_") and key != "_raw_params"}
        names.files.add(tmp_path)
        action = names.module(written)
        assert action is not None, f"there is no module {written}"
        machine = make_machine(check=check, no_log=no_log, environment=more.get("environment", {}))
        call = make_call(action, machine, machine, given, tmp_path, check=check, **more)
        result = await action.run(replace(call, task=replace(call.task, written=written)))
        assert isinstance(result, Result)
        return result

    return run


def write(path: Path, text: str) -> Path:
    """A file that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
