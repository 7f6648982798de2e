"""ansible.builtin.assemble: one file out of the pieces in a folder, of the target or of the control node."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.actions.arguments import check
from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.builtin.copy import Copy, decrypted
from hotdesk.actions.option_types import as_boolean
from hotdesk.aio import in_thread
from hotdesk.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.results import Result

OWN = ("src", "delimiter", "remote_src", "regexp", "ignore_hidden", "decrypt")
"""Options of assemble that the file does not have."""


class Assemble(Action):
    """Put pieces together."""

    name = "ansible.builtin.assemble"
    unchecked = True
    DOCUMENTATION = """
short_description: One file out of the pieces in a folder
description:
  - The pieces of a folder in the order of their names. With O(remote_src=false) the folder is here, and the file is copied.
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
options:
  src: {description: The folder., type: path, required: true}
  dest: {description: The file on the target., type: path, required: true}
  delimiter: {description: What stands between the pieces., type: str}
  remote_src: {description: The folder is on the target., type: bool, default: true}
  regexp: {description: Only pieces whose name it matches., type: str}
  ignore_hidden: {description: Leave out names that begin with a dot., type: bool, default: false}
  decrypt: {description: Decrypt pieces that are vaulted., type: bool, default: true}
  backup: {description: Keep the file that is replaced., type: bool, default: false}
  validate: {description: "A command that says whether the new file is good; C(%s) is its path.", type: str}
"""

    async def run(self, call: Call) -> Outcome | Result:
        args = dict(call.args)
        if args.get("src") is None or args.get("dest") is None:
            raise ArgumentError("src and dest are required", place=call.task.place)
        if as_boolean(args.get("remote_src", True)):
            args.pop("decrypt", None)
            return await call.run_module(call, "assemble", args)
        folder = call.find_file(str(args["src"]))
        if not await in_thread(folder.is_dir):
            raise ArgumentError(f"Source ({folder}) is not a directory", place=call.task.place)
        content = (await _together(call, folder, args)).decode("utf-8", "surrogateescape")
        rest = {name: value for name, value in args.items() if name not in OWN}
        checked, given = check("copy", Copy.DOCUMENTATION, {**rest, "content": content}, place=call.task.place)
        copied = await Copy().run(replace(call, args=checked, given=given))
        return copied.but(lists_diff=False)


async def _together(call: Call, folder: Path, args: dict[str, Any]) -> bytes:
    wanted = re.compile(str(args["regexp"])) if args.get("regexp") else None
    hidden = not as_boolean(args.get("ignore_hidden", False))
    decrypt = as_boolean(args.get("decrypt", True))
    between = (
        str(args["delimiter"]).encode().decode("unicode_escape").encode("latin-1") if args.get("delimiter") else b""
    )

    def is_piece(path: Path) -> bool:
        left_out = (wanted and not wanted.search(path.name)) or (not hidden and path.name.startswith("."))
        return not left_out and path.is_file()

    whole = bytearray()
    for path in await in_thread(lambda: sorted(filter(is_piece, folder.iterdir()))):
        piece = await in_thread(path.read_bytes)
        if whole:
            whole += b"" if whole.endswith(b"\n") else b"\n"
            whole += between + (b"" if not between or between.endswith(b"\n") else b"\n")
        whole += await decrypted(call, piece, path) if decrypt else piece
    return bytes(whole)
