"""The story of a run, from settings to the exit code; ``prepare.py`` is what it is made of.

``await play(settings, ["site.yml"], PlayOptions(), Around(bus=Bus(...)))`` works inside any running loop and gives the exit code.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import TaskGroup, first, in_thread, use_pidfd_watcher
from hotdesk.errors import PlaybookError, UsageError
from hotdesk.executor.ad_hoc import ad_hoc_play, verification_play
from hotdesk.executor.play import PlayRun
from hotdesk.executor.run import PlayOptions
from hotdesk.executor.vaulted import check_vaulted
from hotdesk.inventory.patterns import select
from hotdesk.jobs.plan_file import read_plan, told, write_plan
from hotdesk.jobs.review import Approval, Recorder
from hotdesk.prepare import Around, prepared
from hotdesk.report.recap import Recap
from hotdesk.results import labels
from hotdesk.supervise.of_play import Supervision
from hotdesk.supervise.signals import stop_signals
from hotdesk.supervise.stopping import Stopping
from hotdesk.verify.of_play import verify_play
from hotdesk.verify.session import find_tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from hotdesk.executor.run import Run
    from hotdesk.playbook.model import Playbook
    from hotdesk.settings import Settings

__all__ = ["Around", "PlayOptions", "plan", "play", "prepared", "run_module", "verify_hosts"]


async def play(
    settings: Settings,
    playbooks: Sequence[str | Path],
    options: PlayOptions,
    around: Around,
) -> int:
    """Run playbooks. Returns the exit code: a signal's, else 4 unreachable, 2 failed, 3 verification, 0.

    Raises InputError or UsageError for what is wrong before any host is touched.
    """
    paths = [Path(path) for path in playbooks]
    file = await in_thread(read_plan, options.plan) if options.plan is not None else None

    async def story(run: Run, loaded: Sequence[Playbook]) -> None:
        if file is None:
            await _plays(run, loaded, options)
            return
        assert run.jobs is not None
        run.jobs.review = approval = Approval(file.steps)
        try:
            await _plays(run, loaded, options)
        finally:
            for step, host, count in approval.unmet():
                run.warn(f"{count} approved changes of {step.task!r} ({step.at}) were not come to", host=host)

    return await _whole(
        settings, paths or [Path(book) for book in (file.playbooks if file else ())], options, around, story
    )


async def plan(
    settings: Settings, playbooks: Sequence[str | Path], output: Path, options: PlayOptions, around: Around
) -> int:
    """Find out what every sync job of the playbooks would change, on every host, and write it to ``output`` for review.

    Nothing is changed on any PC (check mode). Returns and raises as ``play`` does; also UsageError when ``output`` cannot be written.
    """
    paths = [Path(path) for path in playbooks]

    async def story(run: Run, loaded: Sequence[Playbook]) -> None:
        assert run.jobs is not None
        run.jobs.review = recorder = Recorder()
        await _plays(run, loaded, options)
        clean = around.redaction.clean if around.redaction is not None else str
        lost = [name for name, state in run.hosts.items() if state.failed or state.unreachable]
        try:
            await in_thread(
                write_plan, output, recorder.planned, playbooks=paths, run=run.id, clean=clean, incomplete=lost
            )
        except OSError as exc:
            raise UsageError(f"the plan cannot be written to {output}: {exc.strerror}") from None
        if lost:
            run.warn(f"the plan is not complete: {labels(sorted(lost))} failed on the way")
        run.emit(ev.Noted(text=f"\n{output}: {told(recorder.planned)}"))

    return await _whole(replace(settings, check=True), paths, options, around, story)


async def _plays(run: Run, loaded: Sequence[Playbook], options: PlayOptions) -> None:
    """All plays of the playbooks, until one ends the run. Raises PlaybookError when --start-at-task met no task."""
    for playbook in loaded:
        run.playbook_dir = playbook.path.absolute().parent
        run.emit(ev.Noted(text=f"{len(playbook.plays)} plays in {playbook.path}", verbosity=2))
        for one in playbook.plays:
            watch = Supervision()
            if not await PlayRun(
                run, one, before_batch=watch.before, watching=watch.watching, after_play=verify_play
            ).go():
                return
        if any(state.failed or state.unreachable for state in run.hosts.values()):
            return
    if not run.started:
        raise PlaybookError(f"no task matched --start-at-task {options.start_at_task!r}")


async def run_module(
    settings: Settings,
    pattern: str,
    module: str,
    arguments: str,
    options: PlayOptions,
    around: Around,
) -> int:
    """Run one module on the hosts of ``pattern`` (``hotdesk run PATTERN -m MODULE -a ARGS``). Returns and raises as ``play`` does."""

    async def story(run: Run, _loaded: Sequence[Playbook]) -> None:
        select(run.inventory, pattern, mismatch=run.settings.host_pattern_mismatch)
        one = ad_hoc_play(run.actions, pattern, module, arguments)
        watch = Supervision()
        await PlayRun(run, one, before_batch=watch.before, watching=watch.watching).go()

    return await _whole(settings, [], options, around, story)


async def verify_hosts(
    settings: Settings,
    pattern: str,
    tests: Sequence[str],
    options: PlayOptions,
    around: Around,
) -> int:
    """Run testinfra tests on the hosts of ``pattern`` (``hotdesk verify TESTS``). Returns and raises as ``play`` does."""
    find_tests(tests, [Path.cwd()])

    async def story(run: Run, _loaded: Sequence[Playbook]) -> None:
        select(run.inventory, pattern, mismatch=run.settings.host_pattern_mismatch)
        one = verification_play(pattern, tests)
        await PlayRun(run, one, after_play=verify_play).go()

    return await _whole(settings, [], options, around, story)


async def _whole(
    settings: Settings,
    paths: Sequence[Path],
    options: PlayOptions,
    around: Around,
    story: Callable[[Run, Sequence[Playbook]], Awaitable[None]],
) -> int:
    """From settings to the exit code, around what the run is about."""
    began, recap, stopped, bus = time.monotonic(), Recap(), False, around.bus
    bus.subscribe(recap)
    use_pidfd_watcher()
    run: Run | None = None
    task = asyncio.current_task()
    assert task is not None
    stop = Stopping(task, settings, bus)
    with stop_signals(stop.begin, stop.force):
        try:
            async with prepared(settings, paths, options, around) as ready:
                run = stop.run = ready.run
                stop.pool = ready.pool
                await check_vaulted(run, ready.playbooks)
                bus.emit(ev.RunStarted(run=run.id, command=options.command, check=settings.check, forks=settings.forks))
                async with _beside(run):
                    await story(run, ready.playbooks)
        except asyncio.CancelledError:
            if not stop.begun:
                raise
            task.uncancel()
            stopped = True
        finally:
            stop.end()
    code = _exit_code(run, recap)
    if stopped or stop.begun:
        code = stop.exit_code(code)
    custom = run.custom_stats if run is not None else {}
    if run is not None:
        bus.emit(
            ev.RunFinished(exit_code=code, recap=recap.hosts, seconds=time.monotonic() - began, custom_stats=custom)
        )
    return code


def _exit_code(run: Run | None, recap: Recap) -> int:
    code = recap.exit_code()
    if run is None or not run.errors_cleared or code not in (2, 4):
        return code
    if any(state.unreachable for state in run.hosts.values()):
        return 4
    return 2 if any(state.failed for state in run.hosts.values()) else 0


@asynccontextmanager
async def _beside(run: Run) -> AsyncIterator[None]:
    """Where connections are made while the plays go on; what is not done at the end is not waited for."""
    try:
        async with TaskGroup() as group:
            run.group = group
            beside: set[asyncio.Task[Any]] = run.beside
            try:
                yield
            finally:
                run.group = None
                for one in tuple(beside):
                    one.cancel()
    except BaseExceptionGroup as problems:
        raise first(problems) from None
