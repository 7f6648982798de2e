from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.playbook.keywords import KEYWORDS, LEVELS

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project


@pytest.mark.parametrize(
    ("text", "message", "remedy", "line", "column"),
    [
        ("- hosts: all\n  becom: true\n", "'becom' is not a keyword of a play", "become", 2, 3),
        ("- hosts: all\n  loop: [1]\n", "'loop' is not a keyword of a play", "task", 2, 3),
        ("- hosts: all\n  gather_facts: maybe\n", "'gather_facts' must be true or false", "", 2, 17),
        ("- hosts: all\n  serial: half\n", "'serial' must be a number", "", 2, 11),
        ("- hosts: all\n  strategy: liner\n", "no strategy 'liner'", "linear", 2, 13),
        ("- hosts: all\n  order: sortd\n", "no order 'sortd'", "sorted", 2, 10),
        ("- hosts: []\n", "Hosts list cannot be empty", "Name hosts", 1, 10),
        ("- tasks: []\n", "needs 'hosts'", "", 1, 3),
        ("- hosts: all\n  debugger: sometimes\n", "the debugger 'sometimes' is not supported", "always", 2, 13),
        ("- hosts: all\n  vars: [1]\n", "'vars' must be a mapping", "", 2, 9),
        ("- hosts: all\n  vars: {a-b: 1}\n", "'a-b' is not a valid variable name", "letters", 2, 10),
        ("- hosts: all\n  tasks: x\n", "while loading tasks: 'x' should be a list", "", 2, 10),
        ("- hosts: all\n  pre_tasks: 1\n", "while loading pre_tasks: 1 should be a list", "", 2, 3),
        ("- hosts: all\n  roles: x\n", "'roles' must be a list", "", 2, 10),
        ("- hosts: all\n  vars_prompt: [{prompt: x}]\n", "missing 'name' key", "", 2, 17),
        ("- hosts: all\n  vars_prompt: [{name: a b}]\n", "needs the 'name' of a variable", "", 2, 17),
        ("- hosts: all\n  roles: ['a,b']\n", "Invalid old style role requirement: a,b", "role: NAME", 2, 11),
        ("[]\n", "must contain at least one play", "", 1, 1),
        ("- hosts: all\n  vars_prompt: [{name: x, privat: no}]\n", "unsupported key 'privat'", "private", 2, 27),
        ("- debug: msg=1\n", "is not a valid attribute for a Play: it is a task", "tasks", 1, 3),
        ("hosts: all\n", "a list of plays", "- hosts", 1, 1),
        ("- hosts: all\n  user: a\n  remote_user: b\n", "both 'user' and 'remote_user' are set", "remote_user", 1, 3),
    ],
)
def test_a_wrong_play_is_one_clear_error(
    project: Project, text: str, message: str, remedy: str, line: int, column: int
) -> None:
    """Message, place and remedy of what can be wrong with a play."""
    error = project.refused(text)
    assert message in error.message
    assert remedy in error.remedy
    assert error.place is not None
    assert (error.place.line, error.place.column) == (line, column)
    assert "^" in error.explain()


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("- debug: {}\n  becom: true", "'becom' is not a keyword of a task", "become"),
        ("- debug: {}\n  timeout: soon", "'timeout' must be a whole number", ""),
        ("- debug: {}\n  retries: 1.5", "'retries' must be a whole number", ""),
        ("- debug: {}\n  ignore_errors: perhaps", "'ignore_errors' must be true or false", ""),
        ("- debug: {}\n  register: a b", "Invalid variable name in 'register'", ""),
        ("- debug: {}\n  register: '{{ x }}'", "'register' cannot be a template", ""),
        ("- debug: {}\n  async: 10\n  poll: 0", "This action (debug) does not support async.", ""),
        ("- debug: {}\n  listen: x", "'listen' is not a keyword of a task", "handler"),
        ("- debug: {}\n  hosts: x", "'hosts' is not a keyword of a task", "play"),
        ("- debug: {}\n  tags: {a: b}", "'tags' must be a list of tags", ""),
        ("- debug: {}\n  loop: 5", "'loop' must be a list", ""),
        ("- debug: {}\n  loop: [1]\n  with_items: [1]", "has one loop", ""),
        ("- debug: {}\n  loop_control: {lable: x}\n  loop: [1]", "'lable' is not a key of loop_control", "label"),
        ("- debug: {}\n  loop_control: {loop_var: a-b}\n  loop: [1]", "'a-b' is not a valid variable name", ""),
        ("- debug: {}\n  with_items:", "says nothing to loop over", ""),
        ("- rescue: []", "'rescue' stands beside a 'block'", ""),
        ("- block: []\n  loop: [1]", "'loop' is not a keyword of a block", "task"),
        ("- just text", "a task must be a mapping", "'MODULE:'"),
        ("- ping", "a task must be a mapping", "'ping:', with a colon"),
    ],
)
def test_a_wrong_task_is_one_clear_error(project: Project, text: str, message: str, remedy: str) -> None:
    """Message and remedy of what can be wrong with a task's keywords."""
    error = project.refused_task(text)
    assert message in error.message
    assert remedy in error.remedy
    assert error.place is not None


def test_a_play_with_everything_literal_is_loaded(project: Project) -> None:
    """The words and numbers that Ansible takes are taken."""
    play = project.play("""
        - hosts: [a, b]
          name: 7
          gather_facts: no
          serial: [1, 50%, "{{ n }}"]
          max_fail_percentage: 30
          strategy: ansible.builtin.free
          user: me
          vars_files: [a.yml, [b.yml, c.yml]]
          vars_prompt: [{name: x, private: false}]
        """)
    assert play.name == "7"
    assert play.serial == (1, "50%", "{{ n }}")
    assert play.vars_files == ("a.yml", ["b.yml", "c.yml"])
    assert play.keywords is not None
    assert play.keywords.remote_user == "me"


def test_a_variable_named_as_a_keyword_is_warned_of(project: Project) -> None:
    """It works, and it is a trap."""
    project.play("- hosts: all\n  vars: {port: 80}\n")
    assert [text for text, _ in project.loader.warnings] == ["the variable 'port' has the name of a keyword"]


@pytest.mark.ansible
def test_the_table_has_every_keyword_of_ansible() -> None:
    """What ansible-core calls a keyword of a level is one here (or is made of two there)."""
    pytest.importorskip("ansible")
    from ansible.playbook.block import Block
    from ansible.playbook.handler import Handler
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

    spelled = {"async_val": "async", "loop_with": "loop"}
    for level, kind in (("play", Play), ("block", Block), ("task", Task), ("handler", Handler)):
        theirs = {spelled.get(name, name) for name in kind.fattributes}
        assert theirs - LEVELS[level] == set()  # type: ignore[index]
        assert LEVELS[level] - theirs <= {"user", "local_action"}  # type: ignore[index]
    assert set(KEYWORDS) == set().union(*LEVELS.values())


@pytest.mark.parametrize("said", ["ignore_errors: true", "rescue: [{debug: {}}]"])
def test_a_wrong_value_is_left_to_a_task_that_reckons_with_failing(project: Project, said: str) -> None:
    """As in Ansible: `ignore_errors` and `rescue` are for that. Where nothing is ignored it is refused before the run."""
    for wrong in ("diff: yes.", "retries: many", "become: maybe"):
        plain = f"{{debug: {{}}, {wrong}}}"
        project.refused_task(f"- {plain}")
        assert project.tasks(f"- {{block: [{plain}], {said}}}")
