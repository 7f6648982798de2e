"""How a filter or test is put into its table: errors name it, undefined values pass through, generators become lists."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Undefined as AnyUndefined

from hotdesk.errors import HotdeskError, TemplateError
from hotdesk.variables import bounds
from hotdesk.variables.blocking import leave_loop, tick
from hotdesk.variables.undefined import Missing

LARGE = 50_000


class PluginError(TemplateError):
    """A filter, test or lookup refused its input."""


def shielded(kind: str, name: str, func: Callable[..., Any], *, takes_undefined: bool = False) -> Callable[..., Any]:
    """``func`` as templates call it.

    An undefined argument is not given to it but returned (so ``x | int | default(3)`` works); a generator becomes a list;
    an error becomes one that names the filter. Work on more than ``LARGE`` elements leaves the event loop.
    """
    skip = 1 if hasattr(func, "jinja_pass_arg") else 0

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not takes_undefined:
            for argument in args[skip:]:
                if isinstance(argument, AnyUndefined):
                    return argument if kind == "filter" else _fail(argument)
            for argument in kwargs.values():
                if isinstance(argument, AnyUndefined):
                    return argument if kind == "filter" else _fail(argument)
        if len(args) > skip and type(args[skip]) in (list, dict) and len(args[skip]) > LARGE:
            leave_loop()
        tick()
        try:
            if name in bounds.MEASURED:
                bounds.check_filter(name, args[skip], args[skip + 1 :], kwargs)
            result = func(*args, **kwargs)
            return list(result) if isinstance(result, Iterator) else result
        except (HotdeskError, Missing):
            raise
        except RecursionError:
            raise PluginError(
                f"the {kind} {name!r} failed: the value is nested too deeply, or contains itself"
            ) from None
        except MemoryError:
            raise PluginError(f"the {kind} {name!r} failed: there is not enough memory for its result") from None
        except Exception as exc:
            raise PluginError(f"the {kind} {name!r} failed: {str(exc).strip() or type(exc).__name__}") from exc

    return call


def _fail(argument: Any) -> Any:
    return bool(argument)  # raises Missing


def table(
    kind: str, jinja: Mapping[str, Any], ansible: Mapping[str, Any], takes_undefined: frozenset[str]
) -> dict[str, Callable[..., Any]]:
    """Jinja's own and Ansible's by short name, Ansible's also as ``ansible.builtin.NAME``."""
    found: dict[str, Callable[..., Any]] = {}
    for name, func in {**jinja, **ansible}.items():
        found[name] = shielded(kind, name, func, takes_undefined=name in takes_undefined)
        if name.isidentifier():
            found[f"ansible.builtin.{name}"] = found[name]
    return found
