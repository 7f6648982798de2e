"""One play: its hosts and batches, facts, sections and flushes, and what ends it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import TaskGroup, first, paced
from hotdesk.errors import InventoryError, PlaybookError
from hotdesk.executor import handlers, values
from hotdesk.executor.attempt import error_result
from hotdesk.executor.batch import Batch
from hotdesk.executor.host import HostEnded, HostFailed, HostState, HostUnreachable, RoleEnded
from hotdesk.executor.item import INCLUDES
from hotdesk.executor.play_variables import PlayVarsFiles, prompted
from hotdesk.executor.scopes import Scopes
from hotdesk.executor.serial import batches_of
from hotdesk.executor.strategy import strategy_for
from hotdesk.executor.walk import META, Walk
from hotdesk.inventory.patterns import in_order, select
from hotdesk.inventory.vars_files import load_vars_files
from hotdesk.playbook.keywords import is_template
from hotdesk.playbook.model import Block, Play, Task
from hotdesk.playbook.tags import selected
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from hotdesk.executor.run import Run
    from hotdesk.inventory.model import VarsFiles
    from hotdesk.variables.scope import Scope

SETUP = "ansible.builtin.setup"
GATHER = "ansible.builtin.gather_facts"


class PlayRun:
    """One play of one run. ``go`` gives False when no further play may start."""

    def __init__(
        self,
        run: Run,
        play: Play,
        *,
        before_batch: Callable[[Batch], Awaitable[bool]] | None = None,
        watching: Callable[[Batch], AbstractAsyncContextManager[Any]] | None = None,
        after_play: Callable[[PlayRun], Awaitable[None]] | None = None,
    ) -> None:
        """``before_batch``: preflight, False ends the run; ``watching``: held open while a batch runs (disk watch); ``after_play``: verification."""
        self.run = run
        self.play = play
        self.scopes = Scopes(run, play)
        self._before_batch = before_batch
        self._watching = watching
        self._after_play = after_play

    async def go(self) -> bool:
        play, run, scopes = self.play, self.run, self.scopes
        scopes.play_vars = play.vars
        scopes.prompts = await prompted(run, play, scopes.for_play())
        scope = scopes.for_play()
        scopes.playbook_files = await self._files()
        hosts = await self._hosts(scope)
        scopes.name = await values.text(run.templates, play.name, scope) or await self._pattern(scope)
        if run.fact_cache is not None:
            await run.fact_cache.load(hosts)
        scopes.hosts_all = hosts
        scopes.removed = {name for name in hosts if run.state(name).failed or run.state(name).unreachable}
        batches = await self._batches(hosts, scope)
        if not batches:
            run.emit(ev.PlayStarted(play=scopes.name, hosts=(), place=play.place))
            run.emit(ev.NoHosts(play=scopes.name, reason="matched"))
            return True
        for host in hosts:
            run.state(host).begin_play()
        going = await self._run_batches(batches)
        if self._after_play is not None:
            await self._after_play(self)
        return going

    async def _run_batches(self, batches: Sequence[Sequence[str]]) -> bool:
        for number, names in enumerate(batches):
            batch = await self._batch(names, number)
            earlier = frozenset(batch.failed)  # who failed in an earlier play is no reason to stop
            await self._run_batch(batch)
            if batch.break_play or all(name in batch.failed - earlier for name in batch.hosts):
                return False
            if batch.end_play:
                break
        return True

    # Before the first host

    async def _pattern(self, scope: Scope) -> str:
        pattern = await self.run.templates.render(self.play.hosts, scope)
        return ",".join(map(str, pattern)) if isinstance(pattern, list) else str(pattern)

    async def _hosts(self, scope: Scope) -> list[str]:
        run = self.run
        pattern = await run.templates.render(self.play.hosts, scope, place=self.play.place)
        order = await values.text(run.templates, self.play.order, scope) or None
        mismatch = run.settings.host_pattern_mismatch  # what could be an error was one before the first play
        found = select(
            run.inventory, pattern, limit=run.options.limit or None, mismatch="ignore" if mismatch == "ignore" else "warning",
            warn=lambda text, place: run.warn(text, place=place or place_of(self.play.hosts)),
        )  # fmt: skip
        return in_order(found, order, place=self.play.place)

    async def _batches(self, hosts: Sequence[str], scope: Scope) -> list[list[str]]:
        serial: list[Any] = []
        for raw in self.play.serial:
            value = await self.run.templates.render(raw, scope)
            serial += value if isinstance(value, list) else [value]
        return batches_of(hosts, serial, place=self.play.place)

    async def _files(self) -> Sequence[VarsFiles]:
        """group_vars and host_vars beside the playbook."""
        basedir = self.play.basedir or self.run.playbook_dir
        inventory = self.run.inventory
        return (
            await load_vars_files(
                basedir,
                groups=inventory.groups,
                hosts=inventory.hosts,
                merge=self.run.settings.hash_behaviour == "merge",
                decrypt=self.run.decrypt,
            ),
        )

    # A batch

    async def _batch(self, names: Sequence[str], number: int) -> Batch:
        run, play, scopes = self.run, self.play, self.scopes
        scopes.batch = names
        scope = scopes.for_play()
        run.emit(ev.PlayStarted(play=scopes.name, hosts=tuple(names), batch=number, place=play.place))
        ready = [name for name in names if name not in scopes.removed]
        strategy = await values.text(run.templates, play.strategy, scope) or run.settings.strategy
        batch = Batch(
            run=run, play=play, scopes=scopes, hosts=tuple(names), strategy=strategy_for(strategy, ready, play.place),
            any_errors_fatal=await values.flag(
                run.templates, play.any_errors_fatal, scope, "any_errors_fatal", default=run.settings.any_errors_fatal
            ),
            max_fail_percentage=await values.number(run.templates, play.max_fail_percentage, scope, "max_fail_percentage"),
        )  # fmt: skip
        batch.handlers = handlers.flat(play.handlers)
        batch.skipping = not run.started
        batch.failed = {name for name in names if name in scopes.removed}
        return batch

    async def _run_batch(self, batch: Batch) -> None:
        ready = [batch.state(name) for name in batch.hosts if name not in batch.failed]
        vars_files = PlayVarsFiles(self.run, self.play, self.scopes)
        for state in ready:
            await vars_files.load(state)
        force = await self._force_handlers()
        sections = await self._sections(force)
        gather = await self._gather_task()
        await self._connect(batch, ready, gathers=gather is not None)
        if self._before_batch is not None and not await self._before_batch(batch):
            batch.break_play = True
            return
        for state in ready:
            if state.name in batch.failed:  # refused before the first task
                batch.strategy.leave(state.name)
                self.scopes.removed.add(state.name)
        ready = [state for state in ready if state.name not in batch.failed]
        window = (
            asyncio.Semaphore(max(1, self.run.settings.forks)) if getattr(batch.strategy, "pinned", False) else None
        )
        if self._watching is None:
            await self._all(batch, ready, sections, gather, window)
            return
        async with self._watching(batch):
            await self._all(batch, ready, sections, gather, window)

    async def _all(
        self, batch: Batch, ready: Sequence[HostState], sections: Any, gather: Task | None, window: Any
    ) -> None:
        batch.walking = {state.name for state in ready}
        try:
            async with TaskGroup() as group:
                async for state in paced(ready):
                    task = group.create_task(
                        self._host(batch, state, sections, gather, window), name=f"host {state.name}"
                    )
                    # Also for a task that was cancelled before it began: it must not be waited for.
                    task.add_done_callback(lambda _, name=state.name: batch.leave(name))  # type: ignore[misc]
        except BaseExceptionGroup as problems:
            raise first(problems) from None

    async def _host(
        self, batch: Batch, state: HostState, sections: Sequence[tuple[Any, ...]], gather: Task | None, window: Any
    ) -> None:
        if window is not None:
            async with window:
                await self._way(batch, state, sections, gather)
        else:
            await self._way(batch, state, sections, gather)

    async def _way(self, batch: Batch, state: HostState, sections: Sequence[Any], gather: Task | None) -> None:
        walk = Walk(batch, state, skipping=batch.skipping)
        try:
            if gather is not None and self._gathers(state):
                walk.skipping = False  # facts are gathered even for --start-at-task
                await walk.task(gather, (0,))
                walk.skipping = batch.skipping
            for number, (block, flush) in enumerate(sections, start=1):
                await self._section(walk, block, flush, (number,))
        except HostFailed:
            state.failed = True
            batch.drop(state.name)
        except HostUnreachable:
            pass  # the batch knows
        except (HostEnded, RoleEnded):
            state.ended = True
        except (PlaybookError, InventoryError):
            raise  # a fault of the playbook, not of this host: it ends the run
        except Exception as exc:
            state.failed = True
            batch.drop(state.name)
            result = error_result(exc, what=f"the play on {state.name}")
            self.run.emit(
                ev.TaskFinished(task=f"{id(batch)}-{state.name}", host=state.name, result=result, place=self.play.place)
            )

    async def _section(self, walk: Walk, block: Block, flush: str, at: tuple[int, ...]) -> None:
        """One section and its flush; with force_handlers the flush comes also after a failure."""
        try:
            await walk.block(block, (*at, 0))
        except HostFailed:
            if flush == "always":
                await handlers.flush(walk, (*at, 1))
            raise
        await handlers.flush(walk, (*at, 1))

    async def _force_handlers(self) -> bool:
        return await values.flag(
            self.run.templates,
            self.play.force_handlers,
            self.scopes.for_play(),
            "force_handlers",
            default=self.run.settings.force_handlers,
        )

    async def _sections(self, force: bool) -> list[tuple[Block, str]]:
        """pre_tasks; roles and tasks; post_tasks: handlers are flushed after each of the three."""
        parts: dict[str, list[Any]] = {"pre_tasks": [], "tasks": [], "post_tasks": []}
        for name, items in self.play.sections:
            parts[name if name in parts else "tasks"] += items
        return [(Block(tasks=tuple(items)), "always" if force else "success") for items in parts.values()]

    # Facts

    async def _gather_task(self) -> Task | None:
        play, run = self.play, self.run
        scope = self.scopes.for_play()
        implicit = run.settings.gathering in ("implicit", "smart")
        if not await values.flag(run.templates, play.gather_facts, scope, "gather_facts", default=implicit):
            return None
        args: dict[str, Any] = {
            "gather_subset": play.gather_subset if play.gather_subset is not None else list(run.settings.gather_subset)
        }
        if play.gather_timeout is not None or run.settings.gather_timeout != 10.0:
            args["gather_timeout"] = (
                play.gather_timeout if play.gather_timeout is not None else run.settings.gather_timeout
            )
        if play.fact_path is not None:
            args["fact_path"] = play.fact_path
        base = play.keywords or Task(id="", action=GATHER, written="gather_facts", place=play.place)
        return replace(
            base, id=f"{id(play)}-facts", action=GATHER, written="gather_facts", args=args, name="Gathering Facts", place=play.place,
            tags=base.tags | {"always"}, phase="setup", role=None, loop=None, register="",
        )  # fmt: skip

    def _gathers(self, state: HostState) -> bool:
        return self.run.settings.gathering != "smart" or not state.gathered

    # Connections

    async def _connect(self, batch: Batch, ready: Sequence[HostState], *, gathers: bool) -> None:
        """Begin to connect all hosts at once; the first task of each waits for its own. Not for a play that touches no host."""
        if not gathers and not any(
            self._touches(task) for _, items in self.play.sections for task in handlers.flat(items)
        ):
            return

        async def one(state: HostState) -> None:
            task = self.play.keywords or Task(id="connect", action=SETUP, written="setup", place=self.play.place)
            await self.run.machines.connect(state.name, self.scopes.for_task(state, task), task)

        async for state in paced(ready):
            self.run.connecting(one(state))

    def _touches(self, task: Task) -> bool:
        """Known beforehand to work on the host itself."""
        if task.delegate_to is not None or not selected(task.tags, self.run.options.tags) or task.when == (False,):
            return False
        if task.action in INCLUDES or task.action == META:
            return False
        if is_template(task.action):
            return True
        return bool(self.run.load_action(task.action).needs_machine)
