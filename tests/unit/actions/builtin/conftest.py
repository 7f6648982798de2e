"""A Call of an action on this PC: real agent, real templates, arguments checked as in a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hotdesk.actions.arguments import check as check_arguments
from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.registry import builtin
from hotdesk.inventory.model import Host, Inventory
from hotdesk.place import Place
from hotdesk.playbook.model import Task
from hotdesk.results import Result
from hotdesk.settings import Settings
from hotdesk.source import Trusted, trust
from hotdesk.variables.templates import Templates
from tests.unit.machines import MakeMachine, link, make_machine

__all__ = ["link", "make_machine"]

RunAction = Callable[..., Awaitable[Outcome]]


def make_call(action: Action, machine: Any, control: Any, args: dict[str, Any], where: Path, **more: Any) -> Call:
    """A Call with everything an action may see; ``variables``, ``settings``, ``check``, ``diff``, ... replace the defaults."""
    settings = more.pop("settings", Settings(remote_tmp=str(where / "remote_tmp")))
    variables: dict[str, Any] = more.pop("variables", {})
    templates = Templates(settings)
    place = Place("site.yml", 3, 7)
    given = frozenset(args)
    if not action.raw_args and not action.unchecked:
        args, given = check_arguments(action.name, action.DOCUMENTATION, args, place=place, free_form=action.free_form)

    async def render(value: Any, extra: dict[str, Any] | None = None) -> Any:
        return await templates.render(value, {**variables, **(extra or {})})

    async def render_file(text: str, path: str, extra: dict[str, Any] | None = None, **options: Any) -> str:
        return await templates.render_file(text, path, {**variables, **(extra or {})}, **options)

    defaults: dict[str, Any] = {
        "task": Task(id="t1", action=action.name, written=action.name, place=place),
        "host": "vega",
        "args": args,
        "given": given,
        "machine": machine,
        "control": control,
        "check": False,
        "diff": True,
        "variables": variables,
        "render": render,
        "render_file": render_file,
        "search": (where,),
        "settings": settings,
        "inventory": Inventory(hosts={"vega": Host(name="vega", groups=("all",))}, groups={}),
        "condition": lambda raw: templates.condition(raw, variables),
    }
    return Call(**{**defaults, **more})


@pytest.fixture
def perform(make_machine: MakeMachine, tmp_path: Path) -> RunAction:
    """``outcome = await perform("copy", check=True, src=...)``: run an action. ``_name=value`` replaces what the Call has."""

    async def run(name: str, /, *, check: bool = False, **given: Any) -> Outcome:
        more = {key[1:]: given.pop(key) for key in list(given) if key.startswith("_") and key != "_raw_params"}
        action = builtin(f"ansible.builtin.{name}")
        machine = make_machine(check=check, environment=more.get("environment", {}))
        args = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
        if action.raw_args:
            args = {Trusted(key): trust(value) for key, value in args.items()}
        call = make_call(action, machine, make_machine("localhost", check=check), args, tmp_path, check=check, **more)
        outcome = await action.run(call)
        return outcome if isinstance(outcome, Outcome) else Outcome(outcome)

    return run


@pytest.fixture
def result(perform: RunAction) -> Callable[..., Awaitable[Result]]:
    """As ``perform``, giving the Result."""

    async def run(name: str, /, **given: Any) -> Result:
        return (await perform(name, **given)).result

    return run


RunResult = Callable[..., Awaitable[Result]]


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a directory with mode and content: what must be the same after check mode."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }
