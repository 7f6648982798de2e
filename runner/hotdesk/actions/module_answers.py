"""What a module printed, as a Result: JSON among whatever else it printed, with the values that Ansible's modules wrap.

Source: Ansible's "Return values" page and, for the wrapped values, the profile ``legacy`` of ansible-core 2.19 (``__ansible_type``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import diffs, text
from hotdesk.actions.base import ARGUMENTS_FROM
from hotdesk.actions.fact_names import reserved
from hotdesk.actions.on_target.modules import JUNK
from hotdesk.agent.frames import FrameError
from hotdesk.connections import bounds
from hotdesk.errors import TaskError
from hotdesk.results import TASK_FAILED, Result
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.actions.base import Call
    from hotdesk.connections.answers import Completed

UNREADABLE = "Module result deserialization failed: "
NO_TRACEBACK = "(traceback unavailable)"
_TYPE = "__ansible_type"
"""The key of a value that is not what JSON has."""
_INTERNAL = "_ansible_"
"""Keys that modules and Ansible's controller tell each other."""


def module_result(done: Completed, call: Call) -> Result:
    """The result of a module that has ended."""
    output, errors = text(done.stdout), text(done.stderr)
    try:
        found, warnings = parsed(output)
    except ValueError as problem:
        data = {"module_stdout": output, "module_stderr": errors, "rc": done.rc, "exception": NO_TRACEBACK}
        return Result(failed=True, data={**data, "msg": f"{UNREADABLE}{problem}"})
    if done.truncated:
        raise TaskError(f"{call.machine.host}: the module's result is longer than what is read")
    return as_result(found, call, warnings)


def parsed(output: str) -> tuple[dict[str, Any], list[str]]:
    """The JSON object in what a module printed, and what is to be warned about. Raises ValueError when there is none."""
    lines = output.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip().startswith("{")), None)
    if start is None:
        raise ValueError("No start of json char found")
    end = next((at for at in range(len(lines) - 1, start - 1, -1) if lines[at].strip().endswith("}")), None)
    if end is None:
        raise ValueError("No end of json char found")
    body, junk = "\n".join(lines[start : end + 1]), "\n".join(lines[end + 1 :])
    try:
        bounds.modest(body.encode("utf-8", "surrogatepass"))
    except FrameError as problem:
        raise ValueError(str(problem)) from None
    found = unwrapped(json.loads(body))
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    return found, [f"{JUNK}{junk}"] if junk.strip() else []


def unwrapped(value: Any) -> Any:
    """Values, and all within them, as what they stand for: text, numbers, lists, mappings, or what there is to say of a warning or an error."""
    if isinstance(value, dict):
        return _unwrapped({key: unwrapped(one) for key, one in value.items()})
    return [unwrapped(one) for one in value] if isinstance(value, list) else value


def _unwrapped(value: dict[str, Any]) -> Any:
    kind = value.get(_TYPE)
    if kind is None:
        return value
    if "value" in value:
        return value["value"]
    for name in ("iso8601", "event"):
        if name in value:
            return {**value, "msg": _said(value["event"])} if name == "event" else value[name]
    return {key: one for key, one in value.items() if key != _TYPE}


def _said(event: Any) -> str:
    """The message of an event, with those that led to it."""
    words: list[str] = []
    while isinstance(event, dict) and len(words) < bounds.DEPTH:
        words.append(str(event.get("msg", "")))
        if help_text := event.get("help_text"):
            words.append(str(help_text))
        chain = event.get("chain")
        event = chain.get("event") if isinstance(chain, dict) and chain.get("follow", True) else None
    return (
        ": ".join(dict.fromkeys(word.rstrip(".") for word in words[:-1]))
        + ": " * (len(words) > 1)
        + (words[-1] if words else "")
    )


def as_result(found: dict[str, Any], call: Call, warnings: list[str]) -> Result:
    """A module's answer, checked and cleaned of what is between modules and Ansible."""
    warnings += [
        f"Removed unexpected internal key in module return: {name} = {found[name]}"
        for name in found
        if name.startswith(_INTERNAL)
    ]
    data: dict[str, Any] = _public(found)
    if call.settings.verbosity < ARGUMENTS_FROM:
        data.pop("invocation", None)
    said = [_words(one) for one in _list(data.pop("warnings", None))]
    exception = data.pop("exception", None)
    deprecations = [one for one in map(_deprecation, _list(data.pop("deprecations", None))) if one]
    if deprecations:
        data["deprecations"] = deprecations
    if "results" in data and not isinstance(data["results"], list):
        data["ansible_module_results"] = data.pop("results")
        warnings.append("Found internal 'results' key in module return, renamed to 'ansible_module_results'.")
    for name in ("stdout", "stderr"):
        if name in data and f"{name}_lines" not in data:
            data[f"{name}_lines"] = str(data[name] or "").splitlines()
    failed = bool(data.pop("failed", False)) or ("rc" in data and data["rc"] not in (0, "0") and "failed" not in found)
    if failed:
        data["exception"] = NO_TRACEBACK
        data.setdefault("msg", _message(exception))
    facts, refused = _facts(data.pop("ansible_facts", None))
    warnings += said
    if refused:
        warnings.append(f"Removed restricted key from module data: {brief(', '.join(refused))}")
    return Result(
        changed=bool(data.pop("changed", False)), failed=failed, skipped=bool(data.pop("skipped", False)),
        unreachable=False, diff=diffs(data.pop("diff", None)), warnings=tuple(dict.fromkeys(warnings)),
        facts=facts, data={name: value for name, value in data.items() if name not in ("unreachable", "diff")},
    )  # fmt: skip


def _public(value: Any) -> Any:
    """Without the keys that Ansible keeps for itself."""
    if isinstance(value, dict):
        return {name: _public(one) for name, one in value.items() if not name.startswith(_INTERNAL)}
    return [_public(one) for one in value] if isinstance(value, list) else value


def _message(exception: Any) -> str:
    if isinstance(exception, dict) and exception.get("msg"):
        return f"{TASK_FAILED}Module failed: {exception['msg']}"
    return f"{TASK_FAILED}Action failed: Unknown error."


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _words(warning: Any) -> str:
    return str(warning.get("msg", warning)) if isinstance(warning, dict) else str(warning)


def _deprecation(found: Any) -> dict[str, Any]:
    """As a registered result has it."""
    if not isinstance(found, dict):
        return {"msg": str(found)}
    deprecator = found.get("deprecator")
    name = deprecator.get("resolved_name") if isinstance(deprecator, dict) else found.get("collection_name")
    shown = {
        "msg": found.get("msg"),
        "version": found.get("version"),
        "date": found.get("date"),
        "collection_name": name,
    }
    return {key: value for key, value in shown.items() if value is not None}


def removal(deprecation: Mapping[str, Any]) -> str:
    """What Ansible says of the end of something that a module has called deprecated."""
    name = str(deprecation.get("collection_name") or "")
    collection, module = ".".join(name.split(".")[:2]), name.split(".")[2:]
    if not collection:
        return "This feature will be removed in the future."
    by = f"module {'.'.join(module)!r} in " if module else ""
    if date := deprecation.get("date"):
        when = f"in a release after {date}"
    else:
        when = f"version {deprecation['version']}" if deprecation.get("version") else "in a future release"
    owner = "ansible-core" if collection == "ansible.builtin" else f"collection {collection!r}"
    return f"This feature will be removed from {by}{owner} {when}."


def _facts(found: Any) -> tuple[dict[str, Any], list[str]]:
    """A module's facts may have any name but those by which a host would choose how it is reached."""
    if not isinstance(found, dict):
        return {}, []
    kept = {name: value for name, value in found.items() if not reserved(name)}
    return kept, sorted(found.keys() - kept.keys())
