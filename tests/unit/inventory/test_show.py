"""Show: an inventory as ansible-inventory prints it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hotdesk.inventory.show import to_json

VALUES: tuple[Any, ...] = (
    {},
    {"empty": {}, "none": [], "deep": {"list": [{"b": 1, "a": [[]]}]}},
    {"Z": 'a "quote", a\nline, \x01 and ü', "a": [1, -2.5, True, None, float("inf")]},
)


@pytest.mark.parametrize("value", VALUES)
def test_json_is_what_the_standard_library_writes(value: Any) -> None:
    """Sorted, indented by four, and not escaped more than needed."""
    assert to_json(value) == json.dumps(value, sort_keys=True, indent=4, ensure_ascii=False)
