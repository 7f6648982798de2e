"""ansible.builtin.unarchive: an archive of ours, or of the target, unpacked there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask
from hotdesk.actions.base import Action, Call
from hotdesk.actions.carrying import carried
from hotdesk.actions.on_target import inspecting
from hotdesk.actions.option_types import as_boolean
from hotdesk.errors import ArgumentError
from hotdesk.paths import expanded
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from typing import Any


class Unarchive(Action):
    """Unpack an archive on the target."""

    name = "ansible.builtin.unarchive"
    unchecked = True
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Unpack an archive on the target
description:
  - An archive of the control node is on the target only while it is unpacked there.
  - Everything else is the module's of ansible-core; C(ansible-doc unarchive) has all options.
attributes:
  check_mode: {support: partial, details: "As the module below it: of a zip archive it tells what would change, a tar archive it skips."}
  diff_mode: {support: partial, details: As the module below it.}
options:
  src: {description: "The archive here; on the target, or a URL, with O(remote_src).", type: path, required: true}
  dest: {description: The directory to unpack into., type: path, required: true}
  remote_src: {description: The archive is on the target already., type: bool, default: false}
  creates: {description: A file on the target; when it is there nothing is unpacked., type: path}
  decrypt: {description: Decrypt an archive that is vaulted., type: bool, default: true}
"""

    async def run(self, call: Call) -> Result:
        args = dict(call.args)
        if "copy" in args:
            if "remote_src" in args:
                raise ArgumentError("parameters are mutually exclusive: ('copy', 'remote_src')", place=call.task.place)
            args["remote_src"] = not as_boolean(args.pop("copy"))
        source, dest, decrypt = args.get("src"), args.get("dest"), as_boolean(args.pop("decrypt", True))
        if source is None or dest is None:
            raise ArgumentError("src (or content) and dest are required", place=call.task.place)
        if (creates := args.get("creates")) and (await _seen(call, str(creates)))["exists"]:
            return Result(skipped=True, data={"msg": f"skipped, since {creates} exists"})
        if not (await _seen(call, str(dest))).get("isdir"):
            return failure(f"dest '{dest}' must be an existing dir")
        if as_boolean(args.get("remote_src", False)):
            return await call.run_module(call, "unarchive", args)
        if "://" in str(source):
            return failure("Unsupported option, an URI src is only supported when remote_src is True")
        path = call.find_file(str(expanded(str(source))))
        async with carried(call, path, decrypt=decrypt) as there:
            return await call.run_module(call, "unarchive", {**args, "src": there})


async def _seen(call: Call, path: str) -> dict[str, Any]:
    answer = await ask(call, inspecting, "look", writes=False, path=path, follow=True, **_CHEAP)
    found: dict[str, Any] = answer.get("stat") or {"exists": False}
    return found


_CHEAP: dict[str, Any] = {"checksum": None, "mime": False, "flags": False}
