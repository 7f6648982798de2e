from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hotdesk.errors import JobError
from hotdesk.jobs.load import load

GOOD = """
from hotdesk.jobs import JobResult, Plan, SyncJob

class Job(SyncJob):
    def validate(self): return []
    async def pre_sync(self): return Plan()
    async def sync(self, plan): return JobResult()
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "example.py"
    path.write_text(text)
    return path


def test_a_job_is_its_class(tmp_path: Path) -> None:
    """Phases may be coroutines or plain functions."""
    assert load(written(tmp_path, GOOD)).__name__ == "Job"


def test_the_shipped_job_keeps_the_contract() -> None:
    """The folder job loads."""
    assert load(Path(__file__).parents[3] / "collection/plugins/jobs/folder.py")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("class Job(", "class Jobb("), "class Job"),
        (("(SyncJob)", "(object)"), "does not derive"),
        (("    async def sync(self, plan): return JobResult()\n", ""), "lacks sync"),
        (("async def sync(self, plan)", "async def sync(self)"), "sync"),
        (("def validate(self): return []", "def validate(self): yield 1"), "generator"),
        (("def validate(self): return []", "def validate(self): return self.pre_sync()"), "never be awaited"),
        (("def validate(self): return []", "def validate(self) -> 'Awaitable[list]': ..."), "never be awaited"),
        (("def validate(self): return []", "validate = 1"), "not a method"),
        (("async def sync", "async def post_sinc(self, plan): ...\n    async def sync"), "no phase"),
        (("    def validate", "    after = 'apt'\n    def validate"), "must be a tuple of text"),
        (
            ("async def sync", "async def expectations(self): ...\n    async def sync"),
            r"expectations\(self, plan, result\)",
        ),
        (("from hotdesk", "import asyncssh\nfrom hotdesk"), "does not import asyncssh"),
        (("from hotdesk", "from subprocess import run\nfrom hotdesk"), "does not import subprocess"),
        (("from hotdesk", "1 / 0\nfrom hotdesk"), "ZeroDivisionError"),
        (("class", "klass"), "not Python"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_place(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """Before any host is touched."""
    path = written(tmp_path, GOOD.replace(*change, 1))
    with pytest.raises(JobError, match=said) as caught:
        load(path)
    assert caught.value.place is not None
    assert caught.value.place.file == str(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """With the path."""
    with pytest.raises(JobError, match="cannot read"):
        load(tmp_path / "nowhere.py")


def test_hosts_that_load_a_broken_job_at_once_get_the_same_error(tmp_path: Path) -> None:
    """Each asks in a thread of its own; the second comes while the first is in the middle of the import."""
    path = written(tmp_path, "import time\ntime.sleep(0.2)\nraise ImportError('not here')\n")
    with ThreadPoolExecutor(4) as pool:
        problems = [asked.exception() for asked in [pool.submit(load, path) for _ in range(4)]]
    assert [str(problem) for problem in problems] == ["the job cannot be imported: ImportError: not here"] * 4
