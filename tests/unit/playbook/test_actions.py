from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.source import Trusted

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project


@pytest.mark.parametrize(
    ("text", "action", "args"),
    [
        ("- debug: msg=hi", "debug", {"msg": "hi"}),
        ("- ansible.builtin.debug:\n    msg: hi", "debug", {"msg": "hi"}),
        ("- ansible.legacy.debug: {msg: hi}", "debug", {"msg": "hi"}),
        ("- action: debug msg=hi", "debug", {"msg": "hi"}),
        ("- action: {module: debug, msg: hi}", "debug", {"msg": "hi"}),
        ("- action: {module: debug, args: {msg: hi}}", "debug", {"msg": "hi"}),
        ("- action: {module: debug msg=hi}", "debug", {"msg": "hi"}),
        ("- action: ping", "ping", {}),
        ("- ping:", "ping", {}),
        ("- command: echo hi\n  args: {chdir: /tmp}", "command", {"_raw_params": "echo hi", "chdir": "/tmp"}),
        ("- command: echo chdir=/a\n  args: {chdir: /tmp}", "command", {"_raw_params": "echo", "chdir": "/a"}),
        ("- command: {cmd: a}", "command", {"cmd": "a"}),
        ("- debug:\n  args: {msg: hi}", "debug", {"msg": "hi"}),
        ("- debug:\n  args: '{{ x }}'", "debug", "{{ x }}"),
        ("- debug: '{{ x }}'", "debug", "{{ x }}"),
        ("- debug: '{{ x }} verbosity=1'", "debug", {"verbosity": "1", "_variable_params": "{{ x }}"}),
        ("- debug: {verbosity: 1}\n  args: '{{ x }}'", "debug", {"verbosity": 1, "_variable_params": "{{ x }}"}),
        ("- debug: '{{ x }}'\n  args: '{{ y }}'", "debug", {"_variable_params": "{{ (x) | combine(y) }}"}),
        ("- meta: noop", "meta", {"_raw_params": "noop"}),
        ("- shell: !unsafe 'echo {{ x }}'", "shell", {"_raw_params": "echo {{ x }}"}),
    ],
)
def test_an_action_can_be_written_in_many_ways(project: Project, text: str, action: str, args: Any) -> None:
    """All forms of Ansible give one fully qualified action and its arguments."""
    (task,) = project.tasks(text)
    assert task.action == f"ansible.builtin.{action}"
    assert task.args == args


def test_unsafe_text_stays_data(project: Project) -> None:
    """What the user marked as not a template is none after splitting either."""
    for task in project.tasks("- shell: !unsafe 'echo {{ x }}'\n- action: !unsafe shell echo {{ x }}"):
        assert not isinstance(task.args["_raw_params"], Trusted)


def test_local_action_is_delegated(project: Project) -> None:
    """It means delegate_to: localhost."""
    first, second = project.tasks("- local_action: command echo a\n- local_action: {module: ping}")
    assert (first.delegate_to, first.args["_raw_params"]) == ("localhost", "echo a")
    assert (second.delegate_to, second.action) == ("localhost", "ansible.builtin.ping")


def test_values_keep_their_place(project: Project) -> None:
    """A template in an argument knows its file, line and column."""
    (task,) = project.tasks('- copy: {src: a, dest: "{{ b }}"}')
    assert str(task.args["dest"].place) == f"{project.path}/site.yml:3:28"
    assert task.place.column == 7


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("- debgu: msg=1", "no module 'debgu'", "debug"),
        ("- ansible.builtin.coppy: {}", "no module 'ansible.builtin.coppy'", "ansible.builtin.copy"),
        ("- community.general.ufw: {}", "no module 'community.general.ufw'", "community.general is not installed"),
        ("- name: nothing", "no action in this task", ""),
        ("- debug: {}\n  ping:", "one action, this one has 2: debug, ping", "Make a task of each"),
        ("- action: debug\n  local_action: ping", "one action", ""),
        ("- action: {msg: a}", "names no module", "module"),
        ("- debug: 5", "must be a mapping or text", ""),
        ("- debug: {}\n  args: [1]", "'args' must be a mapping", ""),
        ("- debug: just words", "debug takes options only", ""),
        ("- debug: {mgs: a}", "debug has no option 'mgs'", "msg"),
        ("- ping: {_ansible_check_mode: true}", "'_ansible_check_mode' is not an option", ""),
        ("- copy: {src: a}", "copy needs the option 'dest'", ""),
        ("- file: {path: /a, state: present}", "must be one of", ""),
        ("- file: {path: /a, state: directry}", "must be one of", "directory"),
        ("- file: {path: /a, recurse: perhaps}", "unable to convert to bool", ""),
        ("- meta: flush", "no meta 'flush'", "flush_handlers"),
        ("- meta: '{{ x }}'", "cannot be a template", ""),
        ("- meta: end_role", "from outside of a role", ""),
        ("- import_playbook: x.yml", "is not a task", "beside the plays"),
        ("- include_tasks: {file: a.yml, x: 1}", "has no option 'x'", "vars"),
        ("- include_tasks: a.yml\n  become: true", "'become' cannot stand on include_tasks", "apply"),
        ("- include_tasks: {file: a.yml, apply: {loop: [1]}}", "'loop' is not a keyword of a block", ""),
        ("- include_role: {tasks_from: a}", "No role specified for", ""),
    ],
)
def test_a_wrong_action_is_one_clear_error(project: Project, text: str, message: str, remedy: str) -> None:
    """Before any host is touched: message, remedy, place."""
    error = project.refused_task(text)
    assert message in error.message
    assert remedy in error.remedy
    assert error.place is not None
    assert error.place.line >= 3


@pytest.mark.parametrize(
    "text",
    [
        "- debug: {mgs: a}\n  ignore_errors: true",
        "- debug: {mgs: a}\n  failed_when: false",
        "- block: [{debug: {mgs: a}}]\n  rescue: [{debug: {}}]",
        "- copy: {src: a}\n  module_defaults: {copy: {dest: /b}}",
        "- file: {path: /a, state: '{{ x }}', recurse: '{{ y }}'}",
        "- set_fact: {anything: 1}",
        "- add_host: {name: a, anything: 1}",
    ],
)
def test_what_may_be_meant_is_left_to_the_run(project: Project, text: str) -> None:
    """A failure the author reckons with, a template and a default are not errors of the playbook."""
    assert len(project.tasks(text)) >= 1


def test_a_templated_action_stays_as_written(project: Project) -> None:
    """Its name is known only when it runs."""
    (task,) = project.tasks('- action: "{{ pkg }} name=x"')
    assert task.action == "{{ pkg }}"
    assert task.args == {"name": "x"}


def test_an_action_plugin_of_the_users_own_that_cannot_be_used_is_refused_by_name(project: Project) -> None:
    """It is not taken for a misspelling."""
    project.write("action_plugins/my_action.py", "")
    assert "the action plugin cannot be loaded" in project.refused_task("- my_action: {}").message


def test_a_module_beside_the_playbook_goes_before_one_of_ansible(project: Project) -> None:
    """Under its short name; the full name still means Ansible's."""
    project.write("library/user.py", "")
    own, theirs = project.tasks("- user: {name: a}\n- ansible.builtin.user: {name: a}")
    assert (own.action, theirs.action) == ("ansible.legacy.user", "ansible.builtin.user")
