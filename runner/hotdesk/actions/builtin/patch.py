"""ansible.posix.patch: a patch of ours, or of the target, applied there. The module is the collection's; this is what it wants done here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.carrying import carried
from hotdesk.actions.option_types import as_boolean
from hotdesk.errors import ArgumentError
from hotdesk.paths import expanded

if TYPE_CHECKING:
    from hotdesk.results import Result

MODULE = "ansible.posix.patch"


class Patch(Action):
    """Apply a patch on the target."""

    name = MODULE
    unchecked = True
    DOCUMENTATION = """
short_description: Apply a patch on the target
description:
  - A patch of the control node is on the target only while it is applied there.
  - Everything else is the module's of the collection ansible.posix; C(ansible-doc ansible.posix.patch) has all options.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  src: {description: "The patch here; on the target with O(remote_src).", type: path, required: true}
  basedir: {description: The directory in which it is applied., type: path}
  dest: {description: The file to patch., type: path}
  remote_src: {description: The patch is on the target already., type: bool, default: false}
"""

    async def run(self, call: Call) -> Result:
        if (source := call.args.get("src")) is None:
            raise ArgumentError("src is required", place=call.task.place)
        if as_boolean(call.args.get("remote_src", False)):
            return await call.run_module(call, MODULE, call.args)
        path = call.find_file(str(expanded(str(source))))
        async with carried(call, path) as there:
            return await call.run_module(call, MODULE, {**call.args, "src": there})
