"""ansible.builtin.lineinfile: one line of a text file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.file import ATTRIBUTES, wanted
from hotdesk.actions.on_target import lines
from hotdesk.errors import ArgumentError

if TYPE_CHECKING:
    from hotdesk.results import Result

MATCHES_ALL = (
    "The {} is an empty string, which will match every line in the file. "
    "This may have unintended consequences, such as replacing the last line in the file rather than appending."
)
"""Ansible's warning, word for word: playbooks look for it among a result's warnings."""
OPTIONS = (
    "state",
    "line",
    "regexp",
    "search_string",
    "insertafter",
    "insertbefore",
    "backrefs",
    "firstmatch",
    "create",
    "backup",
    "validate",
    "unsafe_writes",
)


class Lineinfile(Action):
    """See that a line is in a file, or that none such is."""

    name = "ansible.builtin.lineinfile"
    background = True
    DOCUMENTATION = (
        """
short_description: Manage one line of a text file
description:
  - Replaces the last line that matches, or adds the line; or removes every line that matches.
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
options:
  path: {description: The file on the target., type: path, required: true, aliases: [dest, destfile, name]}
  state: {description: Whether the line is to be there., type: str, choices: [absent, present], default: present}
  line: {description: "The line; with O(backrefs) it may hold \\\\1 and the like.", type: str, aliases: [value]}
  regexp: {description: A regular expression that finds the line to replace or remove., type: str, aliases: [regex]}
  search_string: {description: "Text that finds the line, taken literally.", type: str}
  insertafter: {description: "Add the line after the last that matches this expression, or C(EOF).", type: str}
  insertbefore: {description: "Add the line before the last that matches this expression, or C(BOF).", type: str}
  firstmatch: {description: "The first match counts, not the last.", type: bool, default: false}
  backrefs: {description: "Fill groups of O(regexp) into the line; without a match the file stays as it is.", type: bool, default: false}
  create: {description: Make the file when it is missing., type: bool, default: false}
  backup: {description: Keep what was there under a name with the time., type: bool, default: false}
  validate: {description: "A command that checks the new file before it is put in place; %s is its name.", type: str}
"""
        + ATTRIBUTES
    )

    async def run(self, call: Call) -> Result:
        args = call.args
        self._check(call)
        options = {name: args.get(name) for name in OPTIONS} | {"diff_limit": call.settings.max_diff_size}
        answer = await ask(
            call, lines, "set_line", writes=True, path=str(args["path"]), options=options, attributes=wanted(args)
        )
        result = result_of(answer, call)
        warnings = []
        if args.get("regexp") == "":
            remedy = "If this is desired, use '^' to match every line in the file and avoid this warning."
            warnings.append(f"{MATCHES_ALL.format('regular expression')} {remedy}")
        if args.get("search_string") == "":
            warnings.append(MATCHES_ALL.format("search string"))
        return result.but(warnings=(*result.warnings, *warnings)) if warnings else result

    def _check(self, call: Call) -> None:
        args, place = call.args, call.task.place
        for one, other in (("regexp", "search_string"), ("insertafter", "insertbefore"), ("backrefs", "search_string")):
            if args.get(one) and args.get(other):
                raise ArgumentError(f"{one} and {other} are mutually exclusive", place=place)
        if args.get("state") == "absent":
            if all(args.get(name) is None for name in ("line", "regexp", "search_string")):
                raise ArgumentError("one of line, search_string, or regexp is required with state=absent", place=place)
            return
        if args.get("backrefs") and args.get("regexp") is None:
            raise ArgumentError("regexp is required with backrefs=true", place=place)
        if args.get("line") is None:
            raise ArgumentError("line is required with state=present", place=place)
