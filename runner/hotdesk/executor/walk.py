"""One host's way through a play: blocks as a plain recursion, tasks one after another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import finish
from hotdesk.executor import control, handlers, values
from hotdesk.executor.attempt import error_result
from hotdesk.executor.batch import display_name
from hotdesk.executor.debugger import Debugger, with_debugger
from hotdesk.executor.host import HostEnded, HostFailed, HostUnreachable, RoleEnded
from hotdesk.executor.item import INCLUDES, NO_TRACEBACK, Item
from hotdesk.executor.task import Finished, run_task
from hotdesk.playbook.model import Block, Task
from hotdesk.playbook.tags import selected
from hotdesk.source import Trusted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from hotdesk.executor.batch import Batch
    from hotdesk.executor.host import HostState
    from hotdesk.executor.strategy import Position
    from hotdesk.variables.scope import Scope

META = "ansible.builtin.meta"


@dataclass(slots=True, eq=False)
class Walk:
    """``rescuing``: a block around us, in its main part, has a rescue."""

    batch: Batch
    state: HostState
    rescuing: bool = False
    in_always: bool = False
    skipping: bool = False
    """--start-at-task: this host has not come to it yet."""
    _bypass: dict[str, bool] = field(default_factory=dict)

    # Blocks

    async def sequence(self, items: Sequence[Task | Block], at: Position) -> None:
        for number, item in enumerate(items):
            if isinstance(item, Block):
                await self.block(item, (*at, number))
            else:
                await self.task(item, (*at, number))

    async def block(self, block: Block, at: Position) -> None:
        """The tasks; on failure rescue; always whatever happened, a cancel included. ``rescue`` never sees a cancel."""
        role = block.role
        if role is not None and self._completed(role):
            return
        try:
            try:
                await self._part(block, block.tasks, (*at, 0), main=True)
            except HostFailed as failed:
                if not block.rescue or self.state.stopped is not None:
                    raise
                self._remember(failed)
                await self._part(block, block.rescue, (*at, 1))
        except HostFailed:
            halted, self.state.stopped = self.state.stopped, None  # cleaning up is allowed on a host that was halted
            pardons = self.state.pardons
            try:
                await self._part(block, block.always, (*at, 2))
            finally:
                self.state.stopped = self.state.stopped or halted
            if self.state.pardons == pardons or halted is not None:  # else: meta: clear_host_errors
                raise
        except asyncio.CancelledError:
            if not self.state.unreachable:
                await self._always_in_a_stop(block, (*at, 2))
            raise
        except RoleEnded as ended:
            if role is None or ended.role is not role:
                raise
        else:
            await self._part(block, block.always, (*at, 2))
        if role is not None and _key(role) in self.state.roles_run:
            self.state.roles_completed.add(_key(role))

    async def _part(self, block: Block, items: Sequence[Task | Block], at: Position, *, main: bool = False) -> None:
        before = self.rescuing
        self.rescuing = before or (main and bool(block.rescue))
        try:
            await self.sequence(items, at)
        finally:
            self.rescuing = before

    async def _always_in_a_stop(self, block: Block, at: Position) -> None:
        run = self.batch.run
        limit = run.stop.left(run.settings.cleanup_limit)
        if not block.always or limit <= 0:
            return

        async def bounded() -> None:
            self.in_always = True
            try:
                async with asyncio.timeout(limit) as scope:
                    run.stop.scopes.add(scope)
                    await self.sequence(block.always, at)
            except (HostFailed, HostUnreachable, HostEnded, RoleEnded, TimeoutError):
                pass  # told by events already; the stop goes on
            finally:
                run.stop.scopes.discard(scope)
                self.in_always = False

        self.batch.strategy.run_apart()
        await finish(bounded(), grace=limit + 1.0)

    def _completed(self, role: Any) -> bool:
        return not role.role.allow_duplicates and _key(role) in self.state.roles_completed

    def _remember(self, failed: HostFailed) -> None:
        if failed.result is not None:
            self.state.set_facts["ansible_failed_result"] = failed.result.registered()
            self.state.set_facts["ansible_failed_task"] = failed.task

    # Tasks

    async def task(self, task: Task, at: Position) -> None:
        run, batch = self.batch.run, self.batch
        if not selected(task.tags, run.options.tags):
            return
        if self.skipping and not await self._starts_here(task):
            return
        group = await batch.strategy.turn(self.state.name, at)
        first = group[0] == self.state.name
        if self.state.stopped is not None and not self.in_always:
            raise HostFailed
        if task.action == META:
            await control.meta(self, task, at, first)
            return
        if run.stepping and not await batch.once("step", at, first, lambda: self._wanted(task)):
            return
        mine = True
        if (len(group) > 1 or batch.together) and await self._once(
            task, at, first
        ):  # an include may be one host's: its facts are all's
            mine = first
            finished = await batch.once("run", at, first, lambda: self._do(task, at, shared=True))
            await self._conclude(task, finished, at, told=first)
        else:
            finished = await self._do(task, at)
            await self._conclude(task, finished, at)
        groups = await control.load(self, task, finished, at) if task.action in INCLUDES and mine else []
        await self._settle(task, at)
        await control.walk_through(self, groups, at)

    async def _do(self, task: Task, at: Position, *, shared: bool = False) -> Finished:
        run, scopes = self.batch.run, self.batch.scopes
        scope = scopes.for_task(self.state, task)
        await self.batch.announce(task, at, scope)
        run.under_way[self.state.name] = str.__str__(task.name) or task.written
        others = self.batch.alive() if shared else (self.state,)
        try:
            finished = await self._debugged(task, scope, others)
        except Exception as exc:
            finished = Finished(result := error_result(exc, what=task.action), [Item(result)])
        finally:
            run.under_way.pop(self.state.name, None)
        if task.register:
            registered = finished.registered()
            if finished.result.failed and not finished.looped:
                registered.setdefault("exception", NO_TRACEBACK)
            for state in others:
                state.set_facts[task.register] = registered
        return finished

    async def _debugged(self, task: Task, scope: Scope, shared: Sequence[HostState]) -> Finished:
        run, scopes, state = self.batch.run, self.batch.scopes, self.state

        def do(task: Task, scope: Scope) -> Awaitable[Finished]:
            return run_task(run, scopes, state, task, scope=scope, shared=shared)

        everywhere = run.settings.enable_task_debugger or self.batch.strategy.debugs
        if task.debugger is None and not everywhere:
            return await do(task, scope)
        name = await display_name(run, task, scope)
        debugger = Debugger(run, state.name, name, task, task, scope, everywhere=everywhere)
        return await with_debugger(debugger, do, lambda: scopes.for_task(state, task))

    async def _once(self, task: Task, at: Position, first: bool) -> bool:
        if task.run_once is True:
            return True
        if task.action not in INCLUDES and not isinstance(task.action, Trusted) and self._bypasses(task.action):
            return True
        if not isinstance(task.run_once, Trusted):
            return False
        scope = self.batch.scopes.for_task(self.state, task)
        templates = self.batch.run.templates
        answer = await self.batch.once(
            "run_once", at, first, lambda: values.flag(templates, task.run_once, scope, "run_once")
        )
        return bool(answer)

    def _bypasses(self, action: str) -> bool:
        found = self._bypass.get(action)
        if found is None:
            found = self._bypass[action] = bool(getattr(self.batch.run.load_action(action), "bypass_host_loop", False))
        return found

    async def _conclude(self, task: Task, finished: Finished, at: Position, *, told: bool = True) -> None:
        """Tell, notify, and raise what the result means for this host. ``told`` False: another host ran it for us."""
        result, state = finished.result, self.state
        failed = result.failed and not result.unreachable and not finished.ignored
        gone = result.unreachable and not finished.unreachable_ignored
        if told and task.role is not None and not result.skipped and not result.unreachable:
            state.roles_run.add(_key(task.role))
        if failed or gone:
            await self.fatal(task, at)
        if told and not (finished.includes and not failed and not gone):
            self._tell(task, finished, rescued=failed and self.rescuing)
        if gone:
            await self.batch.lose(state)
        if failed:
            raise HostFailed(task.written, result, task=await self._described(task))
        if told and result.changed:
            await handlers.notify(self, finished.notified, task)

    def _tell(self, task: Task, finished: Finished, *, rescued: bool) -> None:
        result = finished.result
        delegate = next((item.delegate for item in finished.items if item.delegate), "")
        self.batch.run.emit(
            ev.TaskFinished(
                task=task.id, host=self.state.name, result=finished.shown, delegate=delegate, duration=finished.duration, place=task.place,
                ignored=finished.ignored if not result.unreachable else finished.unreachable_ignored, rescued=rescued,
                diff=any(item.diff for item in finished.items) and not finished.no_log,
            )
        )  # fmt: skip
        for text in result.warnings:
            self.batch.run.warn(text, host=self.state.name, place=task.place)

    async def fatal(self, task: Task, at: Position) -> None:
        """This host fails at ``at``: is that everybody's failure?"""
        if await self._is_fatal(task):
            self.batch.fatal.add(at)

    async def _is_fatal(self, task: Task) -> bool:
        if not self.batch.together:
            return False
        scope = self.batch.scopes.for_task(self.state, task)
        default = self.batch.any_errors_fatal
        return await values.flag(
            self.batch.run.templates, task.any_errors_fatal, scope, "any_errors_fatal", default=default
        )

    async def _settle(self, task: Task, at: Position) -> None:
        """Wait until everybody has done this task, when a failure of one may be everybody's, or includes are to be shared."""
        batch = self.batch
        if not batch.together or batch.run.stop.begun:
            return
        fatal = batch.any_errors_fatal if task.any_errors_fatal is None else task.any_errors_fatal is not False
        if not fatal and batch.max_fail_percentage is None:
            return
        await batch.strategy.turn(self.state.name, (*at, 0, 1))
        if at in batch.fatal:
            raise HostFailed(task.written)
        if batch.over_the_limit():
            batch.break_play = True
            raise HostFailed(task.written)

    async def _described(self, task: Task) -> dict[str, Any]:
        scope = self.batch.scopes.for_task(self.state, task)
        name = (await display_name(self.batch.run, task, scope)).rpartition(" : ")[2]
        return {
            "name": name,
            "action": task.written,
            "args": {},
            "tags": sorted(task.tags),
            "register": task.register or None,
        }

    async def _starts_here(self, task: Task) -> bool:
        wanted = self.batch.run.options.start_at_task
        scope = self.batch.scopes.for_task(self.state, task)
        name = await display_name(self.batch.run, task, scope)
        if any(fnmatchcase(shown, wanted) for shown in (name, name.rpartition(" : ")[2])):
            self.batch.run.started, self.skipping = True, False
        return not self.skipping

    async def _wanted(self, task: Task) -> bool:
        run = self.batch.run
        if run.prompt is None:
            run.warn("--step is passed over: there is no terminal to ask on")
            run.stepping = False
            return True
        scope = self.batch.scopes.for_task(self.state, task)
        name = await display_name(run, task, scope)
        answer = (await run.prompt(f"Perform task: TASK: {name} (N)o/(y)es/(c)ontinue: ")).strip().lower()
        if answer in ("c", "continue"):
            run.stepping = False
        return answer in ("y", "yes", "c", "continue")


def _key(role: Any) -> Any:
    return role.key if role.key is not None else id(role.role)
