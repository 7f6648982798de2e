"""Action plugins of collections and of the user's own: which names have one, and what is refused before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.actions.collections import Collections
from hotdesk.actions.plugin_action import PluginAction
from hotdesk.actions.registry import ActionNames
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = "from ansible.plugins.action.normal import ActionModule as Base\n\n\nclass ActionModule(Base):\n    pass\n"
MODULE = "DOCUMENTATION = 'options: {}'\n"
ROUTING = """
plugin_routing:
  action:
    redirected: {redirect: hdtest.acts.own}
    elsewhere: {redirect: hdtest.acts.missing}
  modules:
    redirected: {redirect: hdtest.acts.plain}
    elsewhere: {redirect: hdtest.acts.plain}
    led: {action_plugin: hdtest.acts.redirected}
"""


@pytest.fixture
def names(tmp_path: Path) -> ActionNames:
    """A collection with an action plugin ``own``, modules ``plain`` and ``led``, and redirections; own plugins beside the playbook."""
    root = tmp_path / "collections" / "ansible_collections" / "hdtest" / "acts"
    for folder, files in (("action", {"own": PLUGIN}), ("modules", {"plain": MODULE, "led": MODULE})):
        (root / "plugins" / folder).mkdir(parents=True)
        for name, text in files.items():
            (root / "plugins" / folder / f"{name}.py").write_text(text)
    (root / "meta").mkdir()
    (root / "meta" / "runtime.yml").write_text(ROUTING)
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins" / "debug.py").write_text(PLUGIN)
    (tmp_path / "action_plugins" / "bad.py").write_text(
        "import os\nfrom ansible.executor.task_executor import TaskExecutor\n"
    )
    found = ActionNames(Collections(Settings(), (tmp_path,), scan_sys_path=False))
    found.files.add(tmp_path)
    return found


@pytest.mark.parametrize(
    ("written", "fqcn", "plugin"),
    [
        ("hdtest.acts.own", "hdtest.acts.own", True),
        ("hdtest.acts.led", "hdtest.acts.led", True),
        ("hdtest.acts.redirected", "hdtest.acts.own", True),
        ("hdtest.acts.elsewhere", "hdtest.acts.plain", False),
        ("hdtest.acts.plain", "hdtest.acts.plain", False),
        ("debug", "ansible.legacy.debug", True),
        ("ansible.builtin.debug", "ansible.builtin.debug", False),
    ],
)
def test_a_name_leads_to_its_action_plugin(names: ActionNames, written: str, fqcn: str, plugin: bool) -> None:
    """Of its own name, by ``action_plugin``, or redirected; one of the user's own goes before ours under the short name."""
    assert names.resolve(written) == fqcn
    assert names.refusal(fqcn) == ""
    assert isinstance(names.load(fqcn), PluginAction) is plugin


def test_the_module_of_such_a_name_is_found_by_itself(names: ActionNames) -> None:
    """What the plugin runs is the module, whatever action stands for its name."""
    for written, file in (("hdtest.acts.redirected", "plain.py"), ("hdtest.acts.led", "led.py")):
        module = names.module(written)
        assert module is not None
        assert module.path.name == file


def test_a_plugin_that_asks_for_the_loader_of_others_is_refused(names: ActionNames, tmp_path: Path) -> None:
    """Before the run, with the line."""
    text = PLUGIN.replace("    pass", "    def run(self, *args):\n        return self._shared_loader_obj.action_loader")
    (tmp_path / "action_plugins" / "calls.py").write_text(text)
    assert names.resolve("calls") == "ansible.legacy.calls"
    assert "action_plugins/calls.py:6: the action plugin asks for _shared_loader_obj" in names.refusal(
        "ansible.legacy.calls"
    )


def test_a_plugin_that_imports_the_controller_is_refused_by_name(names: ActionNames) -> None:
    """With the file and the line, before any host is touched."""
    assert names.resolve("bad") == "ansible.legacy.bad"
    refusal = names.refusal("ansible.legacy.bad")
    assert "imports ansible.executor.task_executor" in refusal
    assert "action_plugins/bad.py:2" in refusal
