from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.load import load
from hotdesk.jobs.run import JobRun
from tests.unit.machines import link, make_machine, needs, own_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hotdesk.jobs import JobResult, Plan
    from hotdesk.jobs.base import SyncJob
    from tests.unit.machines import MakeMachine

__all__ = ["link", "make_machine", "own_lock"]

FOLDER = Path(__file__).parents[3] / "collection/plugins/jobs/folder.py"


@pytest.fixture
async def jobs() -> AsyncIterator[JobRun]:
    async with JobRun("test-run") as running:
        yield running


@pytest.fixture
def make_job(jobs: JobRun, make_machine: MakeMachine) -> Callable[..., SyncJob]:
    """``make_job(check=True, path=..., ...)``: the folder job from atlas to vega, both this PC."""
    needs("rsync")

    def make(*, check: bool = False, source: str = "atlas", target: str = "vega", **args: Any) -> SyncJob:
        args = {name: str(value) if isinstance(value, Path) else value for name, value in args.items()}
        there, here = make_machine(source, for_host=target, check=check), make_machine(target, check=check)
        return jobs.job(load(FOLDER), args, there, here)

    return make


@pytest.fixture
def folder(jobs: JobRun, make_job: Callable[..., SyncJob]) -> Callable[..., Awaitable[tuple[Plan, JobResult]]]:
    """``plan, result = await folder(path=..., dest=..., ...)``: all its phases."""

    async def run(*, check: bool = False, **args: Any) -> tuple[Plan, JobResult]:
        return await jobs.perform(make_job(check=check, **args), check=check)

    return run
