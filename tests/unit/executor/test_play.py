"""What the engine makes of playbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.app import PlayOptions
from hotdesk.errors import HotdeskError, PlaybookError
from hotdesk.playbook.model import TagSelection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]


def write(name: str, text: str) -> None:
    Path(name).write_text(text)


def exists(name: str) -> bool:
    return Path(name).exists()


async def test_a_failed_host_leaves_and_the_others_finish(play: Play) -> None:
    """One host's failure is its own; exit code 2."""
    ran = await play("""
        - name: fails
          ansible.builtin.fail: {msg: "broken"}
          when: inventory_hostname == 'h2'
        - name: after
          ansible.builtin.debug: {msg: x}
    """)
    assert ran.code == 2
    assert ran.results("fails")["h2"].message == "broken"
    assert set(ran.results("after")) == {"h1", "h3"}


async def test_an_undefined_variable_fails_the_task_and_is_named(play: Play) -> None:
    """The message names the variable; no traceback, no other host harmed."""
    ran = await play("- {name: use, ansible.builtin.debug: {msg: '{{ nowhere }}'}, when: inventory_hostname == 'h1'}")
    assert ran.code == 2
    assert "'nowhere' is undefined" in ran.results("use")["h1"].message
    assert ran.results("use")["h2"].skipped


async def test_what_a_host_says_is_never_a_template(play: Play, tmp_path: object) -> None:
    """Output that looks like a template stays text, also in facts made of it (R7)."""
    ran = await play("""
        - ansible.builtin.command: {argv: [echo, "{{ '{{' }} lookup('pipe', 'touch owned') {{ '}}' }}"]}
          register: out
        - ansible.builtin.set_fact: {kept: "{{ out.stdout }}"}
        - name: show
          ansible.builtin.debug: {msg: "{{ kept }}"}
    """)
    assert ran.code == 0
    assert ran.results("show")["h1"].message == "{{ lookup('pipe', 'touch owned') }}"


async def test_no_log_hides_everything(play: Play) -> None:
    """Neither the results nor the items of a no_log task carry what it handled."""
    ran = await play("""
        - name: hidden
          ansible.builtin.command: "echo {{ item }}"
          loop: [topsecret]
          no_log: true
          register: out
        - ansible.builtin.assert: {that: "out.results[0].stdout == 'topsecret'"}
    """)
    assert ran.code == 0
    told = [e for e in ran.events if not isinstance(e, ev.TaskStarted)]
    assert "topsecret" not in repr(told)


async def test_a_timeout_ends_the_task_and_names_the_command(play: Play) -> None:
    """``timeout: 1`` around a long sleep: failed with period and command, the play goes on."""
    ran = await play("""
        - name: slow
          ansible.builtin.command: sleep 60
          timeout: 1
          when: inventory_hostname == 'h1'
    """)
    result = ran.results("slow")["h1"]
    assert result.failed
    assert "sleep 60" in result.message
    assert result.data["timedout"] == {"period": 1}


async def test_retries_are_told_and_counted(play: Play) -> None:
    """until with retries: an event each time, attempts in the result."""
    ran = await play("""
        - name: tries
          ansible.builtin.command: "false"
          register: out
          until: out.rc == 0
          retries: 2
          delay: 0
          run_once: true
    """)
    assert [e.attempts for e in ran.events if isinstance(e, ev.Retrying)] == [1, 2]
    assert ran.results("tries")["h1"].data["attempts"] == 2


async def test_tasks_go_in_lock_step_over_includes(play: Play, tmp_path: object) -> None:
    """Under linear, all hosts do an included task before any does the next one."""
    write(
        "more.yml", "- {name: one, ansible.builtin.command: 'true'}\n- {name: two, ansible.builtin.command: 'true'}\n"
    )
    ran = await play("- ansible.builtin.include_tasks: more.yml")
    finished = [e.task for e in ran.events if isinstance(e, ev.TaskFinished)]
    assert len(finished) == 6
    assert len(set(finished[:3])) == 1
    assert len([e for e in ran.events if isinstance(e, ev.Included)]) == 1


async def test_an_unknown_handler_ends_the_run(play: Play) -> None:
    """A notification that nobody hears is a fault of the playbook, with the nearest name."""
    with pytest.raises(PlaybookError) as caught:
        await play("""
            - hosts: h1
              gather_facts: false
              tasks:
                - ansible.builtin.command: "true"
                  notify: restart servce
              handlers:
                - name: restart service
                  ansible.builtin.debug: {msg: x}
        """)
    assert "restart service" in caught.value.remedy


async def test_an_unknown_host_pattern_is_found_before_any_host_is_touched(play: Play) -> None:
    """A later play that would change a host that was to be left out stops the run before the first play begins."""
    with pytest.raises(HotdeskError) as caught:
        await play("""
            - hosts: h1
              gather_facts: false
              tasks: [{ansible.builtin.command: touch touched}]
            - hosts: all:!h12
              tasks: []
        """)
    assert "'h12'" in caught.value.explain()
    assert not exists("touched")


async def test_a_host_pattern_without_hosts_says_so(play: Play) -> None:
    """skipping: no hosts matched, exit 0, as Ansible."""
    ran = await play("- hosts: all:!all\n  tasks: []")
    assert [e.reason for e in ran.events if isinstance(e, ev.NoHosts)] == ["matched"]
    assert ran.code == 0


async def test_an_unknown_keyword_is_found_before_any_host_is_touched(play: Play) -> None:
    """The error has a place and the nearest right word."""
    with pytest.raises(HotdeskError) as caught:
        await play("- {ansible.builtin.debug: {msg: x}, whn: true}")
    assert "when" in caught.value.explain()


async def test_vars_files_take_the_first_that_exists(play: Play) -> None:
    """Alternatives are tried in order, names are templates."""
    write("b.yml", "who: '{{ inventory_hostname }} of b'\n")
    ran = await play("""
        - hosts: h1
          gather_facts: false
          vars: {letter: b}
          vars_files: [[a.yml, "{{ letter }}.yml"]]
          tasks: [{name: see, ansible.builtin.debug: {msg: "{{ who }}"}}]
    """)
    assert ran.results("see")["h1"].message == "h1 of b"


async def test_extra_vars_always_win(play: Play) -> None:
    """-e beats set_fact."""
    ran = await play(
        """
        - ansible.builtin.set_fact: {x: fact}
        - {name: see, ansible.builtin.debug: {msg: "{{ x }}"}}
        """,
        options=PlayOptions(extra_vars=("x=extra",)),
    )
    assert ran.results("see")["h1"].message == "extra"


async def test_tags_choose_tasks(play: Play) -> None:
    """--tags runs the tagged ones only."""
    ran = await play(
        "- {name: a, tags: a, ansible.builtin.debug: {msg: a}}\n- {name: b, ansible.builtin.debug: {msg: b}}",
        options=PlayOptions(tags=TagSelection(only=frozenset({"a"}))),
    )
    assert ran.order() == ["a"]


async def test_start_at_task_leaves_out_what_stands_before(play: Play) -> None:
    """--start-at-task with a pattern."""
    ran = await play(
        "- {name: first, ansible.builtin.debug: {msg: a}}\n- {name: second one, ansible.builtin.debug: {msg: b}}",
        options=PlayOptions(start_at_task="second*"),
    )
    assert ran.order() == ["second one"]


async def test_forks_and_throttle_limit_how_many_work_at_once(play: Play) -> None:
    """With one fork no two hosts are at work at the same time."""
    ran = await play("- {name: one, ansible.builtin.command: 'true'}", forks=1)
    busy = most = 0
    for event in ran.events:
        busy += isinstance(event, ev.HostStarted) - isinstance(event, ev.TaskFinished)
        most = max(most, busy)
    assert most <= 2  # a host is told to have finished just after it has made room for the next


async def test_check_mode_changes_nothing(play: Play) -> None:
    """command is skipped in check mode; a task may say otherwise."""
    ran = await play(
        """
        - ansible.builtin.command: touch made
        - ansible.builtin.command: touch wanted
          check_mode: false
        """,
        check=True,
    )
    assert ran.code == 0
    assert not exists("made")
    assert exists("wanted")
