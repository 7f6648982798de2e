"""Containers of the user's text that render an element when it is looked at, and never before.

``{{ paths.home }}`` must not fail because ``paths.work`` names a variable that is not defined yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

DICT_METHODS: Final = frozenset(name for name in dir(dict) if not name.startswith("_"))


class Evaluator(Protocol):
    """Renders one raw value in the scope it belongs to (``Scope``)."""

    def evaluate(self, raw: Any, *, within: bool = False) -> Any: ...


class Lazy:
    """A value of a layer that is computed at each access: ``Lazy(lambda: expensive())``."""

    __slots__ = ("compute",)

    def __init__(self, compute: Callable[[], Any]) -> None:
        self.compute = compute


class Names(Mapping[str, Any]):
    """A mapping whose items templates reach as ``a.b`` too; its methods are hidden from them."""

    __slots__ = ()
    shown_as = "dict"


class LazyMap(dict[Any, Any]):
    """A dict whose values are rendered at first access. It *is* a dict, so that filters and tests take it for one."""

    __slots__ = ("_scope", "_todo")
    shown_as = "dict"

    def __init__(self, raw: Mapping[Any, Any], scope: Evaluator) -> None:
        super().__init__((scope.evaluate(key) if isinstance(key, str) else key, value) for key, value in raw.items())
        self._scope = scope
        self._todo = set(super().keys())

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if key in self._todo:
            value = self._scope.evaluate(value, within=True)
            super().__setitem__(key, value)
            self._todo.discard(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._todo.discard(key)
        super().__setitem__(key, value)

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - this is get

    def __iter__(self) -> Iterator[Any]:  # overridden so that dict(x) and {**x} ask __getitem__
        return super().__iter__()

    def _all(self) -> dict[Any, Any]:
        return {key: self[key] for key in self}

    def items(self) -> Any:
        return self._all().items()

    def values(self) -> Any:
        return self._all().values()

    def copy(self) -> dict[Any, Any]:
        return self._all()

    def pop(self, key: Any, *default: Any) -> Any:
        if key in self:
            value = self[key]
            del self[key]
            return value
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __or__(self, other: Any) -> Any:
        return self._all() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._all()

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, LazyMap) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self._all())


class LazySeq(list[Any]):
    """A list whose elements are rendered when they are looked at."""

    __slots__ = ("_scope", "_todo")
    shown_as = "list"

    def __init__(self, raw: Any, scope: Evaluator) -> None:
        super().__init__(raw)
        self._scope = scope
        self._todo = set(range(len(self)))

    def _element(self, position: int) -> Any:
        value = super().__getitem__(position)
        if position in self._todo:
            value = self._scope.evaluate(value, within=True)
            super().__setitem__(position, value)
            self._todo.discard(position)
        return value

    def _settle(self) -> None:
        """Render all, so that elements may move; undefined ones stay undefined values."""
        for position in sorted(self._todo):
            self._element(position)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._element(position) for position in range(*index.indices(len(self)))]
        try:
            return self._element(range(len(self))[index])
        except IndexError:
            raise IndexError("list index out of range") from None

    def __iter__(self) -> Iterator[Any]:
        position = 0
        while position < len(self):
            yield self._element(position)
            position += 1

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])

    def __contains__(self, item: object) -> bool:
        return item in list(self)

    def __add__(self, other: Any) -> Any:
        return list(self) + list(other) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return list(other) + list(self)

    def __mul__(self, times: Any) -> Any:
        return list(self) * times

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return list(self) < list(other)

    def __gt__(self, other: Any) -> bool:
        return list(self) > list(other)

    __hash__ = None

    def copy(self) -> list[Any]:
        return list(self)

    def index(self, *args: Any) -> int:
        return list(self).index(*args)

    def count(self, value: Any) -> int:
        return list(self).count(value)

    def insert(self, index: Any, value: Any) -> None:
        self._settle()
        super().insert(index, value)

    def pop(self, index: Any = -1) -> Any:
        self._settle()
        return super().pop(index)

    def remove(self, value: Any) -> None:
        self._settle()
        super().remove(value)

    def reverse(self) -> None:
        self._settle()
        super().reverse()

    def sort(self, **options: Any) -> None:
        self._settle()
        super().sort(**options)

    def __repr__(self) -> str:
        return repr(list(self))
