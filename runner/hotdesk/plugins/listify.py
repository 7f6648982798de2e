"""In the place of ``ansible.utils.listify``."""

from __future__ import annotations

from typing import Any


def listify_lookup_plugin_terms(terms: Any, *_args: Any, **_options: Any) -> list[Any]:
    """The terms of a lookup as a list. They have been rendered before it is called."""
    if isinstance(terms, str):
        return [terms.strip()]
    return list(terms) if isinstance(terms, (list, tuple, set)) else [terms]
