"""An action's arguments against its DOCUMENTATION, which is its argument spec; roles' argument specs use the same checks.

Options: type, elements, required, default, choices, aliases, suboptions (``options`` in a role's spec).
Beside ``options`` a DOCUMENTATION of ours may have ``mutually_exclusive``, ``required_together``, ``required_one_of``,
``required_if`` and ``required_by`` with the shapes of Ansible's argument spec.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.actions.option_types import CONVERT
from hotdesk.errors import ArgumentError, PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.playbook.actions import FREE_FORM, RAW, VARIABLE
from hotdesk.playbook.keywords import FALSE, TRUE, is_template
from hotdesk.results import EMPTY
from hotdesk.source import Vaulted, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hotdesk.place import Place
    from hotdesk.playbook.model import Task

ON_CONTROL = frozenset({"ansible.builtin.copy", "ansible.builtin.fetch"})
"""Actions whose control half looks for what is required before any module does, and says it in its own way."""
AS_ACTIONS = frozenset({"ansible.builtin.wait_for_connection"})
"""Actions without a module behind them: Ansible words what they are given wrongly in another way."""
OPEN = frozenset({"ansible.builtin.set_fact", "ansible.builtin.add_host"})
"""Actions whose further arguments are variables of the user's choice."""

_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


@frozen(kw_only=True)
class Option:
    name: str
    type: str = "str"
    elements: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    aliases: tuple[str, ...] = ()
    suboptions: Spec | None = None
    no_log: bool = False


@frozen
class Spec:
    """Options by name; ``names`` maps every spelling (aliases too) to the option's name; ``rules`` relate options."""

    options: Mapping[str, Option]
    names: Mapping[str, str]
    rules: Mapping[str, Any] = field(default_factory=dict)

    def option(self, written: str) -> Option | None:
        name = self.names.get(written)
        return self.options[name] if name is not None else None


@lru_cache(maxsize=256)
def spec_of(documentation: str) -> Spec:
    """The argument spec in a DOCUMENTATION text. Raises ValueError when it is not YAML with options of that shape."""
    loaded = yaml.load(documentation, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    return spec_from(loaded.get("options") or {}, loaded)


def spec_from(options: Mapping[str, Any], rules: Mapping[str, Any] = EMPTY) -> Spec:
    """The spec of a mapping of options (a role's argument spec, suboptions). Raises ValueError for an unknown type."""
    made = {str(name): _option(str(name), values or {}) for name, values in options.items()}
    names = {alias: name for name, option in made.items() for alias in option.aliases} | {name: name for name in made}
    return Spec(made, names, {rule: rules[rule] for rule in _RULES if rules.get(rule)})


def _option(name: str, values: Mapping[str, Any]) -> Option:
    kind = str(values.get("type") or "str")
    elements = str(values.get("elements") or "")
    for one in filter(None, (kind, elements)):
        if one not in CONVERT:
            raise ValueError(f"option {name!r} has the unknown type {one!r}")
    inner = values.get("options") or values.get("suboptions")
    choices = values.get("choices") or ()
    return Option(
        name=name, type=kind, elements=elements, required=bool(values.get("required")), default=values.get("default"),
        choices=tuple(choices), aliases=tuple(map(str, values.get("aliases") or ())),
        suboptions=spec_from(inner, values) if inner else None, no_log=bool(values.get("no_log")),
    )  # fmt: skip


def check(
    action_name: str,
    documentation: str | Spec,
    given: Mapping[str, Any],
    *,
    place: Place | None = None,
    free_form: str | None = None,
) -> tuple[dict[str, Any], frozenset[str]]:
    """Rendered arguments -> (every option with its value, type and default; the names the user gave).

    ``free_form`` is the name free-form text has (``_raw_params``); it passes without being an option, and so does every
    key of an action in OPEN. Raises ArgumentError for what is unknown, missing, not convertible, not a choice or in conflict.
    """
    spec = spec_of(documentation) if isinstance(documentation, str) else documentation
    if RAW in given and free_form is None and RAW not in spec.names:
        raise ArgumentError(f"Action {action_name!r} does not support raw params.", place=place_of(given[RAW]) or place)
    extra = {key: value for key, value in given.items() if key == free_form and key not in spec.names}
    rest = {key: value for key, value in given.items() if key not in extra}
    if action_name in OPEN:
        extra |= {key: value for key, value in rest.items() if key not in spec.names}
        rest = {key: value for key, value in rest.items() if key in spec.names}
    values, problems = validate(spec, rest, module=action_name.rpartition(".")[2])
    if problems:
        unknown = [key for key in rest if key not in spec.names]
        if unknown and action_name in AS_ACTIONS:
            named = f"Invalid options for {action_name.rpartition('.')[2]}: {', '.join(unknown)}"
            raise ArgumentError(named, place=place_of(unknown[0]) or place, remedy=nearest(unknown[0], spec.names))
        if action_name in ON_CONTROL and (absent := _absent(spec, values)):
            problems = [f"{' and '.join(absent)} {'are' if len(absent) > 1 else 'is'} required", *problems]
        raise ArgumentError(
            f"{action_name}: " + "; ".join(problems), place=next(filter(None, map(place_of, unknown)), place),
            remedy=nearest(unknown[0], spec.names) if unknown else "")  # fmt: skip
    names = frozenset(spec.names.get(key, key) for key in given)
    return {**values, **extra}, names


def without_secrets(documentation: str | Spec, args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a result may show them: ``no_log`` options hold Ansible's words for that."""
    options = (spec_of(documentation) if isinstance(documentation, str) else documentation).options
    hidden = {name for name, option in options.items() if option.no_log}
    return {name: HIDDEN if name in hidden and value is not None else value for name, value in args.items()}


HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def validate(
    spec: Spec, given: Mapping[str, Any], above: str = "", *, module: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """(values with defaults, every problem). For the messages: ``above`` names the option these are suboptions of, ``module`` whose
    arguments they are."""
    problems: list[str] = []
    values, used = _by_name(spec, given, problems, f" for ({module}) module" if module else "", above)
    present = {name for name, value in values.items() if value is not None}
    problems.extend(_missing(spec, values, above))
    for name, option in spec.options.items():
        if name not in values and option.default is not None:
            values[name] = option.default
    for name in list(values):
        if values[name] is not None:
            values[name] = _value(spec.options[name], values[name], problems, above, used.get(name, name))
    problems.extend(_related(spec, values, present, above))
    for name, option in spec.options.items():
        if name not in values:
            values[name] = option.default
    return values, problems


def _by_name(
    spec: Spec, given: Mapping[str, Any], problems: list[str], called: str, above: str
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    used: dict[str, str] = {}
    unknown = [str(key) for key in given if key not in spec.names]
    if unknown:
        problems.append(
            f"Unsupported parameters{called}: {', '.join(unknown)}{_in(above)}. Supported parameters include: {', '.join(spec.options)}"
        )
    for key, value in given.items():
        name = spec.names.get(key)
        if name is not None and (name not in values or key == name):
            values[name], used[name] = value, str(key)
    return values, used


def _in(above: str) -> str:
    return f" found in {above}" if above else ""


def _absent(spec: Spec, values: Mapping[str, Any]) -> list[str]:
    return [name for name, option in spec.options.items() if option.required and values.get(name) is None]


def _missing(spec: Spec, values: Mapping[str, Any], above: str) -> Iterator[str]:
    missing = [name for name, option in spec.options.items() if option.required and name not in values]
    if missing:
        yield f"missing required arguments: {', '.join(missing)}{_in(above)}"


def _value(option: Option, value: Any, problems: list[str], above: str, written: str) -> Any:
    where = f"{above}.{written}" if above else written
    try:
        converted = CONVERT[option.type](value)
    except ValueError as reason:
        because = "" if option.no_log else f": {reason}"
        problems.append(f"argument {written!r}{_in(above)} {_not(value, option.type)}{because}")
        return value
    if option.elements and isinstance(converted, list):
        converted = [_element(option, item, problems, where) for item in converted]
    elif option.suboptions and isinstance(converted, dict):
        converted = _nested(option.suboptions, converted, problems, where)
    return _chosen(option, converted, problems, above) if option.choices else converted


def _not(value: Any, kind: str) -> str:
    """In Ansible's words, which conditions of playbooks look for."""
    native = next((one for one in (bool, int, str, list, dict) if isinstance(value, one)), type(value))
    return f"is of type {native.__name__} and we were unable to convert to {kind}"


def _element(option: Option, item: Any, problems: list[str], where: str) -> Any:
    try:
        item = CONVERT[option.elements](item)
    except ValueError as reason:
        problems.append(f"Elements value for option {where!r} {_not(item, option.elements)}: {reason}")
        return item
    if option.suboptions and isinstance(item, dict):
        return _nested(option.suboptions, item, problems, where)
    return item


def _nested(spec: Spec, given: Mapping[str, Any], problems: list[str], where: str) -> dict[str, Any]:
    values, found = validate(spec, given, where)
    problems.extend(found)
    return values


def _chosen(option: Option, value: Any, problems: list[str], above: str) -> Any:
    listed = ", ".join(map(str, option.choices))
    if isinstance(value, list):
        wrong = [item for item in value if item not in option.choices]
        if wrong:
            got = ", ".join(map(str, wrong))
            problems.append(
                f"value of {option.name}{_in(above)} must be one or more of: {listed}. Got no match for: {got}"
            )
        return value
    if value in option.choices:
        return value
    if str(value) in ("True", "False"):  # YAML made a truth value of a word such as yes or off: which choice was it?
        words = TRUE if str(value) == "True" else FALSE
        meant = [choice for choice in option.choices if str(choice).lower() in words]
        if len(meant) == 1:
            return meant[0]
    got = "a secret" if option.no_log else value
    problems.append(f"value of {option.name}{_in(above)} must be one of: {listed}, got: {got}")
    return value


def _related(spec: Spec, values: Mapping[str, Any], present: set[str], above: str) -> Iterator[str]:
    """The rules between options; ``present`` are those the user gave."""
    for group in _groups(spec.rules.get("mutually_exclusive")):
        given = [name for name in group if name in present]
        if len(given) > 1:
            yield f"parameters are mutually exclusive: {'|'.join(group)}{_in(above)}"
    for group in _groups(spec.rules.get("required_one_of")):
        if not any(name in present for name in group):
            yield f"one of the following is required: {', '.join(group)}{_in(above)}"
    for group in _groups(spec.rules.get("required_together")):
        given = [name for name in group if name in present]
        if given and len(given) < len(group):
            yield f"parameters are required together: {', '.join(group)}{_in(above)}"
    for name, needed in (spec.rules.get("required_by") or {}).items():
        lacking = [one for one in ([needed] if isinstance(needed, str) else needed) if one not in present]
        if name in present and lacking:
            yield f"missing parameter(s) required by '{name}': {', '.join(lacking)}{_in(above)}"
    for name, wanted, needed, *any_of in spec.rules.get("required_if") or ():
        if values.get(name) != wanted or (name not in present and values.get(name) is None):
            continue
        lacking = [one for one in needed if values.get(one) is None]
        if lacking and (not (any_of and any_of[0]) or len(lacking) == len(needed)):
            which = "any" if any_of and any_of[0] else "all"
            yield f"{name} is {wanted} but {which} of the following are missing: {', '.join(lacking)}{_in(above)}"


def _groups(rule: Any) -> Iterable[list[str]]:
    """One list of names, or a list of such lists."""
    if not rule:
        return ()
    return [list(rule)] if isinstance(rule[0], str) else [list(one) for one in rule]


# before any host is touched


def check_literals(task: Task, spec: Spec, *, free_form: str | None = None, values: bool = True) -> None:
    """Names of options, and (``values``) the values that hold no template. Raises PlaybookError at the option.

    A task whose failure the author expects (``ignore_errors``, ``failed_when``, a ``rescue``) is left to run and fail.
    """
    if task.ignore_errors not in (False, None) or task.failed_when is not None or task.failure_handled:
        return
    for key, value in task.args.items():
        if key in (VARIABLE, free_form) or (key == RAW and task.action in FREE_FORM):
            continue
        if key == RAW:
            raise PlaybookError(
                f"{task.written} takes options only, and {value!r} is none", place=place_of(value) or task.place,
                remedy="Write option=value, or a mapping.")  # fmt: skip
        place = place_of(key) or place_of(value) or task.place
        option = spec.option(key)
        if option is None:
            if str(key).startswith("_"):
                continue  # between modules, not for playbooks: the action itself says what it thinks of it
            raise PlaybookError(
                f"{task.written} has no option {str(key)!r}", place=place,
                remedy=nearest(str(key), spec.names) or f"There are: {', '.join(spec.options)}.")  # fmt: skip
        if values and value is not None and not has_template(value):
            _check_literal(task, option, value, place_of(value) or place)
    if values and not task.module_defaults and VARIABLE not in task.args:
        _check_required(task, spec)


def _check_literal(task: Task, option: Option, value: Any, place: Place | None) -> None:
    problems: list[str] = []
    _value(option, value, problems, "", option.name)
    if problems:
        remedy = nearest(str(value), map(str, option.choices)) if option.choices and isinstance(value, str) else ""
        raise PlaybookError(f"{task.written}: {problems[0]}", place=place, remedy=remedy)


def _check_required(task: Task, spec: Spec) -> None:
    given = {spec.names.get(key) for key in task.args}
    for option in spec.options.values():
        if option.required and option.name not in given:
            raise PlaybookError(f"{task.written} needs the option {option.name!r}", place=task.place)


def has_template(value: Any) -> bool:
    """True when ``value`` cannot be judged before it is rendered or decrypted."""
    if isinstance(value, dict):
        return any(has_template(key) or has_template(one) for key, one in value.items())
    if isinstance(value, list):
        return any(map(has_template, value))
    return isinstance(value, Vaulted) or is_template(value)
