"""What holds for every job of the collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotdesk.jobs.load import load
from hotdesk.transfer.excludes import HANDLED

FILES = sorted(Path(__file__).parents[3].glob("collection/plugins/jobs/*.py"))
JOBS = {path.stem: load(path) for path in FILES}


def test_a_mirror_leaves_alone_exactly_what_other_jobs_handle() -> None:
    """What is hidden from folder is handled somewhere, and what a job handles folder leaves alone."""
    declared = {(pattern, name) for name, job in JOBS.items() for pattern in job.handles}
    assert declared == set(HANDLED)


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_comes_after_jobs_that_there_are(name: str) -> None:
    """A misspelt name would order nothing."""
    assert {before.removeprefix("hotdesk.sync.") for before in JOBS[name].after} <= JOBS.keys() - {name}
