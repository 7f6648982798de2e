"""Conditions that a template leads to, and those that give no boolean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]


async def test_conditions_may_stand_in_a_variable(play: Play) -> None:
    """A template that leads to what the user wrote is followed: a list, one of its elements, a whole mapping of arguments."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          vars:
            yes_: [1 == 1, "{{ 1 == 1 }}"]
            no_: [1 == 0]
            by_name: {small: ["1 < 2"]}
            given: {that: 1 == 0}
          tasks:
            - {name: list, ansible.builtin.assert: {that: "{{ yes_ }}"}}
            - {name: chosen, ansible.builtin.assert: {that: "{{ by_name['small'] + yes_ }}"}}
            - {name: when, ansible.builtin.debug: , when: "{{ no_[0] }}"}
            - {name: "no", ansible.builtin.assert: {that: "{{ no_ }}"}, ignore_errors: true}
            - {name: arguments, ansible.builtin.assert: "{{ given }}", ignore_errors: true}
    """)
    for name in ("list", "chosen"):
        assert not ran.results(name)["h1"].failed, name
    assert ran.results("when")["h1"].skipped
    for name in ("no", "arguments"):
        assert ran.results(name)["h1"].data["assertion"] == "1 == 0", name


async def test_a_condition_out_of_data_is_never_evaluated(play: Play) -> None:
    """Neither what a host has said nor what an expression has made is the user's text."""
    ran = await play("""
        - hosts: h1
          gather_facts: false
          tasks:
            - {ansible.builtin.command: echo 1 == 1, register: said}
            - {name: said, ansible.builtin.assert: {that: "{{ [said.stdout] }}"}, ignore_errors: true}
            - {name: made, ansible.builtin.debug: , when: "{{ '1 ==' ~ ' 1' }}", ignore_errors: true}
    """)
    for name in ("said", "made"):
        assert "untrusted template or expression" in ran.results(name)["h1"].message, name


async def test_broken_conditions_may_be_allowed(play: Play) -> None:
    """ALLOW_BROKEN_CONDITIONALS: what is truthy holds; without it, it is an error."""
    text = """
        - hosts: h1
          gather_facts: false
          tasks:
            - {name: text, ansible.builtin.assert: {that: "'some text'"}, ignore_errors: true}
            - {name: none, ansible.builtin.debug: , when: "''", ignore_errors: true}
    """
    ran = await play(text)
    assert ran.results("text")["h1"].failed
    assert ran.results("none")["h1"].failed
    ran = await play(text, allow_broken_conditionals=True)
    assert not ran.results("text")["h1"].failed
    assert ran.results("none")["h1"].skipped
