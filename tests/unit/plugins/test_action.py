"""Action plugins derived from Ansible's ActionBase, in the place of which they get ours; run for real on this PC."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.paths import exists
from tests.unit.executor.conftest import play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.executor.conftest import Ran

    Play = Callable[..., Awaitable[Ran]]

__all__ = ["play"]

pytestmark = pytest.mark.ansible

PLUGIN = """
    from ansible.errors import AnsibleActionFail, AnsibleActionSkip
    from ansible.plugins.action import ActionBase, display

    class ActionModule(ActionBase):
        _VALID_ARGS = frozenset(("how",))

        def run(self, tmp=None, task_vars=None):
            result = super().run(tmp, task_vars)
            return {**result, **getattr(self, self._task.args["how"])(task_vars)}

        def fail(self, task_vars):
            raise AnsibleActionFail("no way", result={"extra": 1})

        def skip(self, task_vars):
            raise AnsibleActionSkip("not now")

        def crash(self, task_vars):
            raise KeyError("where")

        def warn(self, task_vars):
            display.warning("mind the gap")
            return {"changed": True, "_ansible_verbose_always": True, "ansible_facts": {"found": 1}}

        def variables(self, task_vars):
            other = task_vars.copy()
            other["level"] = 4
            return {"level": task_vars["level"], "copied": other["level"], "kept": task_vars["level"], "name": task_vars.get("inventory_hostname")}

        def files(self, task_vars):
            path = self._make_tmp_path()
            self._transfer_data(self._connection._shell.join_path(path, "a"), {"a": 1})
            done = self._low_level_execute_command("cat a; exit 3", chdir=path)
            return {"said": done["stdout"], "code": done["rc"], "path": path, "home": self._remote_expand_user("~/x")}

        def modules(self, task_vars):
            stat = self._execute_remote_stat("/", task_vars, True)
            gone = self._execute_module("ansible.builtin.file", {"path": "/no/such", "state": "file"}, task_vars=task_vars)
            return {"directory": stat["isdir"], "there": self._remote_file_exists("/"), "gone": gone["failed"]}

        def checked(self, task_vars):
            data = self._execute_module("ansible.builtin.command", {"_raw_params": "true"}, task_vars=task_vars)
            self._task.check_mode = False
            done = self._execute_module("ansible.builtin.command", {"_raw_params": "true"}, task_vars=task_vars)
            return {"skipped_first": data.get("skipped", False), "changed": done["changed"]}
"""


def plugin(folder: Path, text: str = PLUGIN) -> None:
    """``text`` as the action ``mine`` beside the playbook."""
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins" / "mine.py").write_text(textwrap.dedent(text))


async def did(play: Play, how: str, **more: object) -> Ran:
    """A task ``mine`` on h1 alone."""
    text = (
        "- hosts: h1\n  gather_facts: false\n  vars: {level: '{{ 1 + 2 }}'}\n  tasks:\n    - {name: it, mine: {how: "
        + how
        + "}}\n"
    )
    return await play(text, **more)


async def test_what_it_raises_is_the_result(play: Play, tmp_path: Path) -> None:
    """Ansible's own exceptions mean what they mean there, any other one is a failure."""
    plugin(tmp_path)
    failed = (await did(play, "fail")).results("it")["h1"]
    assert (failed.failed, failed.message, failed.data["extra"]) == (True, "no way", 1)
    assert (await did(play, "skip")).results("it")["h1"].skipped
    assert "where" in (await did(play, "crash")).results("it")["h1"].message


async def test_it_says_and_finds_as_any_action(play: Play, tmp_path: Path) -> None:
    """Its facts are the host's, its warnings the run's, its variables those of the task, rendered, and what it sets is its own."""
    plugin(tmp_path)
    ran = await did(play, "warn")
    found = ran.results("it")["h1"]
    assert (found.changed, found.facts, [name for name in found.data if name.startswith("_")]) == (
        True,
        {"found": 1},
        [],
    )
    assert "mind the gap" in {event.text for event in ran.events if isinstance(event, ev.Warned)}
    data = (await did(play, "variables")).results("it")["h1"].data
    assert (data["level"], data["copied"], data["kept"], data["name"]) == (3, 4, 3, "h1")


async def test_it_works_on_the_pc(play: Play, tmp_path: Path) -> None:
    """Commands, files and modules; its directory is gone afterwards."""
    plugin(tmp_path)
    data = (await did(play, "files")).results("it")["h1"].data
    assert (data["said"], data["code"]) == ('{"a": 1}', 3)
    assert data["home"].endswith("/x")
    assert not data["home"].startswith("~")
    assert not exists(Path(data["path"]))
    data = (await did(play, "modules")).results("it")["h1"].data
    assert (data["directory"], data["there"], data["gone"]) == (True, True, True)


async def test_check_mode_is_its_modules_until_it_says_otherwise(play: Play, tmp_path: Path) -> None:
    """As in Ansible it may look at things in check mode by switching it off for a module."""
    plugin(tmp_path)
    found = (await did(play, "checked", check=True)).results("it")["h1"]
    assert (found.data["skipped_first"], found.changed) == (True, True)


async def test_arguments_that_it_does_not_take_are_named(play: Play, tmp_path: Path) -> None:
    """``_VALID_ARGS``."""
    plugin(tmp_path)
    ran = await play("- {name: it, mine: {who: x}}")
    assert ran.results("it")["h1"].message == "Invalid options for mine: who"
