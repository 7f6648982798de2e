"""ansible.builtin.stat: what is known of a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import inspecting

if TYPE_CHECKING:
    from hotdesk.results import Result


class Stat(Action):
    """Look at a path. ``stat.exists`` is false when there is nothing."""

    name = "ansible.builtin.stat"
    background = True
    DOCUMENTATION = """
short_description: Find out about a path
description:
  - The result's C(stat) has C(exists), and for what exists type, permissions, owner, size, times, checksum and more.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  path: {description: The path on the target., type: path, required: true, aliases: [dest, name]}
  follow: {description: "Of a link, look at what it points to.", type: bool, default: false}
  get_checksum: {description: Compute a checksum of a regular file., type: bool, default: true}
  checksum_algorithm:
    description: Which checksum.
    type: str
    choices: [md5, sha1, sha224, sha256, sha384, sha512]
    default: sha1
    aliases: [checksum, checksum_algo]
  get_mime: {description: Ask file(1) for the type of the content., type: bool, default: true, aliases: [mime, mime_type, mime-type]}
  get_attributes: {description: Ask lsattr(1) for the flags., type: bool, default: true, aliases: [attr, attributes]}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        answer = await ask(
            call,
            inspecting,
            "look",
            writes=False,
            path=str(args["path"]),
            follow=bool(args.get("follow")),
            checksum=args.get("checksum_algorithm", "sha1") if args.get("get_checksum", True) else None,
            mime=bool(args.get("get_mime", True)),
            flags=bool(args.get("get_attributes", True)),
        )
        return result_of(answer, call)
