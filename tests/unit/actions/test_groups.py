from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hotdesk.actions.collections import Collections
from hotdesk.actions.groups import Groups, action_groups, defaults_of
from hotdesk.place import Place
from hotdesk.playbook.model import Task
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


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("[{metadata: {extend_group: [more]}}]", ""),
        ("[{metadata: {}, other: 1}]", "The only expected key is metadata, but got keys: metadata, other"),
        ("[{metadata: {}}, {metadata: {}}]", "The group contains multiple metadata entries."),
        ("[{metadata: {other: 1}}]", "The metadata contains unexpected keys: other"),
        ("[{metadata: [more]}]", "The metadata is not a dictionary. Got ['more']"),
        (
            "[{metadata: {extend_group: more}}]",
            "The metadata contains unexpected key types: extend_group is more (expected type list)",
        ),
    ],
)
def test_metadata_of_a_group_that_is_not_as_it_should_be_is_told(project: Project, entries: str, said: str) -> None:
    """In Ansible's words, and the group is used all the same."""
    path = make(project.path / "collections", "my.pcs", plugins__modules__one="DOCUMENTATION = ''")
    (path / "meta").mkdir()
    (path / "meta" / "runtime.yml").write_text(f"action_groups:\n  odd: {entries}\n")
    groups = Groups(Collections(Settings(), (project.path,), scan_sys_path=False))
    faults = groups.faults(groups.resolve("group/my.pcs.odd", None))
    begin = "Invalid metadata was found for action_group my.pcs.odd while loading module_defaults. "
    assert faults == ([begin + said] if said else [])


def test_a_member_that_was_renamed_is_its_new_name(project: Project) -> None:
    """As a task of the old name is."""
    collection(project)
    names = Collections(Settings(), (project.path,), scan_sys_path=False)
    groups = Groups(names, {"my.pcs.one": "all.round.one"}.get)
    assert groups.members("group/my.pcs.desk") == {"all.round.one", "ansible.builtin.copy", "ansible.builtin.file"}


def test_defaults_of_ones_own_action_go_for_ansibles_too() -> None:
    """Not the other way round."""
    layers = ({"ansible.legacy.debug": {"msg": "own"}},)
    for action in ("ansible.builtin.debug", "ansible.legacy.debug"):
        task = Task(id="t", action=action, written="debug", place=Place("p.yml"), module_defaults=layers)
        assert defaults_of(task, lambda _name: frozenset()) == [{"msg": "own"}]
    theirs = replace(task, module_defaults=({"ansible.builtin.debug": {"msg": "theirs"}},))
    assert defaults_of(theirs, lambda _name: frozenset()) == []


def test_the_jobs_of_our_collection_are_a_group() -> None:
    """``group/hotdesk.sync.jobs`` has each of them."""
    root = Path(__file__).parents[3] / "collection"
    jobs = {path.stem for path in (root / "plugins" / "jobs").glob("*.py") if not path.stem.startswith("_")}
    assert set(action_groups(root / "meta" / "runtime.yml")["jobs"]) == jobs
