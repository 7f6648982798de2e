"""``hotdesk_verify``: what a play wants to be true of its hosts once its handlers have run."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.errors import VariableError
from hotdesk.executor.run import Working
from hotdesk.playbook.model import Task
from hotdesk.results import EMPTY
from hotdesk.verify.session import Verification, find_tests, verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.executor.play import PlayRun
    from hotdesk.jobs.machine import Machine


EXPECTED = Path(__file__).with_name("expected.py")
"""The test of what sync jobs have left to be expected."""


async def verify_play(play: PlayRun, steps: Mapping[str, Sequence[Mapping[str, Any]]] = EMPTY) -> None:
    """Run the tests named by ``hotdesk_verify`` on the play's hosts that have not failed. Not in check mode: nothing was changed.

    ``steps``: host -> what sync jobs left to be expected there (jobs.expected.of_host), for ``EXPECTED``.
    """
    run, scopes = play.run, play.scopes
    hosts = [name for name in scopes.hosts_all if name not in scopes.removed]
    wanted: dict[tuple[str, ...], list[str]] = {}
    for name in hosts:
        value = await run.templates.value(scopes.for_task(run.state(name), play.play.keywords), "hotdesk_verify")
        names = [value] if isinstance(value, str) else value or []
        if names:
            wanted.setdefault(tuple(map(str, names)), []).append(name)
    if not wanted:
        return
    if run.settings.check:
        run.emit(ev.Noted(text="verification is left out in check mode: nothing was changed"))
        return
    task = play.play.keywords or Task(id="verify", action="verify", written="verify", place=play.play.place)

    async def machine_for(name: str, user: str = "") -> Machine:
        setting = Working(mark=f"verify@{name}", for_host=name, check=False, emit=run.emit)
        if name == "localhost" and name not in run.inventory.hosts:
            return await run.machines.control(task, setting)
        scope = scopes.for_task(run.state(name), task)
        machine = await run.machines.machine(name, scope, task, setting)
        if user in ("", machine.info.user):
            return machine
        become = replace(task, become=replace(task.become, enabled=True, user=user))
        return await run.machines.machine(name, scope, become, setting)

    async def variables_for(name: str) -> Mapping[str, Any]:
        scope, found = scopes.for_task(run.state(name), task), {}
        for key in scope:
            if key not in ("hostvars", "vars"):
                with contextlib.suppress(VariableError):  # what cannot be rendered was of no use to the play either
                    found[key] = await run.templates.value(scope, key)
        return found

    for names, group in wanted.items():
        files = find_tests(names, [play.play.basedir or run.playbook_dir])
        await verify(
            Verification(
                files=files, hosts=tuple(group), control=await machine_for("localhost"), machine_for=machine_for,
                variables_for=variables_for, emit=run.emit, steps=steps,
            )
        )  # fmt: skip
