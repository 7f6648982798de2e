"""Corners of the language that playbooks in the wild lean on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]


def write(name: str, text: str) -> None:
    """A file in the run's directory."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def test_a_template_may_name_the_action_and_give_its_arguments(play: Play) -> None:
    """``action:`` from a variable; ``args`` from a mapping, weaker than what stands beside it, without what is omitted."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          vars: {module: ansible.builtin.debug, given: {msg: weaker, var: "{{ omit }}"}}
          tasks:
            - {name: named, action: "{{ module }}", args: "{{ given }}"}
            - {name: beside, debug: {msg: stronger}, args: "{{ given }}"}
            - {name: wrong, action: "{{ 'dbug' }} msg=x", ignore_errors: true}
    """)
    assert ran.results("named")["h1"].message == "weaker"
    assert ran.results("beside")["h1"].message == "stronger"
    assert "there is no module 'dbug'" in ran.results("wrong")["h1"].message


async def test_a_variable_may_be_named_by_a_template(play: Play) -> None:
    """``set_fact: "{{ item }}=value"``, and more after it."""
    ran = await play("""
        - {name: set, ansible.builtin.set_fact: "{{ item }}=of-{{ item }}", loop: [one, two]}
        - {name: use, ansible.builtin.debug: {msg: "{{ one }} {{ two }}"}}
    """)
    assert ran.results("use")["h2"].message == "of-one of-two"


async def test_errors_cleared_in_always_are_forgotten(play: Play) -> None:
    """``meta: clear_host_errors``: the host goes on behind the block, the failure stays counted."""
    ran = await play("""
        - block: [{ansible.builtin.fail: }]
          always: [{ansible.builtin.meta: clear_host_errors}]
        - {name: behind, ansible.builtin.debug: {msg: x}}
    """)
    assert set(ran.results("behind")) == {"h1", "h2", "h3"}
    assert ran.recap("h1").failed == 1


async def test_an_empty_delegate_is_an_error_and_an_omitted_one_is_none(play: Play) -> None:
    """Nobody runs a task elsewhere by mistake."""
    ran = await play("""
        - {name: empty, ansible.builtin.ping: , delegate_to: "{{ '' }}", ignore_errors: true}
        - {name: omitted, ansible.builtin.ping: , delegate_to: "{{ omit }}"}
    """)
    assert "delegate_to gives no name" in ran.results("empty")["h1"].message
    assert not ran.results("omitted")["h1"].failed


async def test_a_group_made_on_the_way_brings_its_variables(play: Play) -> None:
    """group_vars of a group that did not exist when the run began."""
    write("group_vars/fresh.yml", "of_the_group: 5\n")
    ran = await play("""
        - ansible.builtin.group_by: {key: fresh}
        - {name: use, ansible.builtin.debug: {msg: "{{ of_the_group }}"}}
    """)
    assert [result.data["msg"] for result in ran.results("use").values()] == [5, 5, 5]


async def test_a_group_made_again_with_another_parent_is_a_change(play: Play) -> None:
    """For the first host that brings it; the others' groups have it too by then (as under ansible-playbook)."""
    ran = await play("""
        - ansible.builtin.group_by: {key: made, parents: [one]}
        - {name: same, ansible.builtin.group_by: {key: made, parents: [one]}}
        - {name: other, ansible.builtin.group_by: {key: made, parents: ["{{ 'two' if inventory_hostname == 'h3' else 'one' }}"]}}
        - {name: show, ansible.builtin.debug: {msg: "{{ group_names }}"}}
    """)
    assert [result.changed for result in ran.results("same").values()] == [False, False, False]
    assert sorted(name for name, result in ran.results("other").items() if result.changed) == ["h3"]
    assert all({"one", "two"} <= set(result.data["msg"]) for result in ran.results("show").values())


async def test_a_missing_include_is_everybodys_failure_when_errors_are_fatal(play: Play) -> None:
    """any_errors_fatal counts for what an include cannot load, too."""
    ran = await play("""
        - hosts: all
          gather_facts: false
          any_errors_fatal: true
          tasks:
            - {ansible.builtin.include_tasks: nothere.yml, when: inventory_hostname == 'h1'}
            - {name: after, ansible.builtin.debug: {msg: x}}
    """)
    assert ran.results("after") == {}
    assert ran.code == 2


async def test_a_role_is_run_once_however_it_is_written(play: Play) -> None:
    """``role: a`` and ``name: a`` mean the same role with the same parameters."""
    for role, text in {"a": "- {name: mine, debug: {msg: x}}", "b": "[]"}.items():
        write(f"roles/{role}/tasks/main.yml", text)
    write("roles/b/meta/main.yml", "dependencies: [{name: a}]\n")
    ran = await play("""
        - hosts: h1
          gather_facts: false
          roles: [{role: a}, {role: b}]
    """)
    assert ran.order().count("a : mine") == 1


async def test_defaults_further_in_take_the_place_of_those_further_out(play: Play) -> None:
    """One entry a module: what its groups say is weaker than what it is given by name; an empty one takes it away; values may be templates."""
    write(
        "collections/ansible_collections/my/pcs/meta/runtime.yml",
        "action_groups: {desk: [ansible.builtin.ping], talk: [ansible.builtin.debug]}\n",
    )
    ran = await play("""
        - hosts: h1
          gather_facts: false
          vars: {given: {data: of-the-group}}
          module_defaults: {group/my.pcs.desk: "{{ given }}", debug: {msg: outer}}
          tasks:
            - {name: group, ping: {}}
            - {name: own, ping: {data: own}}
            - {name: named, debug: {}, module_defaults: {group/my.pcs.talk: {msg: group}}}
            - {name: replaced, debug: {}, module_defaults: {debug: {var: given.data}}}
            - {name: emptied, debug: {}, module_defaults: {debug: {}}}
    """)
    assert ran.results("group")["h1"].data["ping"] == "of-the-group"
    assert ran.results("own")["h1"].data["ping"] == "own"
    assert ran.results("named")["h1"].message == "outer"
    assert ran.results("replaced")["h1"].data["given.data"] == "of-the-group"
    assert ran.results("emptied")["h1"].message == "Hello world!"


async def test_a_prompt_is_rendered_and_its_answer_is_the_users_text(play: Play) -> None:
    """A template, unless it is said to be unsafe; hashed when that is asked for; the default is taken for nothing."""
    ran = await play(
        """
        - hosts: h1
          gather_facts: false
          vars: {what: colour, red: '#f00'}
          vars_prompt:
            - {name: colour, prompt: "which {{ what }}", private: false}
            - {name: raw, private: false, unsafe: true}
            - {name: hashed, encrypt: sha512_crypt, salt: abc, private: false}
            - {name: empty, default: "{{ red }}", private: false}
          tasks:
            - debug: {msg: "{{ [colour, raw, hashed[:7], empty] }}"}
              name: told
        """,
        answers=("{{ red }}", "{{ red }}", "sesame", ""),
    )
    assert ran.asked == ["which colour: ", "raw: ", "hashed: ", "empty [#f00]: "]
    assert ran.results("told")["h1"].data["msg"] == ["#f00", "{{ red }}", "$6$abc$", "#f00"]


async def test_ansible_managed_may_be_set(play: Play, tmp_path: Path) -> None:
    """By any variable of that name; a template file that puts nothing out gives None to the lookup."""
    (tmp_path / "managed.j2").write_text("{{ ansible_managed }}\n")
    (tmp_path / "nothing.j2").write_text("{# a comment #}\n")
    ran = await play("""
        - debug: {msg: "{{ lookup('template', 'managed.j2') }}"}
          name: default
        - debug: {msg: "{{ lookup('template', 'managed.j2') }}"}
          name: own
          vars: {ansible_managed: by me}
        - assert: {that: "lookup('template', 'nothing.j2') is none"}
    """)
    assert ran.code == 0
    assert ran.results("default")["h1"].message == "Ansible managed\n"
    assert ran.results("own")["h1"].message == "by me\n"


@pytest.mark.parametrize(
    ("wrong", "kind"), [("diff: yes.", "bool"), ("become: maybe", "bool"), ("retries: many", "int")]
)
async def test_a_wrong_value_of_a_keyword_can_be_ignored(play: Play, wrong: str, kind: str) -> None:
    """It fails the task that has it, in Ansible's words, which playbooks look at."""
    value = wrong.partition(": ")[2]
    ran = await play(f"""
        - debug: {{msg: x}}
          {wrong}
          ignore_errors: true
          name: wrong
        - debug: {{msg: after}}
    """)
    assert ran.code == 0
    assert f"The value {value!r} could not be converted to {kind!r}" in ran.results("wrong")["h1"].message


@pytest.mark.parametrize(("setting", "warned"), [("warn", True), ("ignore", False)])
async def test_duplicate_keys_of_a_playbook_follow_the_setting(play: Play, setting: str, warned: bool) -> None:
    """A warning, nothing, or (below) an error."""
    ran = await play("- hosts: h1\n  gather_facts: false\n  vars: {x: 1, x: 2}\n", duplicate_dict_key=setting)
    texts = [event.text for event in ran.events if isinstance(event, ev.Warned)]
    assert any("duplicate mapping key 'x'" in text for text in texts) is warned


async def test_duplicate_keys_of_a_playbook_may_be_an_error(play: Play) -> None:
    """Before any host is touched."""
    with pytest.raises(PlaybookError, match="duplicate mapping key 'x'"):
        await play("- hosts: h1\n  vars: {x: 1, x: 2}\n", duplicate_dict_key="error")


async def test_a_delegated_task_is_still_for_its_own_host(play: Play) -> None:
    """``inventory_hostname`` in the delegate's variables is the task's host, as in Ansible."""
    ran = await play("""
        - {name: seen, debug: {msg: "{{ ansible_delegated_vars['h2'].inventory_hostname }}"}, delegate_to: h2, when: inventory_hostname == 'h1'}
    """)
    assert ran.results("seen")["h1"].message == "h1"


async def test_what_was_added_outlives_a_refresh(play: Play) -> None:
    """``meta: refresh_inventory`` keeps the hosts of add_host and the groups of group_by."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          tasks:
            - {add_host: {name: new, groups: made}}
            - {group_by: {key: mine}}
            - meta: refresh_inventory
            - {name: seen, debug: {msg: "{{ groups.made + groups.mine }}"}}
    """)
    assert ran.results("seen")["h1"].data["msg"] == ["new", "h1"]


@pytest.mark.parametrize(
    ("setting", "said", "seen"),
    [(None, "", "no"), (None, "public: yes", "yes"), (False, "", "yes"), (False, "public: no", "no"), (True, "", "no")],
)
async def test_a_setting_says_whose_the_variables_of_a_role_are(
    play: Play, setting: bool | None, said: str, seen: str
) -> None:
    """private_role_vars decides for an include that does not say ``public``."""
    write("roles/r/vars/main.yml", "own: 'yes'\n")
    ran = await play(
        f"""
        - hosts: h1
          gather_facts: false
          tasks:
            - {{include_role: {{name: r, {said}}}}}
            - {{name: seen, debug: {{msg: "{{{{ own | default('no') }}}}"}}}}
        """,
        private_role_vars=setting,
    )
    assert ran.results("seen")["h1"].message == seen


async def test_facts_of_a_task_that_runs_once_are_for_all_hosts_also_in_an_include_of_one(play: Play) -> None:
    """``apply: {run_once: true}`` on an include that only one host does."""
    write("once.yml", "- set_fact: {who: '{{ inventory_hostname }}'}\n")
    ran = await play("""
        - {include_tasks: {file: once.yml, apply: {run_once: true}}, run_once: true}
        - {name: seen, debug: {msg: "{{ who }}"}}
    """)
    assert [result.message for result in ran.results("seen").values()] == ["h1", "h1", "h1"]


async def test_commands_here_start_in_the_folder_of_the_playbook(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever hotdesk was started: a relative path on the control node is relative to the playbook, as in Ansible."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran = await play("""
        - {name: where, ansible.builtin.command: pwd}
        - {name: file, ansible.builtin.stat: {path: playbook.yml}}
        - {name: pipe, ansible.builtin.debug: {msg: "{{ lookup('pipe', 'pwd') }}"}}
    """)
    assert ran.results("where")["h1"].data["stdout"] == str(tmp_path)
    assert ran.results("file")["h1"].data["stat"]["exists"]
    assert ran.results("pipe")["h1"].message == str(tmp_path)


async def test_a_delegated_task_sees_the_address_of_its_delegate(play: Play) -> None:
    """``ansible_host``, unless the inventory gives the task's own host one."""
    ran = await play("""
        - {name: mine, ansible.builtin.debug: {msg: "{{ ansible_host }}"}}
        - {name: theirs, ansible.builtin.debug: {msg: "{{ ansible_host }}"}, delegate_to: h3}
        - {name: given, ansible.builtin.debug: {msg: "{{ ansible_host }}"}, delegate_to: h3, vars: {ansible_host: own}}
    """)
    assert {name: ran.results(name)["h1"].message for name in ("mine", "theirs", "given")} == {
        "mine": "h1", "theirs": "h3", "given": "own",
    }  # fmt: skip


async def test_the_diff_of_a_copy_is_a_list(play: Play, tmp_path: Path) -> None:
    """Also of one file alone, as in Ansible."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          tasks:
            - {ansible.builtin.copy: {content: new, dest: "{{ playbook_dir }}/made"}, diff: true, register: done}
            - {name: show, ansible.builtin.debug: {msg: "{{ done.diff[0].after }}"}}
    """)
    assert ran.results("show")["h1"].message == "new"


async def test_an_empty_label_of_a_loop_is_none(play: Play) -> None:
    """The item itself is shown, as in Ansible."""
    ran = await play("- {name: x, ansible.builtin.debug: , loop: [a], loop_control: {label: ''}}")
    assert {event.label for event in ran.events if isinstance(event, ev.ItemFinished)} == {"a"}
