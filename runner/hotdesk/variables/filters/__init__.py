"""FILTERS: every filter by name. Ansible's are in the files of this folder, by theme; Jinja's own come from Jinja.

Source: https://docs.ansible.com/ansible/latest/collections/index_filter.html (ansible.builtin)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2.filters import FILTERS as JINJA

from hotdesk.variables.filters import data, formats, hashes, numbers, paths, text
from hotdesk.variables.plugin import table

if TYPE_CHECKING:
    from collections.abc import Callable

ANSIBLE: Final[dict[str, Callable[..., Any]]] = {
    **data.FILTERS,
    **formats.FILTERS,
    **hashes.FILTERS,
    **numbers.FILTERS,
    **paths.FILTERS,
    **text.FILTERS,
}

TAKES_UNDEFINED: Final = frozenset({"default", "d", "mandatory", "type_debug"})
"""All others give an undefined argument back untouched."""

FILTERS: Final = table("filter", JINJA, ANSIBLE, TAKES_UNDEFINED)
"""Name -> filter; Ansible's and Jinja's also as ansible.builtin.NAME."""
