"""``async``: done in the background of the PC, waited for or not."""

# ruff: noqa: ASYNC240 - a file that is there is read at once

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]


@pytest.fixture(autouse=True)
def own_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


async def test_a_task_that_is_not_waited_for_is_asked_for_later(play: Play) -> None:
    """poll: 0 gives a job id at once, in a loop one each; async_status has the whole result when it has finished, and removes its file."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          tasks:
            - {name: begin, ansible.builtin.shell: "echo {{ item }}; echo err >&2; exit {{ item }}", loop: [0, 3], async: 60, poll: 0, register: jobs}
            - name: ask
              ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
              loop: "{{ jobs.results }}"
              register: asked
              until: asked is finished
              retries: 600
              delay: 0.1
              ignore_errors: true
            - {name: clean, ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}", mode: cleanup}, loop: "{{ jobs.results }}"}
            - {name: again, ansible.builtin.async_status: {jid: "{{ jobs.results[0].ansible_job_id }}"}, ignore_errors: true}
            - {name: path, ansible.builtin.async_status: {jid: ../x}, ignore_errors: true}
    """)
    begun = ran.results("begin")["h1"].items
    assert [(item.changed, item.data["started"], item.data["finished"]) for item in begun] == [(True, 1, 0)] * 2
    good, bad = ran.results("ask")["h1"].items
    assert (good.data["stdout"], good.data["stderr_lines"], good.data["rc"], good.changed) == ("0", ["err"], 0, True)
    assert good.data["finished"] is True
    assert (bad.failed, bad.data["rc"], bad.data["cmd"]) == (True, 3, "echo 3; echo err >&2; exit 3")
    assert ran.results("again")["h1"].message == "could not find job"
    assert "'../x' is no job id" in ran.results("path")["h1"].message
    assert not list(Path("~/.ansible_async").expanduser().iterdir())


async def test_a_task_that_is_waited_for_has_a_job_id_too(play: Play) -> None:
    """The result of the work with the keys of a job, in the directory that ansible_async_dir names; nothing is left there."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          vars: {ansible_async_dir: "{{ playbook_dir }}/jobs"}
          tasks:
            - {name: wait, ansible.builtin.command: sh -c "ls jobs; sleep 1.5", async: 60, poll: 1}
            - {name: look, ansible.builtin.stat: {path: "{{ playbook_dir }}"}, async: 60}
            - {name: facts, ansible.builtin.setup: {gather_subset: min}, async: 60, poll: 0, register: job}
            - name: facts
              ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
              register: asked
              until: asked is finished
              retries: 600
              delay: 0.1
            - {name: known, ansible.builtin.debug: {msg: "{{ ansible_facts.kernel }}"}}
    """)
    data = ran.results("wait")["h1"].data
    assert data["stdout"].startswith(data["ansible_job_id"])
    assert (data["finished"], data["rc"]) == (1, 0)
    assert any(isinstance(event, ev.Noted) and event.text.startswith("ASYNC POLL on h1: jid=j") for event in ran.events)
    assert ran.results("look")["h1"].data["stat"]["isdir"]
    assert ran.results("known")["h1"].message
    assert len(list(Path("jobs").iterdir())) == 1


async def test_what_takes_too_long_is_ended_with_all_that_it_has_started(play: Play) -> None:
    """``async`` is its limit; the background process of a shell goes, too. An action that is more than one function cannot be so done."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          tasks:
            - {name: late, ansible.builtin.shell: "echo $$ > pid; setsid sleep 300 & sleep 300", async: 1, poll: 5, ignore_errors: true}
            - {name: copy, ansible.builtin.copy: {content: x, dest: x}, async: 1, ignore_errors: true}
    """)
    assert ran.results("late")["h1"].message == "async task did not complete within the requested time - 1s"
    assert not Path(f"/proc/{Path('pid').read_text().strip()}").exists()
    assert "This action (ansible.builtin.copy) does not support async." in ran.results("copy")["h1"].message
