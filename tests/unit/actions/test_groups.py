from __future__ import annotations

from pathlib import Path

import pytest

from hotdesk.actions.collections import Collections
from hotdesk.actions.groups import Groups, action_groups
from hotdesk.settings import Settings
from tests.unit.actions.test_collections import make
from tests.unit.playbook.project import Project

RUNTIME = """
action_groups:
  desk:
    - metadata: {extend_group: [all.round.more, desk]}
    - one
    - ansible.builtin.copy
  more: [ansible.builtin.file]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def collection(project: Project) -> None:
    """my.pcs with the group desk, which extends one of another collection and, in a circle, itself."""
    for name in ("my.pcs", "all.round"):
        path = make(project.path / "collections", name, plugins__modules__one="DOCUMENTATION = ''")
        (path / "meta").mkdir()
        (path / "meta" / "runtime.yml").write_text(RUNTIME)


def test_a_group_has_its_modules_and_those_of_the_groups_it_extends(project: Project) -> None:
    """Short names are the collection's own; a circle ends; a short group is ansible.builtin's, which are the collections'."""
    collection(project)
    groups = Groups(Collections(Settings(), (project.path,), scan_sys_path=False))
    assert groups.resolve("group/my.pcs.desk", None) == "group/my.pcs.desk"
    assert groups.members("group/my.pcs.desk") == {"my.pcs.one", "ansible.builtin.copy", "ansible.builtin.file"}
    assert groups.resolve("group/aws", None) == "group/ansible.builtin.aws"
    assert groups.members("group/ansible.builtin.aws") == frozenset()


def test_a_group_that_there_is_not_is_refused_with_its_place(project: Project) -> None:
    """And the nearest one of that collection is named."""
    collection(project)
    error = project.refused_task("- debug: {}\n  module_defaults: {group/my.pcs.desc: {a: b}}")
    assert "no action group 'group/my.pcs.desc'" in error.message
    assert "group/my.pcs.desk" in error.remedy
    assert error.place is not None
    assert error.place.line == 4


def test_the_jobs_of_our_collection_are_a_group() -> None:
    """``group/hotdesk.sync.jobs`` has each of them."""
    root = Path(__file__).parents[3] / "collection"
    jobs = {path.stem for path in (root / "plugins" / "jobs").glob("*.py") if not path.stem.startswith("_")}
    assert set(action_groups(root)["jobs"]) == jobs
