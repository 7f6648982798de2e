"""Templates of an inventory plugin's configuration, rendered in the thread that reads the inventory.

The contract is ``hotdesk.inventory.plugins.Evaluate``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hotdesk.source import Trusted, place_of
from hotdesk.variables.blocking import Blocking
from hotdesk.variables.trust import OMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.variables.templates import Templates


class Expressions:
    """Made in the running loop, used in a thread, where lookups may block."""

    def __init__(self, templates: Templates, extra_vars: Mapping[str, Any]) -> None:
        self.extra_vars = extra_vars
        self._templates = templates
        self._blocking = Blocking(asyncio.get_running_loop())

    def text(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """``value`` with its ``{{ }}`` rendered; None for ``omit``. Raises TemplateError, UndefinedError."""
        found = self._blocking.run(lambda: self._templates.render_now(value, variables))
        return None if found is OMIT else found

    def expression(self, value: str, variables: Mapping[str, Any]) -> Any:
        """What a bare expression gives. Text that is not the user's own (R7) is no expression: it stays what it is."""
        if not isinstance(value, Trusted):
            return value
        return self.text(Trusted(f"{{{{ {value} }}}}", place_of(value)), variables)

    def condition(self, value: Any, variables: Mapping[str, Any]) -> bool:
        """Whether a bare expression holds. Raises TemplateError when it gives no boolean."""
        return self._blocking.run(lambda: self._templates.condition_now(value, variables, what="groups"))
