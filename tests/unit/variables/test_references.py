"""What a template is sure to look at."""

from __future__ import annotations

import pytest

from hotdesk.settings import Settings
from hotdesk.variables.references import references
from hotdesk.variables.templates import Templates

SURE = {
    "{{ a }} {{ b.c['d'][0] }}": [("a",), ("b", "c", "d", 0)],
    "{{ a | default(b) }}": [("a",), ("b",)],
    "{{ lookup('file', a) }}": [("lookup",), ("a",)],
    "{{ a[b] }}": [("a",), ("b",)],
    "{{ x if a else y }}": [("a",)],
    "{{ a and x or y }}": [("a",)],
    "{% if a %}{{ x }}{% else %}{{ y }}{% endif %}": [("a",)],
    "{% for x in a %}{{ x }}{% endfor %}": [],
    "{{ a is defined }}": [],
    "{{ a is match(b) }}": [("a",), ("b",)],
    "{% set a = 1 %}{{ a }}": [],
    "{{ a ": [],
}


@pytest.mark.parametrize("text", SURE)
def test_only_what_every_rendering_looks_at_counts(text: str) -> None:
    """No branch, no loop, nothing a template names itself."""
    assert list(references(Templates(Settings()), text)) == SURE[text]
