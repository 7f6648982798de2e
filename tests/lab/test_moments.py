"""A stop at every moment of a run, and as every user: it ends in time, says its code, and leaves nothing."""

from __future__ import annotations

import shlex
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import local_marked, marked, until
from tests.lab.stubborn import all_there, desk, mark, shown, stop, stubborn_play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.running import Desk, Playing

__all__ = ["desk", "mark"]

SLEEP = "ansible.builtin.shell: exec -a {mark} sleep 600\n{pad}args:\n{pad}  executable: /bin/bash\n"
MOMENTS = {
    "a retry": ("- ansible.builtin.command: 'false'\n  until: false\n  retries: 3\n  delay: 600\n", '"Retrying"', 3),
    "a pause": ("- ansible.builtin.pause:\n    seconds: 600\n", '"HostStarted"', 1),
    "wait_for": ("- ansible.builtin.wait_for:\n    path: /nowhere\n    timeout: 600\n", '"HostStarted"', 3),
    "a pause between items": (
        "- ansible.builtin.command: 'true'\n  loop: [1, 2]\n  loop_control:\n    pause: 600\n",
        '"ItemFinished"',
        3,
    ),
}


def left(lab: Lab, run: Playing) -> dict[str, dict[int, str]]:
    """The processes with the run's mark on the PCs and here."""
    found, here = marked(lab, "HOTDESK_RUN="), local_marked(f"HOTDESK_RUN={run.run_id()}")
    return {**found, "here": here} if here else found


@pytest.mark.parametrize("moment", MOMENTS)
def test_during(desk: Desk, lab: Lab, moment: str) -> None:
    """A task that only waits is no reason to wait."""
    tasks, word, times = MOMENTS[moment]
    with desk.playing(desk.playbook(tasks)) as run:
        shown(run, word, times=times)
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert not left(lab, run)


def test_before_any_host_has_done_anything(desk: Desk, lab: Lab) -> None:
    """As soon as the run has begun."""
    with desk.playing(desk.playbook("- ansible.builtin.command: sleep 600\n")) as run:
        shown(run, '"RunStarted"')
        done = stop(run, signal.SIGTERM)
    assert done.code == 143, done.stderr
    assert done.events[-1]["event"] == "RunFinished"
    assert not left(lab, run)


def test_while_connecting_to_a_pc_that_hangs(desk: Desk, lab: Lab) -> None:
    """TCP connects, no banner ever comes."""
    lab["pc2"].hang()
    with desk.playing(desk.playbook("- ansible.builtin.command: sleep 600\n")) as run:
        shown(run, '"Connecting"', times=3)
        shown(run, '"Connected"', times=2)
        done = stop(run, signal.SIGINT)
    lab["pc2"].unhang()
    assert done.code == 130, done.stderr
    until(lambda: not left(lab, run), 10, "nothing is left")


@pytest.mark.parametrize("what", ["time.sleep(600)", "host.run('sleep 600')"], ids=["here", "there"])
def test_during_verification(desk: Desk, lab: Lab, tmp_path: Path, what: str) -> None:
    """A test that sleeps, on the control node or on the PC."""
    (tmp_path / "test_long.py").write_text(f"import time\n\n\ndef test_long(host):\n    {what}\n")
    book = desk.playbook("- ansible.builtin.command: 'true'\n", head="vars:\n  hotdesk_verify: test_long.py")
    with desk.playing(book) as run:
        shown(run, '"VerifyStarted"')
        until(lambda: what[0] == "t" or any(pc.marked("sleep 600") for pc in lab), 20, "the test runs on a PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    until(lambda: not left(lab, run), 5, "nothing is left")


def test_clean_up_that_takes_too_long_is_cut(desk: Desk, lab: Lab, mark: str) -> None:
    """always: may not hold the stop beyond its limit, and what it had begun is ended too."""
    long = SLEEP.format(mark=f"{mark}-long", pad=" " * 6)
    cut = SLEEP.format(mark=f"{mark}-always", pad=" " * 6)
    book = desk.playbook(f"- block:\n    - {long}  always:\n    - {cut}")
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(f"{mark}-long") for pc in lab), 30, "the task on every PC")
        run.signal(signal.SIGINT)
        until(lambda: all(pc.marked(f"{mark}-always") for pc in lab), 5, "the clean-up on every PC")
        done = run.ended(5)
    assert done.code == 130, done.stderr
    assert not left(lab, run)


def test_a_runner_frozen_for_longer_than_the_lease(desk: Desk, lab: Lab, mark: str) -> None:
    """Its PCs end their work by themselves; when it goes on it says unreachable, never ok and never failed."""
    book = stubborn_play(desk, mark, head="vars:\n  hotdesk_lease: 4")
    with desk.playing(book) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        run.signal(signal.SIGSTOP)
        until(lambda: not marked(lab, mark), 15, "all PCs empty")
        run.signal(signal.SIGCONT)
        done = run.ended(20)
    assert done.code == 4, done.stdout[-2000:] + done.stderr
    for pc in lab:
        assert [result.get("unreachable") for result in done.results(pc.name)] == [True]
        assert "nothing was heard from the runner for 4 s" in done.results(pc.name)[0]["msg"]
    assert not left(lab, run)


@pytest.mark.parametrize("user", ["ada", "bob", "root"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL], ids=["INT", "KILL"])
def test_as_root(desk: Desk, lab: Lab, mark: str, tmp_path: Path, user: str, signum: int) -> None:
    """sudo without and with a password, and root login: the supervisor is root itself."""
    desk.inventory(user)
    (tmp_path / "sudo").write_text("bob-pw\n")
    options = {"ada": ["-b"], "bob": ["-b", "--become-password-file", str(tmp_path / "sudo")], "root": []}[user]
    with desk.playing(stubborn_play(desk, mark), *options) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        done = stop(run, signum)
        assert done.code == (130 if signum == signal.SIGINT else -9), done.stderr
        until(lambda: not marked(lab, mark) and not left(lab, run), 0.1 if signum == signal.SIGINT else 12, "all empty")


BY_PASSWORD = """
- name: Child
  ansible.builtin.shell:
    cmd: |
      echo bob-pw | sudo -S -p "" bash -c 'trap "" TERM; exec -a {mark} sleep 600' &
      wait
"""


@pytest.mark.parametrize("become", [True, False])
def test_a_root_child_of_a_user_whose_sudo_wants_a_password(
    desk: Desk, lab: Lab, mark: str, tmp_path: Path, become: bool
) -> None:
    """Where a task of the run has become root, root's agent ends it; else it is a warning with the host and the pids."""
    desk.inventory("bob")
    (tmp_path / "sudo").write_text("bob-pw\n")
    first = f"- ansible.builtin.command: 'true'\n  become: {str(become).lower()}\n"
    book = desk.playbook(first + BY_PASSWORD.format(mark=mark))
    with desk.playing(book, "--become-password-file", str(tmp_path / "sudo")) as run:
        until(lambda: all(pc.marked(f"{mark} 600") for pc in lab), 30, "the child on every PC")
        done = stop(run, signal.SIGINT)
    children = {pc.name: pc.marked(mark) for pc in lab}
    warned = {event["host"]: event["text"] for event in done.events if event["event"] == "Warned"}
    for pc in lab:
        pc.run("pkill", "-9", "-f", mark, check=False)
    assert done.code == 130, done.stderr
    if become:
        assert children == {"pc1": {}, "pc2": {}, "pc3": {}}
        assert not warned
    else:
        assert all(children.values())
        assert all("could not be ended" in warned[pc.name] for pc in lab)


STARTED = """
- name: Long
  ansible.builtin.shell:
    executable: /bin/bash
    cmd: |
      if [ $N = 600 ]; then
        setsid bash -c 'exec -a {mark}-child sleep 600' &
        sudo -n bash -c 'exec -a {mark}-root sleep 600' &
      fi
      exec -a {mark}-main sleep $N
  environment:
    N: "{{{{ 600 if inventory_hostname == 'pc1' else 8 }}}}"
"""


def test_a_killed_agent(desk: Desk, lab: Lab, mark: str) -> None:
    """Its PC is unreachable; a new agent ends the command and what that had started, root's too."""
    with desk.playing(desk.playbook(STARTED.format(mark=mark))) as run:
        until(lambda: all(pc.marked(f"{mark}-main ") for pc in lab), 30, "the task on every PC")
        until(lambda: lab["pc1"].marked(f"{mark}-child ") and lab["pc1"].marked(f"{mark}-root "), 10, "its children")
        lab["pc1"].run("pkill", "-9", "-f", "^[^ ]*python3 -I -S -X utf8")
        until(lambda: not lab["pc1"].marked(mark), 10, "pc1 is empty")
        done = run.ended(30)
    assert done.code == 4, done.stderr
    assert "the agent was killed" in done.results("pc1")[-1]["msg"]
    assert done.results("pc1")[-1].get("unreachable")
    assert not done.results("pc2")[-1]["failed"]


@pytest.mark.parametrize("how", ["hang", "cut"])
def test_a_stop_while_a_pc_does_not_answer(desk: Desk, lab: Lab, mark: str, how: str) -> None:
    """It holds nobody up; its own agent ends the work there once it can, or when its lease is over."""
    with desk.playing(stubborn_play(desk, mark, head="vars:\n  hotdesk_lease: 5")) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        getattr(lab["pc2"], how)()
        done = stop(run, signal.SIGINT)
        others = [lab[name].marked(mark) for name in ("pc1", "pc3")]
        lab["pc2"].unhang()
        until(lambda: not lab["pc2"].marked(mark), 15, "pc2 is empty")
        lab["pc2"].heal()
    assert done.code == 130, done.stderr
    assert others == [{}, {}]
    assert not left(lab, run)


def test_a_pc_that_freezes_in_the_middle_of_a_task(desk: Desk, lab: Lab, mark: str) -> None:
    """TCP is up, nothing answers: unreachable within the lease; nothing is left when it goes on."""
    task = SLEEP.format(mark=mark, pad="  ").replace("600", "$N")
    environment = "  environment:\n    N: \"{{ 600 if inventory_hostname == 'pc2' else 3 }}\"\n"
    book = desk.playbook(f"- {task}{environment}", head="vars:\n  hotdesk_lease: 4")
    with desk.playing(book) as run:
        until(lambda: all(pc.marked(f"{mark} ") for pc in lab), 30, "the task on every PC")
        lab["pc2"].hang()
        done = run.ended(20)
        lab["pc2"].unhang()
    assert done.code == 4, done.stdout[-2000:] + done.stderr
    assert "not answered for 4 s" in done.results("pc2")[-1]["msg"]
    assert not done.results("pc1")[-1]["failed"]
    until(lambda: not left(lab, run), 15, "nothing is left")


def test_ctrl_c_in_a_terminal(desk: Desk, lab: Lab, mark: str) -> None:
    """The whole foreground group gets the signal; the agent here is not in it. The live screen is put in order."""
    argv = [word for word in desk.argv(stubborn_play(desk, mark)) if word not in ("--output", "json")]
    script = ["script", "-q", "-e", "-c", shlex.join(argv), "/dev/null"]
    with subprocess.Popen(
        script, env=desk.environment, cwd=desk.directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        process.stdin.write(b"\x03")
        process.stdin.flush()
        shown_text = process.communicate(timeout=10)[0].decode(errors="replace")
    assert process.returncode == 130, shown_text
    assert not marked(lab, mark)
    assert shown_text.rfind("\x1b[?25h") >= shown_text.rfind("\x1b[?25l"), "the cursor is shown again"
    assert "Traceback" not in shown_text
