"""One module on some hosts, as a play of one task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError
from hotdesk.place import Place
from hotdesk.playbook.actions import unknown_action
from hotdesk.playbook.free_form import parse
from hotdesk.playbook.model import Play, Task
from hotdesk.source import load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.actions.registry import ActionNames

COMMAND_LINE = Place("<command line>")


def ad_hoc_play(names: ActionNames, pattern: str, module: str, arguments: str) -> Play:
    """``hotdesk run PATTERN -m MODULE -a ARGUMENTS``. Raises PlaybookError for an unknown module or option."""
    found = names.resolve(module)
    if found is None:
        raise unknown_action(module, names, None)
    if refusal := names.refusal(found):
        raise PlaybookError(refusal)
    here = Path.cwd()
    task = Task(
        id="task-1",
        action=found,
        written=module,
        place=COMMAND_LINE,
        args=_arguments(names, found, arguments),
        search=(here,),
    )
    names.check_static(task)
    return Play(
        name="Ansible Ad-Hoc",
        hosts=pattern,
        place=COMMAND_LINE,
        sections=(("tasks", (task,)),),
        gather_facts=False,
        keywords=task,
        basedir=here,
    )


def _arguments(names: ActionNames, action: str, text: str) -> Mapping[str, Any]:
    if (found := _as_json(text.strip())) is not None:
        return found
    if names.load(action).free_form is not None:
        return parse(text, command=True)
    given = parse(text)
    if "_raw_params" in given:
        raise PlaybookError(
            f"{str(given['_raw_params'])!r} is not option=value", remedy=f"{action} takes options: -a 'name=value ...'."
        )
    return given


def _as_json(text: str) -> Mapping[str, Any] | None:
    """``-a '{"name": "joe"}'``: options as a JSON object, None for any other text."""
    try:
        is_object = text.startswith("{") and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return None
    return dict(load_yaml(text, COMMAND_LINE.file)) if is_object else None


def verification_play(pattern: str, tests: Sequence[str]) -> Play:
    """A play that does nothing but verify its hosts with ``tests`` (testinfra files, looked for in the working directory)."""
    task = Task(id="verify", action="verify", written="verify", place=COMMAND_LINE)
    return Play(
        name="Verify", hosts=pattern, place=COMMAND_LINE, sections=(), gather_facts=False, keywords=task, basedir=Path.cwd(),
        vars={"hotdesk_verify": list(tests)},
    )  # fmt: skip
