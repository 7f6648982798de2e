"""ansible.builtin.file: what a path is, and whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.results import Result

ATTRIBUTES = """
  mode:
    description: >-
      Permissions: octal as text ('0644') or symbolic ('u=rw,g=r,o='). A bare number is taken as it is, so write octal with a
      leading zero or in quotes.
    type: raw
  owner: {description: Name or number of the owner., type: str}
  group: {description: Name or number of the group., type: str}
  attributes: {description: "chattr flags, such as +i.", type: str, aliases: [attr]}
  seuser: {description: "SELinux user; without SELinux it means nothing, as the next three.", type: str}
  serole: {description: SELinux role., type: str}
  setype: {description: SELinux type., type: str}
  selevel: {description: SELinux level., type: str}
  unsafe_writes: {description: "Where a file cannot be replaced at once, allow writing into it.", type: bool, default: false}
"""
"""Options of every action that leaves a path behind."""


def wanted(args: Mapping[str, Any]) -> dict[str, Any]:
    """The attribute options that were given."""
    names = ("mode", "owner", "group", "attributes", "seuser", "serole", "setype", "selevel")
    return {name: args[name] for name in names if args.get(name) is not None}


class File(Action):
    """Files, directories, links: there or not, and with which attributes."""

    name = "ansible.builtin.file"
    background = True
    DOCUMENTATION = (
        """
short_description: Manage files, directories and links, and their attributes
description:
  - Makes directories, links and empty files, removes paths, and sets permissions and owners.
attributes:
  check_mode: {support: full}
  diff_mode: {support: partial, details: "Attributes and states are shown, not contents."}
options:
  path: {description: The path on the target., type: path, required: true, aliases: [dest, name]}
  state:
    description: >-
      C(file) wants an existing file and sets attributes only; C(directory) makes it with its parents; C(link) and C(hard) make a link to
      O(src); C(touch) makes an empty file or renews its times; C(absent) removes, directories with all they hold. By default what is there.
    type: str
    choices: [absent, directory, file, hard, link, touch]
  src: {description: What a link is to point to., type: path}
  recurse: {description: "With C(directory), set the attributes of everything below it too.", type: bool, default: false}
  force: {description: "Make a link although its source is missing, or in place of a file.", type: bool, default: false}
  follow: {description: "When the path is a link, work on what it points to.", type: bool, default: true}
  modification_time: {description: "A time, C(now) or C(preserve).", type: str}
  modification_time_format: {description: "How the time is written, for strptime.", type: str, default: "%Y%m%d%H%M.%S"}
  access_time: {description: "A time, C(now) or C(preserve).", type: str}
  access_time_format: {description: "How the time is written, for strptime.", type: str, default: "%Y%m%d%H%M.%S"}
"""
        + ATTRIBUTES
    )

    async def run(self, call: Call) -> Result:
        args = call.args
        times = {
            name: args.get(name)
            for name in ("modification_time", "modification_time_format", "access_time", "access_time_format")
        }
        answer = await ask(
            call,
            files,
            "set_state",
            writes=True,
            path=str(args["path"]),
            state=args.get("state"),
            attributes=wanted(args),
            src=args.get("src"),
            recurse=bool(args.get("recurse")),
            follow=bool(args.get("follow", True)),
            force=bool(args.get("force")),
            times=times,
        )
        return result_of(answer, call)
