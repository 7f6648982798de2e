"""``debugger``: a person at a task that did not end well; and ``--step``, where there is nobody to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk import app
from hotdesk import events as ev

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]

FAILS = """
    - hosts: h1
      gather_facts: false
      vars: {code: 3}
      tasks:
        - {name: may fail, ansible.builtin.shell: "exit {{ code }}", debugger: on_failed, register: r}
        - {name: next, ansible.builtin.debug: {msg: "{{ r.rc }}"}}
"""


def said(ran: Ran) -> list[str]:
    return [event.text for event in ran.events if isinstance(event, ev.Noted) and event.host]


async def test_a_variable_is_changed_and_the_task_done_again(play: Play) -> None:
    """What is printed are expressions; the second result is the only one that counts."""
    ran = await play(FAILS, answers=("p result.rc + 1", "p task_vars['code']", "task_vars['code'] = 0", "r"))
    assert ran.code == 0
    assert said(ran)[1:] == ["4", "3"]
    assert said(ran)[0].startswith("h1: may fail: failed: {")
    assert ran.asked[0] == "[h1] TASK: may fail (debug)> "
    assert ran.results("next")["h1"].message == "0"
    assert (ran.recap("h1").ok, ran.recap("h1").failed) == (2, 0)


async def test_arguments_are_changed_and_taken_back(play: Play) -> None:
    """``update_task`` takes the task as it is written; ``continue`` keeps the failure; nonsense and faults are answered."""
    text = FAILS.replace('ansible.builtin.shell: "exit {{ code }}"', "ansible.builtin.fail: {msg: first}")
    ran = await play(
        text,
        answers=(
            "task.args['msg'] = 'sec' ~ 'ond'",
            "r",
            "p task.args",
            "u",
            "p task.args.msg",
            "oops",
            "p nosuch",
            "h",
            "c",
        ),
    )
    assert ran.code == 2
    assert ran.results("may fail")["h1"].message == "second"
    args, msg, oops, nosuch, usage = said(ran)[2:]
    assert "second" in args
    assert (msg, "EXPRESSION" in oops, "nosuch" in nosuch, "redo" in usage) == ("first", True, True, True)


async def test_quit_stops_the_run_as_ctrl_c_does(play: Play) -> None:
    """Exit code 130; what comes after is not begun."""
    ran = await play(FAILS.replace("      tasks:", "      debugger: always\n      tasks:"), answers=("q",))
    assert ran.code == 130
    assert "next" not in ran.order()


@pytest.mark.parametrize(
    ("when", "task", "asked"),
    [
        ("always", "debug: {}", 1),
        ("on_skipped", "debug: {}\n  when: false", 1),
        ("on_failed", "debug: {}", 0),
        ("on_failed", "fail: {}\n  ignore_errors: true", 0),
        ("never", "fail: {}\n  ignore_errors: true", 0),
        (
            "on_unreachable",
            "ping:\n  vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n  ignore_unreachable: true",
            1,
        ),
    ],
)
async def test_the_keyword_says_when(play: Play, when: str, task: str, asked: int) -> None:
    """One word for each way that a task can end; a failure that is ignored is none."""
    tasks = f"- {task}\n  debugger: {when}\n"
    indented = "".join(f"    {line}\n" for line in tasks.splitlines())
    ran = await play(f"- hosts: h1\n  gather_facts: false\n  tasks:\n{indented}", answers=("c",) * asked)
    assert len(ran.asked) == asked
    assert ran.code == 0


async def test_where_nobody_can_be_asked_the_run_goes_on_and_says_so(play: Play) -> None:
    """A debugger, and --step, without a terminal."""
    ran = await play(FAILS, options=app.PlayOptions(step=True))
    assert ran.code == 2
    warned = [event.text for event in ran.events if isinstance(event, ev.Warned)]
    assert any("'debugger' is passed over" in text for text in warned)
    assert any("--step is passed over" in text for text in warned)


async def test_step_asks_before_each_task(play: Play) -> None:
    """(N)o is the default, (y)es does this one, (c)ontinue all the rest."""
    ran = await play("- {name: one, debug: {}}\n- {name: two, debug: {}}\n- {name: three, debug: {}}\n- {name: four, debug: {}}",
                     options=app.PlayOptions(step=True), answers=("", "y", "c"))  # fmt: skip
    assert ran.order() == ["two", "three", "four"]
    assert ran.asked[0] == "Perform task: TASK: one (N)o/(y)es/(c)ontinue: "


PLAIN = FAILS.replace(", debugger: on_failed", "")


@pytest.mark.parametrize("how", ["setting", "strategy"])
async def test_every_failed_task_can_be_looked_at(play: Play, how: str) -> None:
    """By ``enable_task_debugger`` or ``strategy: debug``."""
    text = (
        PLAIN.replace("gather_facts: false", "gather_facts: false\n      strategy: debug")
        if how == "strategy"
        else PLAIN
    )
    ran = await play(text, answers=("task_vars['code'] = 0", "r"), enable_task_debugger=how == "setting")
    assert (ran.recap("h1").ok, ran.recap("h1").failed) == (2, 0)


@pytest.mark.parametrize(("keyword", "honoured"), [("debugger: never", False), ("ignore_errors: true", True)])
async def test_what_is_meant_to_fail_is_passed_by(play: Play, keyword: str, honoured: bool) -> None:
    """``debugger: never`` is stronger, and so is ``ignore_errors`` unless ``task_debugger_ignore_errors`` is off."""
    text = PLAIN.replace("register: r", f"register: r, {keyword}")
    assert (await play(text, enable_task_debugger=True)).asked == []
    if honoured:
        ran = await play(text, answers=("c",), enable_task_debugger=True, task_debugger_ignore_errors=False)
        assert ran.asked == ["[h1] TASK: may fail (debug)> "]
