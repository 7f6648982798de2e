"""Which action a task names, and its arguments, out of the many ways to write them.

``MODULE: {k: v}``, ``MODULE: k=v``, ``MODULE: free form`` with ``args:``, ``action: MODULE k=v``, ``action: {module: MODULE, ...}``,
and ``local_action`` (the same, delegated to localhost). Source: Ansible's "Working with playbooks" and the notes of its command modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.playbook.free_form import like, parse, words
from hotdesk.playbook.keywords import LEVELS, is_template, unknown
from hotdesk.source import Map, Trusted, Vaulted, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.place import Place
    from hotdesk.playbook.context import Actions
    from hotdesk.playbook.keywords import Level

RAW = "_raw_params"
VARIABLE = "_variable_params"
"""A template that gives a mapping of further arguments, weaker than those written beside it."""
_COMMANDS = frozenset(f"ansible.builtin.{name}" for name in ("command", "shell", "raw", "script"))
FREE_FORM = _COMMANDS | frozenset(
    f"ansible.builtin.{name}"
    for name in (
        "add_host", "expect", "group_by", "import_role", "import_tasks", "include_role", "include_tasks", "include_vars",
        "meta", "set_fact",
    )
)  # fmt: skip
_NOT_SAID = object()


@frozen
class Written:
    """An action as found in a task."""

    name: str
    """As the user wrote it."""
    fqcn: str
    args: Mapping[str, Any] | Trusted
    place: Place | None
    local: bool = False


def find_action(values: Map, actions: Actions, level: Level, collections: Sequence[str] = ()) -> Written:
    """The one action of a task. Raises PlaybookError when there is none, more than one, or one that is not known."""
    others = [key for key in values if key not in LEVELS[level] and not str(key).startswith("with_")]
    found = [(key, fqcn) for key in others if (fqcn := actions.resolve(str(key), collections))]
    old = [key for key in ("action", "local_action") if key in values]
    named = [*old, *(str(key) for key, _ in found)]
    if len(named) > 1:
        raise PlaybookError(
            f"a task has one action, this one has {len(named)}: {', '.join(named)}",
            place=place_of(found[-1][0]) if found else values.place,
            remedy="Make a task of each.")  # fmt: skip
    if not named:
        raise _no_action(values, others, actions, level)
    for key in others:
        if not found or key is not found[0][0]:
            raise unknown(key, level, also=actions.known(), where=values.place)
    extra = values.get("args", _NOT_SAID)
    if old:
        return _old_style(values, old[0], extra, actions, collections)
    key, fqcn = found[0]
    place = place_of(key) or values.place
    _refuse(actions, fqcn, place)
    return Written(str(key), fqcn, _arguments(values[key], extra, fqcn, str(key), place), place)


def _no_action(values: Map, others: Sequence[Any], actions: Actions, level: Level) -> PlaybookError:
    if not others:
        return PlaybookError("no action in this task", place=values.place, remedy="Name a module, with its arguments.")
    for key in others if len(others) > 1 else ():
        if nearest(str(key), LEVELS[level]):  # a misspelled keyword beside a misspelled module is named first
            return unknown(key, level, where=values.place)
    return unknown_action(str(others[0]), actions, place_of(others[0]) or values.place, level)


REMOVED = {"include": "Write include_tasks, import_tasks or import_playbook."}
"""Modules that Ansible had once, and what stands in their place."""


def unknown_action(name: str, actions: Actions, place: Place | None, level: Level = "task") -> PlaybookError:
    """The error for a name that is no module (and no keyword)."""
    known = list(actions.known())
    short = [one.removeprefix("ansible.builtin.") for one in known if one.startswith("ansible.builtin.")]
    spellings = known if "." in name else [*LEVELS[level], *short]
    collection = ".".join(name.split(".")[:2])
    remedy = REMOVED.get(name.removeprefix("ansible.builtin."), "") or actions.removed(name) or nearest(name, spellings)
    if not remedy and name.count(".") >= 2 and not any(one.startswith(collection + ".") for one in known):
        remedy = f"The collection {collection} is not installed where hotdesk looks (see collections_path)."
    return PlaybookError(
        f"there is no module {name!r}", place=place, remedy=remedy or "'hotdesk doc --list' names those there are."
    )


def _refuse(actions: Actions, fqcn: str, place: Place | None) -> None:
    if reason := actions.refusal(fqcn):
        raise PlaybookError(reason, place=place)


def _old_style(values: Map, keyword: str, extra: Any, actions: Actions, collections: Sequence[str]) -> Written:
    thing = values[keyword]
    place = place_of(thing) or values.place
    local = keyword == "local_action"
    rest: Any
    if isinstance(thing, dict):
        rest = Map(((k, v) for k, v in thing.items() if k != "module"), place)
        name = thing.get("module")
        if isinstance(name, str) and not is_template(name) and len(name.split()) > 1:
            name, text = _split(name, place)
            rest = Map({**parse(text, place=place), **rest}, place)
        inner = rest.pop("args", None)
        if inner is not None:
            rest.update(parse(inner, place=place) if isinstance(inner, str) else inner)
    elif isinstance(thing, str) and thing.strip():
        name, rest = _split(thing, place)
        rest = rest or None
    else:
        raise PlaybookError(f"{keyword!r} must be text or a mapping with 'module'", place=place)
    if not isinstance(name, str) or not name:
        raise PlaybookError(f"{keyword!r} names no module", place=place, remedy="Add 'module: NAME'.")
    if is_template(name):
        return Written(name, name, _arguments(rest, extra, "", name, place), place, local)
    fqcn = actions.resolve(name, collections)
    if fqcn is None:
        raise unknown_action(name, actions, place)
    _refuse(actions, fqcn, place)
    return Written(str(name), fqcn, _arguments(rest, extra, fqcn, name, place), place, local)


def _split(text: str, place: Place | None) -> tuple[str, str]:
    start, end = words(text, place)[0]
    return like(text, text[start:end], place), like(text, text[end:].strip(), place)


def _arguments(thing: Any, extra: Any, fqcn: str, name: str, place: Place | None) -> Mapping[str, Any] | Trusted:
    """What is written with the action over what stands under ``args:``."""
    given = _normalized(thing, fqcn, name, place)
    if extra is _NOT_SAID or extra is None:
        return given
    named = _as_mapping(given)
    if isinstance(extra, Trusted) and _whole_template(extra):
        if not named:
            return extra
        weaker = named.get(VARIABLE)
        both = Trusted(f"{{{{ ({_inner(weaker)}) | combine({_inner(extra)}) }}}}", extra.place) if weaker else extra
        return Map({**named, VARIABLE: both}, place)
    if not isinstance(extra, dict):
        raise PlaybookError(
            "'args' must be a mapping, or a template that gives one", place=place_of(extra) or place)  # fmt: skip
    return Map({**extra, **named}, place_of(given) or place_of(extra))


def _as_mapping(given: Mapping[str, Any] | Trusted) -> Mapping[str, Any]:
    return {VARIABLE: given} if isinstance(given, Trusted) else given


def _normalized(thing: Any, fqcn: str, name: str, place: Place | None) -> Mapping[str, Any] | Trusted:
    if thing is None:
        return Map((), place)
    if isinstance(thing, dict):
        for key in thing:
            if not isinstance(key, str):
                raise PlaybookError(
                    f"the option {key!r} of {name} is not a text", place=place_of(thing) or place,
                    remedy="Put quotes around it; YAML takes yes, no, on, off and null for values.")  # fmt: skip
            if key.startswith("_ansible_"):
                raise PlaybookError(f"{str(key)!r} is not an option a playbook may set", place=place_of(key) or place)
        return thing
    if isinstance(thing, Vaulted):
        return Map({RAW: thing}, thing.place)
    if not isinstance(thing, str):
        if fqcn in FREE_FORM and not isinstance(thing, list):
            return Map({RAW: Trusted(str(thing), place)}, place)
        raise PlaybookError(f"the arguments of {name} must be a mapping or text", place=place_of(thing) or place)
    given: dict[str, Any] = dict(parse(thing, command=fqcn in _COMMANDS, place=place))
    if RAW in given and fqcn and fqcn not in FREE_FORM and _whole_template(given[RAW]):
        template = given.pop(RAW)
        if not given:
            return Trusted(template, place_of(thing) or place)
        given[VARIABLE] = template
    return Map(given, place_of(thing) or place)


def _whole_template(text: str) -> bool:
    stripped = text.strip()
    return stripped.startswith("{{") and stripped.endswith("}}")


def _inner(template: str) -> str:
    return template.strip().removeprefix("{{").removesuffix("}}").strip()
