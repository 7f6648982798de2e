"""ansible.builtin.template: a file of ours, rendered with the host's variables, to the target."""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.copy import Payload, decrypted, local_file, options, place
from hotdesk.actions.builtin.file import ATTRIBUTES, wanted
from hotdesk.aio import in_thread
from hotdesk.errors import ArgumentError
from hotdesk.variables.template_files import facts_of

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.results import Result

JINJA = (
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "trim_blocks",
    "lstrip_blocks",
)


class Template(Action):
    """Render a template here, put the text there."""

    name = "ansible.builtin.template"
    DOCUMENTATION = (
        """
short_description: Render a template to a file on the target
description:
  - The Jinja template is rendered on the control node with the variables of the host, and replaces the file when the text differs.
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
options:
  src: {description: The template; relative paths are looked for in the templates directories of role and play., type: path, required: true}
  dest: {description: "Where to; in a directory the file is called as the template, with its .j2.", type: path, required: true}
  backup: {description: Keep what was there under a name with the time., type: bool, default: false}
  force: {description: "Replace a file that differs; false: only write what is missing.", type: bool, default: true}
  follow: {description: "When the destination is a link, write to what it points to.", type: bool, default: false}
  validate: {description: "A command that checks the new file before it is put in place; %s is its name.", type: str}
  newline_sequence: {description: The end of every line., type: str, default: "\\n"}
  block_start_string: {description: What begins a block., type: str, default: "{%"}
  block_end_string: {description: What ends a block., type: str, default: "%}"}
  variable_start_string: {description: What begins a value., type: str, default: "{{"}
  variable_end_string: {description: What ends a value., type: str, default: "}}"}
  comment_start_string: {description: What begins a comment., type: str, default: "{#"}
  comment_end_string: {description: What ends a comment., type: str, default: "#}"}
  trim_blocks: {description: Take the newline after a block away., type: bool, default: true}
  lstrip_blocks: {description: Take the white space before a block away., type: bool, default: false}
  output_encoding: {description: The encoding of the file., type: str, default: utf-8}
"""
        + ATTRIBUTES
    )

    async def run(self, call: Call) -> Result:
        args = call.args
        path = local_file(call, str(args["src"]), "templates")
        if await in_thread(path.is_dir):
            raise ArgumentError(f"the template {path} is a directory", place=call.task.place)
        try:
            text = (await decrypted(call, await in_thread(path.read_bytes), path)).decode("utf-8")
        except UnicodeDecodeError:
            raise ArgumentError(f"the template {path} is not UTF-8 text", place=call.task.place) from None
        chosen = {name: args[name] for name in JINJA if args.get(name) is not None}
        about = await in_thread(
            facts_of, path, call.variables, call.settings.ansible_managed, source=str(args["src"]), destination=str(args["dest"])
        )  # fmt: skip
        rendered = await call.render_file(text, str(path), extra=about, **chosen)
        newline = str(args.get("newline_sequence") or "\n").replace("\\n", "\n").replace("\\r", "\r")
        if newline not in ("\n", "\r", "\r\n"):
            raise ArgumentError("newline_sequence must be one of \\n, \\r and \\r\\n", place=call.task.place)
        if newline != "\n":
            rendered = rendered.replace("\n", newline)
        body = rendered.encode(str(args.get("output_encoding") or "utf-8"), "surrogateescape")
        payload = Payload(path.name, str(path), hashlib.sha1(body).hexdigest(), len(body), body)
        attributes = wanted(args)
        if attributes.get("mode") == "preserve":
            attributes["mode"] = await in_thread(_mode, path)
        return await place(call, payload, attributes, options(call))


def _mode(path: Path) -> str:
    return f"0{stat.S_IMODE(path.stat().st_mode):03o}"
