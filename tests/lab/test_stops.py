"""Nothing outlives a run: every way of ending one, with everything under way that is hard to end. Judged from outside, by the mark."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import local_marked, marked, until
from tests.lab.stubborn import all_there, desk, mark, stop, stubborn_play

if TYPE_CHECKING:
    from tests.lab.lab import Lab
    from tests.lab.running import Desk

__all__ = ["desk", "mark"]


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_a_signal_to_the_runner_alone_ends_everything_everywhere(
    desk: Desk, lab: Lab, mark: str, signum: int, code: int
) -> None:
    """setsid, nohup, TERM-ignoring, root and plain processes are gone from every PC when the runner has ended, with the signal's code."""
    with desk.playing(stubborn_play(desk, mark)) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        done = stop(run, signum)
        assert done.code == code, done.stderr
        assert not marked(lab, mark)
        assert not marked(lab, "HOTDESK_RUN=")
        assert [event["reason"] for event in done.events if event["event"] == "InterruptedRun"] == [
            signal.Signals(signum).name
        ]
        assert done.events[-1]["event"] == "RunFinished"


def test_a_second_signal_forces_the_stop_and_still_leaves_nothing(desk: Desk, lab: Lab, mark: str) -> None:
    """Twice INT: KILL at once."""
    with desk.playing(stubborn_play(desk, mark)) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        run.signal(signal.SIGINT)
        until(lambda: "InterruptedRun" in run.out.read_text(), 3, "the first signal is seen")
        done = stop(run, signal.SIGINT, limit=3)
        assert done.code == 130, done.stderr
        assert not marked(lab, mark)


def test_kill_9_of_the_runner_ends_everything_within_the_lease(desk: Desk, lab: Lab, mark: str) -> None:
    """Nobody is left to tell the agents; they see it themselves."""
    with desk.playing(stubborn_play(desk, mark, head="vars:\n  hotdesk_lease: 5")) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        stop(run, signal.SIGKILL)
        until(lambda: not marked(lab, mark) and not marked(lab, "HOTDESK_RUN="), 12, "all PCs empty")
        until(lambda: not local_marked(f"HOTDESK_RUN={run.run_id()}"), 12, "the control node empty")


@pytest.mark.thorough
def test_a_pc_that_is_cut_off_ends_its_work_within_the_lease_and_the_others_go_on(
    desk: Desk, lab: Lab, mark: str
) -> None:
    """The cut PC is unreachable, never ok; its own agent ends what ran there."""
    tasks = f"- name: Long\n  ansible.builtin.shell: exec -a {mark} sleep $SECONDS_TO_SLEEP\n  args:\n    executable: /bin/bash\n"
    tasks += "  environment:\n    SECONDS_TO_SLEEP: \"{{ 600 if inventory_hostname == 'pc3' else 20 }}\"\n"
    tasks += "- name: After\n  ansible.builtin.command: 'true'\n"
    book = desk.playbook(tasks, head="vars:\n  hotdesk_lease: 5")
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(mark) for pc in lab), 30, "the task on every PC")
        lab["pc3"].cut()
        until(lambda: not lab["pc3"].marked(mark), 12, "pc3's agent has ended the work")
        done = run.ended(90)
        lab["pc3"].heal()
    assert done.code == 4, done.stderr
    assert done.results("pc3")[-1].get("unreachable")
    assert [result["failed"] for result in done.results("pc1", "After") + done.results("pc2", "After")] == [
        False,
        False,
    ]


def test_a_timeout_ends_that_task_alone(desk: Desk, lab: Lab, mark: str) -> None:
    """timeout: 2 ends the processes of that task on that host; what a finished task started on purpose lives on."""
    tasks = f"- name: A service\n  ansible.builtin.shell: setsid bash -c 'exec -a {mark}-service sleep 600' >/dev/null 2>&1 &\n"
    path = stubborn_play(desk, mark, keywords="  timeout: 2\n  ignore_errors: true\n")
    text = path.read_text().replace(
        "  tasks:\n", "  tasks:\n" + "".join(f"    {line}\n" for line in tasks.splitlines())
    )
    path.write_text(text + "    - name: After\n      ansible.builtin.command: 'true'\n")
    done = desk.play(path)
    assert done.code == 0, done.stdout[-2000:] + done.stderr
    for pc in lab:
        (result,) = done.results(pc.name, "Stubborn")
        assert result["failed"]
        assert "timed out after 2" in result["msg"].lower(), result["msg"]
        left = pc.marked(mark)
        assert [line for line in left.values() if "-service" not in line] == []
        assert left
        pc.run("pkill", "-f", f"{mark}-service")


@pytest.mark.thorough
def test_a_lost_link_in_the_middle_of_a_command_is_unreachable(desk: Desk, lab: Lab, mark: str) -> None:
    """The sshd of one connection is killed: exit 4, never ok, the others finish, and nothing is left there."""
    book = desk.playbook(
        f"- name: Long\n  ansible.builtin.shell: exec -a {mark} sleep $N\n  args:\n    executable: /bin/bash\n"
        "  environment:\n    N: \"{{ 600 if inventory_hostname == 'pc2' else 10 }}\"\n"
    )
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(mark) for pc in lab), 30, "the task on every PC")
        lab["pc2"].run("pkill", "-9", "-f", "sshd: ada")
        done = run.ended(40)
    assert done.code == 4, done.stderr
    assert done.results("pc2")[-1].get("unreachable")
    assert not done.results("pc1")[-1]["failed"]
    until(lambda: not lab["pc2"].marked(mark), 10, "pc2 empty")


def test_a_transfer_is_ended_on_both_sides_and_goes_on_later(desk: Desk, lab: Lab, mark: str) -> None:
    """INT in the middle of a 5 GB transfer: no rsync is left anywhere; the next run completes it."""
    lab["pc1"].run("sh", "-c", f"mkdir -p /srv/{mark} && truncate -s 5G /srv/{mark}/big && echo x >/srv/{mark}/small")
    book = desk.playbook(
        f"- name: Mirror\n  hotdesk.sync.folder:\n    path: /srv/{mark}\n",
        hosts="pc2,pc3",
        head="become: true\nvars:\n  hotdesk_source: pc1",
    )
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(f"/srv/{mark}") for pc in lab), 30, "rsync on every PC")
        until(lambda: '"Progressed"' in run.out.read_text(), 30, "progress is shown")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert not marked(lab, mark)
    assert not marked(lab, "HOTDESK_RUN=")
    lab["pc1"].run("truncate", "-s", "5M", f"/srv/{mark}/big")
    again = desk.play(book)
    assert again.code == 0, again.stdout[-3000:] + again.stderr
    for pc in lab:
        assert pc.run("stat", "-c", "%s", f"/srv/{mark}/big") == f"{5 << 20}\n"
        pc.run("rm", "-rf", f"/srv/{mark}")


def test_always_runs_and_rescue_does_not_when_a_run_is_interrupted(desk: Desk, lab: Lab, mark: str) -> None:
    """A stop is no failure: rescue never sees it, always does its clean-up on every PC."""
    book = desk.playbook(
        f"- block:\n    - name: Long\n      ansible.builtin.shell: exec -a {mark} sleep 600\n      args:\n        executable: /bin/bash\n"
        f"  rescue:\n    - ansible.builtin.command: touch /tmp/{mark}-rescue\n"
        f"  always:\n    - ansible.builtin.command: touch /tmp/{mark}-always\n"
    )
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(mark) for pc in lab), 30, "the task on every PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130
    for pc in lab:
        assert pc.run("sh", "-c", f"ls /tmp/{mark}-*") == f"/tmp/{mark}-always\n"
