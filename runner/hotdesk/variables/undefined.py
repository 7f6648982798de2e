"""Undefined values: an error wherever they are used, except by ``default``, ``is defined`` and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import jinja2
from jinja2.utils import missing


class Missing(jinja2.UndefinedError):
    """An undefined value was used. ``name``: the variable that is not defined, empty when it was not a plain name."""

    def __init__(self, message: str, name: str = "", place: Any = None) -> None:
        super().__init__(message)
        self.name = name
        self.place = place
        self.line = 0


class Undefined(jinja2.StrictUndefined):
    """As Ansible's: ``a.b.c | default(1)`` works whichever part is undefined; any other use raises Missing."""

    __slots__ = ("place",)

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Any = Missing,
        place: Any = None,
    ) -> None:
        super().__init__(hint, obj, name, exc)
        self.place = place

    def _fail_with_undefined_error(self, *args: Any, **kwargs: Any) -> NoReturn:
        plain_name = self._undefined_name if self._undefined_obj is missing else None
        raise Missing(self._message(), plain_name or "", self.place)

    def _message(self) -> str:
        if self._undefined_hint or self._undefined_obj is missing:
            return self._undefined_hint or f"{self._undefined_name!r} is undefined"
        found, name = self._undefined_obj, self._undefined_name
        kind = getattr(type(found), "shown_as", type(found).__name__)
        if isinstance(name, str) or isinstance(found, (Mapping, str, tuple)):
            return f"object of type {kind!r} has no attribute {name!r}"
        return f"{'None' if found is None else f'{kind} object'} has no element {name!r}"

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = _fail_with_undefined_error
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _fail_with_undefined_error
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _fail_with_undefined_error
    __pow__ = __rpow__ = __pos__ = __neg__ = __call__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __complex__ = _fail_with_undefined_error
    __iter__ = __str__ = __len__ = __bool__ = __contains__ = _fail_with_undefined_error
    __eq__ = __ne__ = __hash__ = _fail_with_undefined_error

    def __repr__(self) -> str:
        return "Undefined"
