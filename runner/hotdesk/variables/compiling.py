"""Text to compiled templates, each once; unknown filters, tests and lookups are found here, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes

from hotdesk.errors import TemplateError, nearest
from hotdesk.place import Place
from hotdesk.variables.complaints import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.variables.environment import Environment

MOST_CACHED = 20_000
_RAW = "Text that is to contain {{ or {% as it stands goes into {% raw %}...{% endraw %} or is marked !unsafe."
LOOKUP_FUNCTIONS = frozenset({"lookup", "query", "q"})
COMMUNITY = {
    "json_query": "community.general", "dict": "community.general", "dict_kv": "community.general", "from_csv": "community.general",
    "counter": "community.general", "random_mac": "community.general", "version_sort": "community.general",
    "lists_mergeby": "community.general", "groupby_as_dict": "community.general", "jc": "community.general",
    "ipaddr": "ansible.utils", "ipv4": "ansible.utils", "ipv6": "ansible.utils", "ipsubnet": "ansible.utils",
    "ipwrap": "ansible.utils", "cidr_merge": "ansible.utils", "hwaddr": "ansible.utils", "to_xml": "ansible.utils",
    "from_xml": "ansible.utils", "validate": "ansible.utils", "k8s_config_resource_name": "kubernetes.core",
    "passwordstore": "community.general", "hashi_vault": "community.hashi_vault", "dig": "community.general",
    "flattened": "community.general", "redis": "community.general", "keyring": "community.general",
}  # fmt: skip
"""Well-known names of other collections: what to say where these are not installed."""


class Compiler:
    """The cache of compiled templates of one environment family."""

    def __init__(self, need: Callable[[str, str, Place | None], None]) -> None:
        """``need(kind, name, place)`` raises TemplateError when there is no such filter, test or lookup."""
        self._need = need
        self._cache: dict[Any, jinja2.Template] = {}

    def template(
        self, env: Environment, text: str, place: Place | None, filename: str | None = None
    ) -> jinja2.Template:
        """``text`` as a template. Raises TemplateError with the place."""
        return self._compiled(env, "template", text, place, filename, lambda: env.parse(text, filename=filename))

    def expression(self, env: Environment, text: str, place: Place | None) -> jinja2.Template:
        """``text`` as one bare expression."""
        return self._compiled(env, "expression", text, place, None, lambda: env.expression(text))

    def _compiled(
        self,
        env: Environment,
        kind: str,
        text: str,
        place: Place | None,
        filename: str | None,
        parse: Callable[[], nodes.Template],
    ) -> jinja2.Template:
        key = (id(env), kind, text, filename)
        found = self._cache.get(key)
        if found is None:
            try:
                tree = parse()
                self._check_names(tree, place, filename)
                embed(tree) if kind == "expression" else _embed_terms(tree)
                bounded(tree)
                code = env.compile(tree, filename=filename)
            except jinja2.TemplateSyntaxError as exc:
                raise self._syntax(exc, text, place, filename) from None
            except TemplateError:
                raise
            except Exception as exc:  # Python's own limits: nesting, blocks, digits of a number
                where = Place(filename) if filename else place
                why = "it is nested too deeply" if isinstance(exc, (RecursionError, MemoryError)) else str(exc)
                raise TemplateError(
                    f"the template {short(text)} cannot be compiled: {why}",
                    place=where,
                    remedy="Make several variables of it, each with a part.",
                ) from None
            found = env.template_class.from_code(env, code, env.globals)
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            self._cache[key] = found
        return found

    def _syntax(
        self, exc: jinja2.TemplateSyntaxError, text: str, place: Place | None, filename: str | None
    ) -> TemplateError:
        where = Place(filename, exc.lineno) if filename else place
        return TemplateError(
            f"syntax error in the template {short(text)}: {exc.message}"
            if not filename
            else f"syntax error: {exc.message}",
            place=where,
            remedy=_RAW
            if filename or "{{" in text or "{%" in text or "{#" in text
            else "An expression is expected here.",
        )

    def _check_names(self, tree: nodes.Template, place: Place | None, filename: str | None) -> None:
        for node in tree.find_all((nodes.Filter, nodes.Test, nodes.Call)):
            where = Place(filename, node.lineno) if filename else place
            if isinstance(node, nodes.Filter) and node.name is not None:
                self._need("filter", node.name, where)
            elif isinstance(node, nodes.Test):
                self._need("test", node.name, where)
            elif (
                isinstance(node, nodes.Call)
                and isinstance(node.node, nodes.Name)
                and node.node.name in LOOKUP_FUNCTIONS
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, nodes.Const) and isinstance(first.value, str) and "{{" not in first.value:
                    self._need("lookup", first.value, where)


def known_name(kind: str, name: str, table: Mapping[str, Any], place: Place | None = None) -> None:
    """Raises TemplateError when ``name`` is not in ``table``, naming the nearest or the collection it belongs to."""
    if name in table:
        return
    collection = COMMUNITY.get(name) or (name.rpartition(".")[0] if name.count(".") == 2 else "")
    if collection and collection != "ansible.builtin":
        remedy = f"It belongs to the collection {collection}: either that is not installed (collections_path), or it has no such {kind}."
    else:
        remedy = nearest(name, table)
    raise TemplateError(f"there is no {kind} named {name!r}", place=place, remedy=remedy)


def embed(tree: nodes.Node) -> None:
    """Make constants that contain a template render it: ``'{{ a }}' == b`` (Ansible does this in conditions and lookups' terms)."""
    _replace(tree, _embedded)


def bounded(tree: nodes.Node) -> None:
    """Loops are counted and ``~`` is measured, by methods of the environment."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _method("counted", [loop.iter], loop.lineno)
    _replace(tree, lambda value: _method("joined", value.nodes, value.lineno) if type(value) is nodes.Concat else value)


def _method(name: str, args: list[Any], lineno: int) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), args, [], None, None, lineno=lineno)


def _replace(tree: nodes.Node, change: Callable[[Any], Any]) -> None:
    """Every node below ``tree`` by what ``change`` makes of it."""
    for owner in [tree, *tree.find_all(nodes.Node)]:
        for name, value in list(owner.iter_fields()):
            if isinstance(value, nodes.Node):
                setattr(owner, name, change(value))
            elif isinstance(value, list):
                setattr(owner, name, [change(item) for item in value])


def _embed_terms(tree: nodes.Node) -> None:
    for call in list(tree.find_all(nodes.Call)):
        if isinstance(call.node, nodes.Name) and call.node.name in LOOKUP_FUNCTIONS:
            call.args = [_embedded(argument) for argument in call.args]
            for argument in call.args:
                if isinstance(argument, (nodes.List, nodes.Tuple, nodes.Dict)):
                    embed(argument)


def _embedded(value: Any) -> Any:
    if type(value) is nodes.Const and isinstance(value.value, str) and "{{" in value.value and "}}" in value.value:
        return _method("embedded", [value], value.lineno)
    return value
