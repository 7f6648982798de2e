"""The variables of one host for one task, as templates see them: raw layers below, rendered values on access.

Source of the rule that values are rendered late:
https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hotdesk.errors import VariableError
from hotdesk.source import Map, Seq, Trusted, Vaulted
from hotdesk.variables.blocking import at_once
from hotdesk.variables.lazy import Lazy, LazyMap, LazySeq, Names
from hotdesk.variables.precedence import Layers
from hotdesk.variables.trust import holds_templates, is_template, plain
from hotdesk.variables.undefined import Missing, Undefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hotdesk.variables.templates import Templates

LARGE = 50_000
"""Elements: rendering over a larger container does not happen on the event loop."""


class Scope(Names):
    """A read-only mapping name -> rendered value; each is rendered once, when first looked up.

    ``scope[name]`` from Python gives a plain value and raises UndefinedError or TemplateError; KeyError when there is no such variable.
    A Scope belongs to one host's coroutine. Lookups that do I/O (lookup plugins) need ``await templates.render(...)``.
    """

    __slots__ = ("_layers", "_memo", "_templates")

    def __init__(self, layers: Layers | Iterable[Mapping[str, Any]], templates: Templates) -> None:
        self._layers = layers if isinstance(layers, Layers) else Layers(tuple(layers))
        self._templates = templates
        self._memo: dict[str, Any] = {}

    def raw(self, name: str) -> Any:
        """The value as the user wrote it or the host sent it. Raises KeyError."""
        return self._layers[name]

    def with_(self, extra: Mapping[str, Any]) -> Scope:
        """A Scope in which ``extra`` (loop item, registered result, ...) comes before everything else. Nothing is copied."""
        return Scope(self._layers.above(extra), self._templates)

    def __getitem__(self, name: str) -> Any:
        def call() -> Any:
            value = self.lookup(name)
            return value if isinstance(value, Names) else self._templates.finished(value, self)

        return at_once(call, f"the variable {name!r}")

    def lookup(self, name: str) -> Any:
        """The rendered value as templates handle it: may be lazy, may be an Undefined. Raises KeyError."""
        try:
            return self._memo[name]
        except KeyError:
            pass
        if name == "vars" and name not in self._layers:
            return VarsView(self)
        raw = self._layers[name]
        computed = isinstance(raw, Lazy)
        value = self._templates.guarded(self, name, raw.compute() if computed else raw)
        if not computed:
            self._memo[name] = value
        return value

    def evaluate(self, raw: Any, *, within: bool = False) -> Any:
        """Render one raw value in this scope, not deeper than needed.

        Map and Seq are the user's text; a plain dict or list is data, unless it stands ``within`` a container of the user.
        """
        if isinstance(raw, str):
            if not is_template(raw):
                return raw if type(raw) is str else str.__str__(raw)
            try:
                return self._templates.evaluate(raw, self)
            except Missing as missing:
                return Undefined(hint=str(missing), name=missing.name or None, place=missing.place)
        if isinstance(raw, (Map, Seq)) or (within and isinstance(raw, (dict, list))):
            if not holds_templates(raw):
                return plain(raw)
            return LazyMap(raw, self) if isinstance(raw, dict) else LazySeq(raw, self)
        if isinstance(raw, Vaulted):
            return self._templates.evaluate(raw, self)
        if isinstance(raw, Lazy):
            return self.evaluate(raw.compute())
        if isinstance(raw, (dict, list)) and len(raw) > LARGE:
            self._templates.leave_loop()
        return raw

    def present(self, names: frozenset[str]) -> set[str]:
        """Those of ``names`` that there are."""
        return self._layers.present(names)

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        return f"Scope({len(self)} variables)"  # never values: there are secrets among them


class AsWritten(Scope):
    """A Scope in which the user's text stays what it is (Trusted), also within containers, so that it may be evaluated later.

    For what a template only *leads to*: the conditions in ``that: "{{ checks }}"``, the arguments in ``assert: "{{ given }}"``.
    Text that an expression has made is no longer the user's.
    """

    __slots__ = ()

    @classmethod
    def of(cls, scope: Scope) -> AsWritten:
        return cls(scope._layers, scope._templates)

    def evaluate(self, raw: Any, *, within: bool = False) -> Any:
        if isinstance(raw, Trusted) and not is_template(raw):
            return raw
        if isinstance(raw, (Map, Seq)):
            return LazyMap(raw, self) if isinstance(raw, dict) else LazySeq(raw, self)
        return super().evaluate(raw, within=within)


def as_written(value: Any) -> Any:
    """What ``AsWritten`` has given: a list or mapping with its elements as they were written, else plain data."""
    if isinstance(value, LazySeq):
        return list(list.__iter__(value))
    if isinstance(value, LazyMap):
        return dict(dict.items(value))
    if isinstance(value, list):
        return [one if isinstance(one, Trusted) else plain(one) for one in value]
    return plain(value)


class VarsView(Names):
    """``vars`` and ``hostvars[NAME]``: the variables by name, each rendered when asked for. ``hostvars``, which has them all, is not listed."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        return self._scope.lookup(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._scope if name != "hostvars")

    def __len__(self) -> int:
        return sum(1 for _ in self)


class HostVars(Names):
    """``hostvars``: host name -> that host's variables; a host's scope is made when it is first asked for."""

    __slots__ = ("_implicit", "_names", "_scope_of")

    def __init__(
        self, names: Iterable[str], scope_of: Callable[[str], Scope], *, implicit: frozenset[str] = frozenset()
    ) -> None:
        """``implicit``: names that are answered to but not listed (the control node, when no inventory names it)."""
        self._names = dict.fromkeys(names)
        self._scope_of = scope_of
        self._implicit = implicit

    def __getitem__(self, name: str) -> Any:
        if name not in self._names and name not in self._implicit:
            raise KeyError(name)
        return VarsView(self._scope_of(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Root(Mapping[str, Any]):
    """What a template sees: the scope's variables, then the functions (lookup, now, ...)."""

    __slots__ = ("_functions", "scope")

    def __init__(self, scope: Scope, functions: Mapping[str, Any]) -> None:
        self.scope = scope
        self._functions = functions

    def __getitem__(self, name: str) -> Any:
        try:
            return self.scope.lookup(name)
        except KeyError:
            return self._functions[name]

    def __contains__(self, name: object) -> bool:
        return name in self.scope or name in self._functions

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self.scope), **dict.fromkeys(self._functions)})

    def __len__(self) -> int:
        return len(list(iter(self)))


def recursion(names: Iterable[str], place: Any) -> VariableError:
    """The error for variables that are defined in terms of each other."""
    chain = " -> ".join(names)
    return VariableError(
        f"{f'the variables {chain}' if chain else 'variables'} are defined in terms of each other",
        place=place,
        remedy="A variable cannot contain itself; give one of them another name.",
    )
