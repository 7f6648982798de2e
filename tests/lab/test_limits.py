"""PCs on which something cannot be promised: it is said, with the PC's name, and everything else still holds."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import marked, until
from tests.lab.stubborn import desk, mark, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import PC, Lab
    from tests.lab.running import Desk, Done

__all__ = ["desk", "mark"]

TASK = "- name: Long\n  ansible.builtin.shell: trap '' TERM; (exec -a {mark} sleep 600) & exec -a {mark} sleep 600\n"
TASK += "  args:\n    executable: /bin/bash\n"


@pytest.fixture(params=["hidepid", "no proc"])
def odd(lab: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[PC, str]]:
    """One PC with such a /proc, and what the warning must say."""
    pc = lab["pc2"]
    if request.param == "hidepid":
        pc.run("mount", "-o", "remount,hidepid=2", "/proc")
        yield pc, "hidepid"
        pc.run("mount", "-o", "remount,hidepid=0", "/proc")
    else:
        pc.run("mount", "-t", "tmpfs", "none", "/proc")
        yield pc, "cannot read /proc"
        pc.run("umount", "/proc")


def warned(done: Done, word: str) -> list[str | None]:
    """The hosts of the warnings that hold ``word``."""
    return [event["host"] for event in done.events if event["event"] == "Warned" and word in event["text"]]


def test_it_is_said_and_a_stop_still_ends_the_task(desk: Desk, lab: Lab, mark: str, odd: tuple[PC, str]) -> None:
    """One warning naming the PC; a tree that ignores TERM is gone from all three within the bound."""
    pc, word = odd
    with desk.playing(desk.playbook(TASK.format(mark=mark))) as run:
        until(lambda: all(len(each.marked(mark)) >= 2 for each in lab), 30, "the task on every PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert warned(done, word) == [pc.name]
    assert not marked(lab, mark)


def test_root_by_become_is_ended_where_others_are_hidden(desk: Desk, lab: Lab, mark: str, odd: tuple[PC, str]) -> None:
    """The remedy that the warning names: root's own agent sees everything of root's."""
    with desk.playing(desk.playbook(TASK.format(mark=mark), head="become: true")) as run:
        until(lambda: all(len(each.marked(mark)) >= 2 for each in lab), 30, "the task on every PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert not marked(lab, mark)
