"""One line of a file: there, changed or gone (ansible.builtin.lineinfile)."""

from __future__ import annotations

import os

from hotdesk.actions.on_target.attributes import adjust, full_path
from hotdesk.actions.on_target.refusal import Refused, answers
from hotdesk.actions.on_target.writing import back_up, commit, shown, staged, validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Match

ATTRIBUTES_CHANGED = "ownership, perms or SE linux context changed"


@answers
def set_line(
    path: str, options: Mapping[str, Any], attributes: Mapping[str, Any], check: bool = False
) -> dict[str, Any]:
    """``options``: state, line, regexp, search_string, insertafter, insertbefore, backrefs, firstmatch, create, backup, validate,
    unsafe_writes, diff_limit. Lines are compared as bytes, so the file's encoding does not matter."""
    path = full_path(path)
    if os.path.isdir(path):
        raise Refused("Path %s is a directory !" % path, rc=256)
    wanted = options.get("state") or "present"
    exists = os.path.exists(path)
    if not exists:
        if wanted == "absent":
            return {"changed": False, "msg": "file not present"}
        if not options.get("create"):
            raise Refused("Destination %s does not exist !" % path, rc=257)
        parent = os.path.dirname(path)
        if parent and not os.path.isdir(parent) and not check:
            os.makedirs(parent)
    before = b""
    if exists:
        with open(path, "rb") as stream:
            before = stream.read()
    edit = _Edit(before.splitlines(True), options)
    msg = edit.remove() if wanted == "absent" else edit.put()
    after = b"".join(edit.lines)
    changed = bool(msg)
    answer: dict[str, Any] = {"backup": ""}
    if wanted == "absent":
        answer["found"] = edit.found
    if changed and not check:
        if options.get("backup") and exists:
            answer["backup"] = back_up(path)
        temporary = staged(os.path.realpath(path), after)
        try:
            validate(options.get("validate"), temporary)
            commit(temporary, os.path.realpath(path), bool(options.get("unsafe_writes")))
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
    found = adjust(path, attributes, check)
    if found["after"]:
        msg = (msg + " and " if msg else "") + ATTRIBUTES_CHANGED
    limit = options.get("diff_limit", 104448)
    content, rights = path + " (content)", path + " (file attributes)"
    answer["diff"] = [
        {
            "before": shown(before, limit),
            "after": shown(after, limit),
            "before_header": content,
            "after_header": content,
        }
    ]
    if found["after"]:
        answer["diff"].append(dict(found, before_header=rights, after_header=rights))
    return dict(answer, changed=changed or bool(found["after"]), msg=msg)


def _pattern(text: Any) -> Any:
    import re

    try:
        return re.compile(str(text).encode("utf-8", "surrogateescape"))
    except re.error as exc:
        raise Refused("%r is not a regular expression: %s" % (text, exc))


class _Edit:
    """The lines of a file and what is to be done to one of them."""

    def __init__(self, lines: list[bytes], options: Mapping[str, Any]) -> None:
        self.lines = lines
        self.found = 0
        self.first = bool(options.get("firstmatch"))
        self.backrefs = bool(options.get("backrefs"))
        self.after, self.before = options.get("insertafter"), options.get("insertbefore")
        self.regexp = _pattern(options["regexp"]) if options.get("regexp") is not None else None
        search = options.get("search_string")
        self.search = search.encode("utf-8", "surrogateescape") if search is not None else None
        line = options.get("line")
        self.line = None if line is None else str(line).encode("utf-8", "surrogateescape")

    def _match(self, line: bytes) -> Match[bytes] | bool | None:
        text = line.rstrip(b"\r\n")
        if self.regexp is not None:
            found: Match[bytes] | None = self.regexp.search(text)
            return found
        if self.search is not None:
            return self.search in text
        return self.line == text

    def remove(self) -> str:
        kept = [line for line in self.lines if not self._match(line)]
        self.found = len(self.lines) - len(kept)
        self.lines = kept
        return "%d line(s) removed" % self.found if self.found else ""

    def put(self) -> str:
        """Replace the line that matches (the last, or the first with firstmatch), else insert; the message says which."""
        assert self.line is not None
        at, match = self._find()
        if at is not None:
            return self._replace(at, match)
        if self.backrefs:
            return ""
        if any(line.rstrip(b"\r\n") == self.line for line in self.lines):
            return ""
        return self._insert()

    def _find(self) -> tuple[int | None, Match[bytes] | None]:
        at, match = None, None
        if self.regexp is None and self.search is None:
            for number, line in enumerate(self.lines):
                if line.rstrip(b"\r\n") == self.line:
                    return number, None
            return None, None
        for number, line in enumerate(self.lines):
            found = self._match(line)
            if found:
                at, match = number, None if isinstance(found, bool) else found
                if self.first:
                    break
        return at, match

    def _replace(self, at: int, match: Match[bytes] | None) -> str:
        assert self.line is not None
        new = match.expand(self.line) if self.backrefs and match else self.line
        if self.lines[at].rstrip(b"\r\n") == new.rstrip(b"\r\n") or self.lines[at] == new:
            return ""
        ending = b"" if new.endswith(b"\n") else self._ending(at)
        self.lines[at] = new + ending
        return "line replaced"

    def _ending(self, at: int) -> bytes:
        return b"\r\n" if self.lines[at].endswith(b"\r\n") else b"\n"

    def _insert(self) -> str:
        assert self.line is not None
        line = self.line + b"\n"
        if self.before == "BOF" or self.after == "BOF":
            self.lines.insert(0, line)
            return "line added"
        where = None
        pattern = self.before if self.before is not None else self.after
        if pattern not in (None, "EOF", "BOF"):
            where = self._beside(_pattern(pattern))
        if where is None:
            if self.lines and not self.lines[-1].endswith((b"\n", b"\r")):
                self.lines[-1] += b"\n"
            self.lines.append(line)
        else:
            if where == len(self.lines) and not self.lines[-1].endswith((b"\n", b"\r")):
                self.lines[-1] += b"\n"
            self.lines.insert(where, line)
        return "line added"

    def _beside(self, pattern: Any) -> int | None:
        where = None
        for number, line in enumerate(self.lines):
            if pattern.search(line.rstrip(b"\r\n")):
                where = number if self.before is not None else number + 1
                if self.first:
                    break
        return where
