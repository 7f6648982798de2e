"""FILTERS: every filter by name. Ansible's are in the files of this folder, by theme; Jinja's own come from Jinja.

Source: https://docs.ansible.com/ansible/latest/collections/index_filter.html (ansible.builtin)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from jinja2.filters import FILTERS as JINJA

from hotdesk.variables.plugin import table

ANSIBLE: Final[dict[str, Callable[..., Any]]] = {}

TAKES_UNDEFINED: Final = frozenset({"default", "d", "mandatory", "type_debug", "list", "length", "count"})

FILTERS: Final = table("filter", JINJA, ANSIBLE, TAKES_UNDEFINED)
