"""The place where any other Ansible module would be run. Today none is: a module that is not known is refused by name, at load.

``actions.registry`` knows every module of ansible-core and of the installed collections by name, so a playbook that uses one that hotdesk
does not implement is refused with its place before any host is touched, never half way through a play. ``ModuleAction`` is what stands
behind such a name should it reach the executor all the same (a name that only a template gives is known no earlier).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from hotdesk.actions.base import Action, Call
from hotdesk.errors import TaskError

if TYPE_CHECKING:
    from hotdesk.results import Result


class ModuleAction(Action):
    """A module that hotdesk does not implement. Its only outcome is a refusal that names it."""

    name = "ansible.builtin.module"
    DOCUMENTATION = "short_description: A module that hotdesk does not implement\noptions: {}\n"
    needs_machine = False
    raw_args = True

    def __init__(self, name: str) -> None:
        self.module = name

    async def run(self, call: Call) -> Result:
        refuse(self.module, call)


def refuse(name: str, call: Call) -> NoReturn:
    """Raises TaskError: what cannot be run, where it is asked for, and what to do instead."""
    raise TaskError(
        f"the module {name} is not one that hotdesk can run",
        place=call.task.place,
        remedy="Use an action that hotdesk has (`hotdesk doc --list`), a command, or run this play with ansible-playbook.",
    )
