"""How an action plugin of this collection reaches hotdesk, and the one clear sentence when hotdesk is not there."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

PLUGINS = Path(__file__).parent.parent


def action_for(name: str) -> type[ActionBase]:
    """The ActionModule for the job ``plugins/jobs/<name>.py``."""
    try:
        from hotdesk.ansible.door import action_module
    except ImportError:
        return type(
            "ActionModule", (ActionBase,), {"run": _missing, "__doc__": f"hotdesk.sync.{name} without hotdesk."}
        )
    return action_module(PLUGINS / "jobs" / f"{name}.py", PLUGINS / "modules" / f"{name}.py")


def _missing(self, tmp=None, task_vars=None):
    raise AnsibleError(
        "the collection hotdesk.sync needs the Python package 'hotdesk' on the control node, in the environment that runs Ansible: "
        "pip install hotdesk"
    )
