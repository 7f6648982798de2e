"""Facts that are kept between runs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import app
from hotdesk import events as ev
from hotdesk.errors import UsageError
from hotdesk.executor.fact_cache import FactCache, without_notes
from hotdesk.executor.host import HostState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]

KEEP = """
- hosts: h1
  gather_facts: false
  tasks:
    - {name: color, ansible.builtin.set_fact: {color: red, cacheable: true}}
    - {name: passing, ansible.builtin.set_fact: {passing: true}}
    - {name: gathered, ansible.builtin.gather_facts: {gather_subset: ['!all', '!min', user]}}
"""
TELL = """
- hosts: h1,h2
  gather_facts: false
  tasks:
    - name: tell
      ansible.builtin.debug:
        msg: "{{ hostvars.h1.color | default('none') }} {{ passing is defined }} {{ hostvars.h1.ansible_facts.user_id | default('none') }}"
"""


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Any]:
    """The settings of a cache."""
    return {"fact_caching": "jsonfile", "fact_caching_connection": tmp_path / "facts", "fact_caching_prefix": "p_"}


def tells(ran: Ran, host: str = "h1") -> str:
    return str(ran.results("tell")[host].message)


async def test_the_next_run_knows_them(play: Play, kept: dict[str, Any], tmp_path: Path) -> None:
    """Facts and what set_fact calls cacheable, for all hosts to see; in files that only we can read."""
    await play(KEEP, **kept)
    ran = await play(TELL, **kept)
    user = (await play(KEEP)).results("gathered")["h1"].facts["ansible_user_id"]
    assert tells(ran) == tells(ran, "h2") == f"red False {user}"
    assert (tmp_path / "facts" / "p_s1_h1").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "facts").iterdir()] == ["p_s1_h1"]
    assert tells(await play(TELL)) == "none False none"


async def test_gathering_smart_gathers_what_no_run_has(play: Play, kept: dict[str, Any]) -> None:
    """Once for each host, also where the play says gather_facts: true; setup as a task does not count."""
    book = "- hosts: h1\n  gather_facts: true\n  gather_subset: min\n"
    smart = {**kept, "gathering": "smart"}
    await play("- hosts: h1\n  gather_facts: false\n  tasks: [{ansible.builtin.setup: {gather_subset: min}}]", **smart)
    assert "Gathering Facts" in (await play(book, **smart)).order()
    assert "Gathering Facts" not in (await play(book, **smart)).order()
    assert "Gathering Facts" in (await play(book, **kept)).order()


@pytest.mark.parametrize("how", ["clear_facts", "flush", "old", "corrupt"])
async def test_they_are_forgotten(play: Play, kept: dict[str, Any], tmp_path: Path, how: str) -> None:
    """By meta: clear_facts, --flush-cache, their age, and a file that is none of ours, which is told."""
    await play(KEEP, **kept)
    file = tmp_path / "facts" / "p_s1_h1"
    options = app.PlayOptions(flush_cache=how == "flush")
    if how == "clear_facts":
        await play("- hosts: h1\n  gather_facts: false\n  tasks: [{ansible.builtin.meta: clear_facts}]", **kept)
        assert not file.exists()
    elif how == "old":
        os.utime(file, (0, 0))
    elif how == "corrupt":
        file.write_text('{"__payload__": "["}')
    ran = await play(TELL, options=options, **kept)
    assert tells(ran) == "none False none"
    assert (how == "corrupt") == any(isinstance(one, ev.Warned) and "h1 are not used" in one.text for one in ran.events)


async def test_they_last_when_they_are_to_last(play: Play, kept: dict[str, Any], tmp_path: Path) -> None:
    """A timeout of 0 is none."""
    await play(KEEP, **kept)
    os.utime(tmp_path / "facts" / "p_s1_h1", (0, 0))
    assert tells(await play(TELL, **kept, fact_caching_timeout=float("inf"))).startswith("red")


async def test_check_mode_reads_and_writes_nothing(play: Play, kept: dict[str, Any], tmp_path: Path) -> None:
    """No folder, no file, nothing removed."""
    await play(KEEP, **kept, check=True)
    assert not (tmp_path / "facts").exists()
    await play(KEEP, **kept)
    cleared = "- hosts: h1\n  gather_facts: false\n  tasks: [{ansible.builtin.meta: clear_facts}]"
    await play(cleared, **kept, check=True, options=app.PlayOptions(flush_cache=True))
    assert tells(await play(TELL, **kept, check=True)).startswith("red")


async def test_what_is_read_is_data(play: Play, kept: dict[str, Any], tmp_path: Path) -> None:
    """A text in the file is no template, whatever is noted with it, and no connection variable is taken from it."""
    (tmp_path / "facts").mkdir()
    text = {
        "value": "{{ 1 + 1 }}",
        "tags": [{"__ansible_type": "TrustedAsTemplate"}],
        "__ansible_type": "_AnsibleTaggedStr",
    }
    facts = {"color": text, "ansible_connection": "nonsense"}
    (tmp_path / "facts" / "p_s1_h1").write_text(json.dumps({"__payload__": json.dumps(facts)}))
    assert tells(await play(TELL, **kept)).startswith("{{ 1 + 1 }} ")


async def test_a_cache_without_a_folder_is_refused(play: Play) -> None:
    """Before any host is touched, with the setting that is missing."""
    with pytest.raises(UsageError, match="needs a folder"):
        await play(TELL, fact_caching="jsonfile")


async def test_a_write_that_fails_is_told(tmp_path: Path) -> None:
    """The run goes on with the facts in memory."""
    said: list[str] = []
    (tmp_path / "file").touch()
    cache = FactCache(tmp_path / "file", "", 1, warn=said.append)
    state = HostState("a/b")
    await cache.keep(state, {"x": 1})
    assert said == [f"the facts of a/b are not kept: File exists: {tmp_path}/file/s1_a%2Fb"]
    cache.recall(state)
    assert state.facts == {"x": 1}


def test_the_notes_of_ansible_are_left_out() -> None:
    """Lists, mappings, times."""
    time = {"__ansible_type": "AnsibleSerializableDate", "iso8601": "2026-11-22"}
    noted = {"__ansible_type": "_AnsibleTaggedList", "value": [{"a": time}], "tags": []}
    assert without_notes({"x": noted}) == {"x": [{"a": "2026-11-22"}]}
