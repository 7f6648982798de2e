"""LOOKUPS: every lookup by name, and the functions by which templates call them.

Source: https://docs.ansible.com/ansible/latest/collections/index_lookup.html (ansible.builtin)
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2 import Undefined as AnyUndefined
from jinja2 import pass_context

from hotdesk.errors import HotdeskError, TemplateError
from hotdesk.variables.lookups import files, outside, values
from hotdesk.variables.lookups.call import LookupCall, LookupFailed, LookupServices
from hotdesk.variables.undefined import Missing, Undefined

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.variables.templates import Templates

__all__ = ["LOOKUPS", "LookupCall", "LookupFailed", "LookupServices", "call_lookup", "lookup_functions"]

_SHORT: Final[dict[str, Callable[[LookupCall], list[Any]]]] = {**files.LOOKUPS, **outside.LOOKUPS, **values.LOOKUPS}

LOOKUPS: Final[dict[str, Callable[[LookupCall], list[Any]]]] = {
    **_SHORT,
    **{f"ansible.builtin.{name}": lookup for name, lookup in _SHORT.items()},
}


def call_lookup(call: LookupCall) -> list[Any]:
    """The results of a lookup by name, plain data. Every fault of it becomes LookupFailed."""
    try:
        return cast("list[Any]", call.templates.plugins.tables["lookup"][call.name](call))
    except (HotdeskError, Missing):
        raise
    except Exception as exc:
        raise call.fail(str(exc) or type(exc).__name__) from exc


def lookup_functions(templates: Templates) -> dict[str, Any]:
    """lookup, query, q, now, undef: what templates can call."""

    @pass_context
    def lookup(_context: Any, name: Any, /, *terms: Any, **options: Any) -> Any:
        return _answer(templates, name, terms, options)

    @pass_context
    def query(_context: Any, name: Any, /, *terms: Any, **options: Any) -> Any:
        return _answer(templates, name, terms, {**options, "wantlist": True})

    return {"lookup": lookup, "query": query, "q": query, "now": now, "undef": undef}


def _answer(templates: Templates, name: Any, terms: tuple[Any, ...], options: dict[str, Any]) -> Any:
    templates.plugins.need("lookup", str(name))
    if not getattr(templates.plugins.tables["lookup"][str(name)], "takes_undefined", False):
        for argument in (*terms, *options.values()):
            if isinstance(argument, AnyUndefined):
                return argument
    wantlist, errors = options.pop("wantlist", False), options.pop("errors", "strict")
    options.pop("allow_unsafe", None)
    call = LookupCall(
        name=str(name), terms=list(terms), options=options, variables=templates.current_scope(), templates=templates
    )
    try:
        found = call_lookup(call)
    except TemplateError as exc:
        if errors not in ("warn", "ignore"):
            raise
        if errors == "warn":
            templates.warn(exc.message)
        return [] if wantlist else None
    return found if wantlist else _joined(found)


def _joined(found: list[Any]) -> Any:
    """``lookup`` gives a list of one as its element, texts joined by commas."""
    if len(found) < 2:
        return found[0] if found else []
    return ",".join(found) if all(isinstance(item, str) for item in found) else found


def now(utc: bool = False, fmt: str | None = None) -> Any:
    """The current time; text when a format is given."""
    moment = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) if utc else datetime.datetime.now()
    return moment.strftime(fmt) if fmt else moment


def undef(hint: str | None = None) -> Undefined:
    """A value that is undefined, for role defaults that the user must set."""
    return Undefined(hint=hint or "mandatory variable has not been overridden")
