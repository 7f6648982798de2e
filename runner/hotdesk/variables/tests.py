from __future__ import annotations
from typing import Any, Final
from jinja2.tests import TESTS as JINJA
from hotdesk.variables.plugin import table

ANSIBLE: dict[str, Any] = {}
TESTS: Final = table("test", JINJA, ANSIBLE, frozenset({"defined", "undefined"}))
