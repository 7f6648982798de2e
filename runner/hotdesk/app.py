"""The story of a run, from settings to the exit code; ``prepare.py`` is what it is made of.

``await play(settings, ["site.yml"], PlayOptions(), Around(bus=Bus(...)))`` works inside any running loop and gives the exit code.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import TaskGroup, finish, first, in_thread, use_pidfd_watcher
from hotdesk.errors import HotdeskError, PlaybookError, UsageError
from hotdesk.executor.ad_hoc import ad_hoc_play, verification_play
from hotdesk.executor.play import PlayRun
from hotdesk.executor.run import PlayOptions
from hotdesk.executor.vaulted import check_vaulted
from hotdesk.inventory.patterns import select
from hotdesk.jobs.expected import keep, of_host
from hotdesk.jobs.plan_file import read_plan, told, write_plan
from hotdesk.jobs.review import Allowing, Approval, Recorder
from hotdesk.jobs.topology import Consent
from hotdesk.playbook.model import TagSelection
from hotdesk.prepare import Around, prepared
from hotdesk.report.recap import Recap
from hotdesk.results import labels
from hotdesk.supervise import topology_gate
from hotdesk.supervise.of_play import Supervision
from hotdesk.supervise.signals import stop_signals
from hotdesk.supervise.stopping import Stopping
from hotdesk.verify.of_play import EXPECTED, verify_play
from hotdesk.verify.session import find_tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from hotdesk.executor.run import Run
    from hotdesk.playbook.model import Playbook
    from hotdesk.settings import Settings

__all__ = ["Around", "PlayOptions", "plan", "play", "prepared", "run_module", "verify_hosts", "verify_jobs"]


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
        assert run.jobs is not None
        approval = Approval(file.steps) if file is not None else None
        run.jobs.review = approval
        if approval is None and (options.gate or not options.removals):
            run.jobs.review = Allowing(options.removals, options.conflicts)
        watched = topology_gate.watched(run, file.hosts if file is not None else None)
        run.jobs.met = [] if options.expectations and not run.settings.check else None
        through = False
        try:
            through = await _plays(run, loaded, options)
        finally:
            await watched.end(through)
            for step, host, count in approval.unmet() if approval is not None else ():
                run.warn(f"{count} approved changes of {step.task!r} ({step.at}) were not come to", host=host)
            await finish(_keep_expectations(run, loaded), grace=2.0)

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
        topology = run.jobs.topology
        topology.consent = Consent(options.allow_first, options.allow_order)
        through = await _plays(run, loaded, options)
        if not through and not recorder.planned:
            run.warn(f"no plan was written to {output}: the run ended before the first sync job")
            return
        clean = around.redaction.clean if around.redaction is not None else str
        lost = [name for name, state in run.hosts.items() if state.failed or state.unreachable]
        try:
            await in_thread(
                write_plan, output, recorder.planned, playbooks=[book.path for book in loaded], run=run.id, clean=clean, incomplete=lost,
                found={host: left for host, each in topology.found().items() if (left := topology.refused(host, each))},
            )  # fmt: skip
        except OSError as exc:
            raise UsageError(f"the plan cannot be written to {output}: {exc.strerror}") from None
        if lost or not through:
            who = f": {labels(sorted(lost))} failed on the way" if lost else ""
            run.warn(f"the plan is not complete{who}; what is not in it is not done")
        run.emit(ev.Noted(text=f"\n{output}: {told(recorder.planned)}"))

    return await _whole(replace(settings, check=True), paths, options, around, story)


async def _keep_expectations(run: Run, playbooks: Sequence[Playbook]) -> None:
    """What the sync jobs have promised, for ``verify --jobs``; only a run of whole playbooks says what they no longer promise."""
    met = run.jobs.met if run.jobs is not None else None
    if not met:
        return
    whole = run.options.tags == TagSelection() and not run.options.start_at_task
    lost = any(state.failed or state.unreachable for state in run.hosts.values())
    books = [str(playbook.path.absolute()) for playbook in playbooks] if whole and not lost else []
    try:
        await in_thread(keep, met, run=run.id, playbooks=books)
    except (HotdeskError, OSError, TypeError) as exc:  # TypeError: a job's expectation is no plain JSON
        run.warn(f"what 'hotdesk verify --jobs' is to expect could not be kept: {exc}")


async def _plays(run: Run, loaded: Sequence[Playbook], options: PlayOptions) -> bool:
    """All plays of the playbooks; False when they were not all come to. Raises PlaybookError when --start-at-task met no task."""
    for playbook in loaded:
        run.playbook_dir = playbook.path.absolute().parent
        run.emit(ev.Noted(text=f"{len(playbook.plays)} plays in {playbook.path}", verbosity=2))
        for one in playbook.plays:
            watch = Supervision()
            if not await PlayRun(
                run, one, before_batch=watch.before, watching=watch.watching, after_play=verify_play
            ).go():
                return False
        lost = any(state.failed or state.unreachable for state in run.hosts.values())
        if lost and playbook is not loaded[-1]:
            return False
    if not run.started:
        raise PlaybookError(f"no task matched --start-at-task {options.start_at_task!r}")
    return True


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


async def verify_jobs(settings: Settings, pattern: str, options: PlayOptions, around: Around) -> int:
    """Look whether the hosts of ``pattern`` still have what the sync jobs left there (``hotdesk verify --jobs``).

    Returns and raises as ``play`` does: 3 when something has drifted.
    """

    async def story(run: Run, _loaded: Sequence[Playbook]) -> None:
        hosts = select(run.inventory, pattern, limit=options.limit or None, mismatch=run.settings.host_pattern_mismatch)
        steps = {host: await in_thread(of_host, host) for host in hosts}
        expected = [host for host in hosts if any(step["expectations"] for step in steps[host])]
        for host in hosts:
            if host not in expected:
                run.warn("no sync has left anything to be expected here", host=host)
        if expected:
            one = verification_play(",".join(expected), [str(EXPECTED)])
            await PlayRun(run, one, after_play=partial(verify_play, steps=steps)).go()

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
                if ready.workers is not None:
                    await ready.workers.start()
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
