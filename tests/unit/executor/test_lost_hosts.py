"""Hosts that are unreachable and come back (``meta: clear_host_errors``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]

LOST = """
- hosts: all
  gather_facts: false
  vars:
    ansible_connection: "{{ 'ssh' if inventory_hostname == 'h2' else 'local' }}"
    ansible_host: 127.0.0.1
    ansible_port: 1
  tasks:
    - block:
        - {name: lost, ansible.builtin.ping: }
        - {name: next, ansible.builtin.debug: }
      always:
        - {name: always, ansible.builtin.debug: }
    - {name: before, ansible.builtin.debug: }
    - {name: clear, ansible.builtin.meta: clear_host_errors, when: inventory_hostname == 'h1'}
    - {name: after, ansible.builtin.debug: , run_once: true}
"""


@pytest.mark.parametrize("strategy", ["linear", "free"])
async def test_a_lost_host_goes_on_where_it_was_lost(play: Play, strategy: str) -> None:
    """Once its errors are cleared it does all that came behind, the block's rest and its always; the run is no failure."""
    ran = await play(LOST, strategy=strategy)
    assert ran.results("lost")["h2"].unreachable
    for name in ("next", "always", "before"):
        assert set(ran.results(name)) == {"h1", "h2", "h3"}, name
    assert ran.code == 0


async def test_a_lost_host_that_nobody_brings_back_stays_out(play: Play) -> None:
    """It does nothing more, also no always; the play ends when the others are at their end."""
    ran = await play(LOST.replace("meta: clear_host_errors", "meta: noop"))
    for name in ("next", "always", "before"):
        assert set(ran.results(name)) == {"h1", "h3"}, name
    assert ran.code == 4


async def test_when_all_hosts_are_lost_the_play_ends(play: Play) -> None:
    """Nobody is left to bring them back."""
    ran = await play(LOST.replace("if inventory_hostname == 'h2' else 'local'", "if true else 'local'"))
    assert ran.results("before") == {}
    assert ran.code == 4
