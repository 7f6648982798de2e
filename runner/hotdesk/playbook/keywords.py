"""Every keyword of the language in one table: where it may stand, what its value must be, and how it is inherited.

Source: Ansible's "Playbook Keywords" reference page. An unknown keyword is an error before any host is touched,
never ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from hotdesk.errors import PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.source import Trusted, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotdesk.place import Place

Level = Literal["play", "role", "block", "task", "handler", "import_playbook"]
Kind = Literal["text", "integer", "number", "boolean", "percent", "list", "mapping", "layers", "tags", "tasks", "any"]
Inherit = Literal["own", "inner", "outermost first", "united"]
"""own: not passed on; inner: the innermost one counts; outermost first: all count, in that order; united: as a set."""

_TASK: frozenset[Level] = frozenset({"task", "handler"})
_BLOCK: frozenset[Level] = _TASK | {"block", "role"}
_EVERY: frozenset[Level] = _BLOCK | {"play", "import_playbook"}
_PLAY: frozenset[Level] = frozenset({"play"})


@frozen
class Keyword:
    name: str
    on: frozenset[Level]
    kind: Kind
    inherit: Inherit = "own"
    static: bool = False
    """True: must be known when the playbook is loaded, so no template is allowed."""
    choices: tuple[str, ...] = ()
    """The only values there are (a prefix such as ``ansible.builtin.`` apart)."""


_TABLE: tuple[Keyword, ...] = (
    # everywhere
    Keyword("any_errors_fatal", _EVERY, "boolean", "inner"),
    Keyword("become", _EVERY, "boolean", "inner"),
    Keyword("become_exe", _EVERY, "text", "inner"),
    Keyword("become_flags", _EVERY, "text", "inner"),
    Keyword("become_method", _EVERY, "text", "inner", choices=("sudo", "su")),
    Keyword("become_user", _EVERY, "text", "inner"),
    Keyword("check_mode", _EVERY, "boolean", "inner"),
    Keyword("collections", _BLOCK | _PLAY, "list", "inner", static=True),
    Keyword("connection", _EVERY, "text", "inner", choices=("ssh", "local", "smart")),
    Keyword(
        "debugger", _EVERY, "text", "inner", choices=("always", "never", "on_failed", "on_skipped", "on_unreachable")
    ),
    Keyword("diff", _EVERY, "boolean", "inner"),
    Keyword("environment", _EVERY, "layers", "outermost first"),
    Keyword("ignore_errors", _EVERY, "boolean", "inner"),
    Keyword("ignore_unreachable", _EVERY, "boolean", "inner"),
    Keyword("module_defaults", _EVERY, "layers", "outermost first"),
    Keyword("name", _EVERY, "text"),
    Keyword("no_log", _EVERY, "boolean", "inner"),
    Keyword("port", _EVERY, "integer", "inner"),
    Keyword("remote_user", _EVERY, "text", "inner"),
    Keyword("run_once", _EVERY, "boolean", "inner"),
    Keyword("tags", _EVERY, "tags", "united"),
    Keyword("throttle", _EVERY, "integer", "inner"),
    Keyword("timeout", _EVERY, "integer", "inner"),
    Keyword("vars", _EVERY, "mapping", "outermost first"),
    # blocks, roles and tasks
    Keyword("delegate_facts", _BLOCK, "boolean", "inner"),
    Keyword("delegate_to", _BLOCK, "text", "inner"),
    Keyword("notify", _BLOCK - {"role"}, "list", "inner"),
    Keyword("when", _BLOCK | {"import_playbook"}, "any", "outermost first"),
    Keyword("block", frozenset({"block"}), "tasks"),
    Keyword("rescue", frozenset({"block"}), "tasks"),
    Keyword("always", frozenset({"block"}), "tasks"),
    # tasks and handlers
    Keyword("action", _TASK, "any"),
    Keyword("args", _TASK, "mapping"),
    Keyword("async", _TASK, "integer"),
    Keyword("changed_when", _TASK, "any"),
    Keyword("delay", _TASK, "number"),
    Keyword("failed_when", _TASK, "any"),
    Keyword("local_action", _TASK, "any"),
    Keyword("loop", _TASK, "any"),
    Keyword("loop_control", _TASK, "mapping"),
    Keyword("poll", _TASK, "integer"),
    Keyword("register", _TASK, "text", static=True),
    Keyword("retries", _TASK, "integer"),
    Keyword("until", _TASK, "any"),
    Keyword("listen", frozenset({"handler"}), "list", static=True),
    # roles
    Keyword("role", frozenset({"role"}), "text"),
    # plays
    Keyword("fact_path", _PLAY, "text"),
    Keyword("force_handlers", _PLAY, "boolean"),
    Keyword("gather_facts", _PLAY, "boolean"),
    Keyword("gather_subset", _PLAY, "list"),
    Keyword("gather_timeout", _PLAY, "integer"),
    Keyword("handlers", _PLAY, "tasks"),
    Keyword("hosts", _PLAY, "list"),
    Keyword("max_fail_percentage", _PLAY, "percent"),
    Keyword("order", _PLAY, "text"),
    Keyword("post_tasks", _PLAY, "tasks"),
    Keyword("pre_tasks", _PLAY, "tasks"),
    Keyword("roles", _PLAY, "any"),
    Keyword("serial", _PLAY, "any"),
    Keyword("strategy", _PLAY, "text"),
    Keyword("tasks", _PLAY, "tasks"),
    Keyword("user", _PLAY, "text"),
    Keyword("vars_files", _PLAY, "any"),
    Keyword("vars_prompt", _PLAY, "any", static=True),
    Keyword("import_playbook", frozenset({"import_playbook"}), "text"),
)
KEYWORDS: dict[str, Keyword] = {keyword.name: keyword for keyword in _TABLE}
LEVELS: dict[Level, frozenset[str]] = {level: frozenset(k.name for k in _TABLE if level in k.on) for level in _EVERY}
LOOP_CONTROL: dict[str, Kind] = {
    "loop_var": "text",
    "index_var": "text",
    "label": "any",
    "pause": "number",
    "extended": "boolean",
    "extended_allitems": "boolean",
    "break_when": "any",
}

TRUE = frozenset({"y", "yes", "on", "1", "true", "t"})
FALSE = frozenset({"n", "no", "off", "0", "false", "f"})
_WHAT: dict[Kind, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "percent": "a percentage",
    "list": "a list",
    "mapping": "a mapping",
    "layers": "a mapping, or a list of mappings",
    "tags": "a list of tags, or one text with commas",
    "tasks": "a list of tasks",
}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_PYTHON_WORDS = frozenset({"True", "False", "None"})


def is_template(value: object) -> bool:
    """True for text with a Jinja block in it: its value is not known before it is rendered."""
    return isinstance(value, Trusted) and ("{{" in value or "{%" in value or "{#" in value)


def is_identifier(name: object) -> bool:
    """A valid variable name: letters, digits and underscores, not beginning with a digit ("Creating valid variable names")."""
    return isinstance(name, str) and bool(_IDENTIFIER.match(name)) and name not in _PYTHON_WORDS


def check(values: Mapping[Any, Any], level: Level, *, where: Place | None = None) -> None:
    """Every key of ``values`` is a keyword of ``level`` and every literal value has its type.

    Raises PlaybookError at the key, or at the value.
    """
    known = LEVELS[level]
    for key, value in values.items():
        if key not in known:
            raise unknown(key, level, where=where)
        check_value(KEYWORDS[key], value, place_of(value) or place_of(key) or where)


def unknown(key: object, level: Level, *, also: Iterable[str] = (), where: Place | None = None) -> PlaybookError:
    """The error for a key that means nothing there; ``also`` are further right spellings (modules)."""
    place = place_of(key) or where
    word = str(key)
    if word in KEYWORDS:
        allowed = sorted(KEYWORDS[word].on)
        return PlaybookError(
            f"{word!r} is not a keyword of a {_level(level)}", place=place,
            remedy=f"It may stand on: {', '.join(map(_level, allowed))}.")  # fmt: skip
    return PlaybookError(
        f"{word!r} is not a keyword of a {_level(level)}", place=place,
        remedy=nearest(word, [*LEVELS[level], *also]))  # fmt: skip


def check_value(keyword: Keyword, value: Any, place: Place | None) -> None:
    """A literal value has the keyword's type; a template passes, unless the keyword is static. Raises PlaybookError."""
    if keyword.static and is_template(value) and keyword.kind == "text":
        raise PlaybookError(f"{keyword.name!r} cannot be a template: it must be known before the run", place=place)
    if keyword.choices and isinstance(value, str) and not is_template(value):
        word = value.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if word and word not in keyword.choices:
            raise PlaybookError(
                f"the {keyword.name} {str(value)!r} is not supported", place=place,
                remedy=nearest(word, keyword.choices) or f"There is: {', '.join(keyword.choices)}.")  # fmt: skip
    if not fits(keyword.kind, value):
        raise PlaybookError(f"{keyword.name!r} must be {_WHAT[keyword.kind]}, not {shown(value)}", place=place)


def fits(kind: Kind, value: Any) -> bool:
    """Can ``value`` be what ``kind`` asks for? None ("not said") and templates always can."""
    if value is None or kind in ("any", "tasks") or is_template(value):
        return True
    match kind:
        case "boolean":
            return isinstance(value, bool) or str(value).lower() in TRUE | FALSE
        case "integer":
            return not isinstance(value, bool) and _is_number(value) and float(value) == int(float(value))
        case "number":
            return not isinstance(value, bool) and _is_number(value)
        case "percent":
            return not isinstance(value, bool) and _is_number(str(value).removesuffix("%"))
        case "text":
            return not isinstance(value, (dict, list))
        case "list":
            return not isinstance(value, dict)
        case "mapping":
            return isinstance(value, dict)
        case "tags":
            return isinstance(value, (str, int)) or (isinstance(value, list) and all(_is_tag(tag) for tag in value))
        case "layers":
            return isinstance(value, dict) or (isinstance(value, list) and all(fits("mapping", v) for v in value))
    return True


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return "inf" not in str(value).lower() and "nan" not in str(value).lower()


def _is_tag(tag: object) -> bool:
    return isinstance(tag, (str, int)) or (isinstance(tag, list) and all(isinstance(t, (str, int)) for t in tag))


def shown(value: object) -> str:
    """A short text for an error: the value itself when it is small, else its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _level(level: str) -> str:
    return {"role": "role entry", "import_playbook": "import_playbook entry"}.get(level, level)
