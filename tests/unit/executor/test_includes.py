"""What cannot be included: whose failure is it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]

BOOK = """
- hosts: h1
  gather_facts: false
  tasks:
    - block: [{name: include, ansible.builtin.include_tasks: one.yml}]
      rescue: [{name: rescued, ansible.builtin.debug: }]
"""


def write(text: str) -> None:
    Path("one.yml").write_text(text + "\n")


@pytest.mark.parametrize(
    "text", ["- {debug: , whenn: x}", "- nosuchmodule: ", '- debug: {msg: "x', "- include_tasks:", "- 1"]
)
async def test_a_fault_in_an_included_text_ends_the_run(play: Play, text: str) -> None:
    """As in Ansible, no rescue sees it: the text is wrong for everybody."""
    write(text)
    with pytest.raises(InputError) as caught:
        await play(BOOK)
    assert caught.value.exit_code == 4
    assert caught.value.place is not None
    assert caught.value.place.file.endswith("one.yml")


@pytest.mark.parametrize("text", [None, "a: mapping", "- import_tasks: nowhere.yml", "- import_role: {name: nowhere}"])
async def test_what_is_not_there_fails_the_host_that_includes_it(play: Play, text: str | None) -> None:
    """A missing file or role, or one that holds no tasks, can be rescued."""
    if text is not None:
        write(text)
    ran = await play(BOOK)
    assert "h1" in ran.results("rescued")
    assert ran.code == 0
    failed = ran.results("include")["h1"].data
    assert (failed["include"], failed["reason"]) == ("one.yml", failed["msg"])
    if text is None:
        assert failed["msg"].count("Could not find or access") == 2
