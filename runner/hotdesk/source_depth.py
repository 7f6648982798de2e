"""How deep a YAML text is nested, found out before libyaml composes it: some 20,000 levels end the process by a stack overflow."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.place import Place

if TYPE_CHECKING:
    from hotdesk.errors import InputError

MOST_NESTED = 100
"""Mappings and lists within one another."""
_HARMLESS = 1000
"""Levels that can be composed; with no more openings than these a text is not looked at closer."""
_LEAD = re.compile(rf"^[ \t?:-]{{{_HARMLESS}}}", re.MULTILINE)
"""A line that can open so many levels: by its indentation, or by ``- - - -``."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_depth(text: str, file: str, error: type[InputError]) -> None:
    """Raises ``error`` for a text that is nested too deeply to be composed; what is not YAML at all is left to the parser."""
    if text.count("[") + text.count("{") <= _HARMLESS and not _LEAD.search(text):
        return
    if text.lstrip().startswith(("{", "[")):
        try:
            json.loads(text)
            return  # the standard library has counted
        except (RecursionError, ValueError):
            pass  # too deep, or YAML and not JSON
    loader = _Loader(text)
    depth = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MOST_NESTED:
                    mark: Any = event.start_mark
                    place = Place(file, mark.line + 1, mark.column + 1)
                    raise error(f"the values are nested more than {MOST_NESTED} deep", place=place)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return
    finally:
        loader.dispose()
