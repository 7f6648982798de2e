"""How an action plugin of this collection reaches hotdesk, and the one clear sentence when hotdesk is not there."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase


def action_for(file: str) -> type[ActionBase]:
    """The ActionModule of the action plugin ``file``: it runs the job of the same name beside it, in whichever collection that is."""
    plugins, name = Path(file).parent.parent, Path(file).stem
    try:
        from hotdesk.ansible.door import action_module
    except ImportError:
        return type("ActionModule", (ActionBase,), {"run": _missing, "__doc__": f"{name} without hotdesk."})
    return action_module(plugins / "jobs" / f"{name}.py", plugins / "modules" / f"{name}.py")


def _missing(self, tmp=None, task_vars=None):
    raise AnsibleError(
        "the collection hotdesk.sync needs the Python package 'hotdesk' on the control node, in the environment that runs Ansible: "
        "pip install hotdesk"
    )
