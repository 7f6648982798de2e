"""The everyday playbook of the collection: every job that there is, in the order that the jobs declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hotdesk.jobs.load import load

COLLECTION = Path(__file__).parents[3] / "collection"
ELSEWHERE = {"rollback", "subvolume"}
"""``rollback`` has a command of its own, ``subvolume`` is another way to do what ``folder`` does."""


def tasks() -> list[dict[str, Any]]:
    (play,) = yaml.safe_load((COLLECTION / "playbooks/switch.yml").read_text())
    return list(play["tasks"])


def job_of(task: dict[str, Any]) -> str:
    (name,) = (key for key in task if key.startswith("hotdesk.sync."))
    return str(name.removeprefix("hotdesk.sync."))


def test_every_job_is_in_it() -> None:
    """Snapshots around all others; each runs when it is named."""
    names = [job_of(task) for task in tasks()]
    assert set(names) == {path.stem for path in (COLLECTION / "plugins/jobs").glob("*.py")} - ELSEWHERE
    assert (names[0], names[-1]) == ("snapshot", "snapshot")
    assert len(names) == len(set(names)) + 1
    assert all(task["when"] == f"'{job_of(task)}' in switch_wanted" for task in tasks())


def test_its_order_is_the_one_that_the_jobs_declare() -> None:
    """Packages before files, accounts before both."""
    names = [job_of(task) for task in tasks()]
    for at, name in enumerate(names):
        after = load(COLLECTION / f"plugins/jobs/{name}.py").after
        assert set(after) & set(names) <= set(names[:at])
