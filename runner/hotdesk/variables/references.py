"""The variables a template is sure to look at, known without rendering it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from hotdesk.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotdesk.variables.templates import Templates

Reference = tuple[Any, ...]
"""A variable's name, and the constant keys that follow it: ``db['users'][0].name`` is ("db", "users", 0, "name")."""
_HARMLESS_TESTS = frozenset({"defined", "undefined", "vault_encrypted"})


def references(templates: Templates, text: str) -> Iterator[Reference]:
    """Those that are looked at in every rendering: not in a branch, a loop, or what ``and`` and ``or`` may leave out."""
    try:
        tree = templates.parsed(text)
    except TemplateError:  # loading has told it, or the task is there to fail
        return
    if any(tree.find_all((nodes.Assign, nodes.AssignBlock))):  # a name may be the template's own
        return
    yield from _sure(tree)


def _sure(node: nodes.Node) -> Iterator[Reference]:
    reference = _reference(node)
    if reference is not None:
        yield reference
        return
    for child in _sure_children(node):
        yield from _sure(child)


def _sure_children(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.CondExpr(test=test) | nodes.If(test=test):
            yield test
        case nodes.And(left=left) | nodes.Or(left=left):
            yield left
        case nodes.For() | nodes.Macro() | nodes.CallBlock() | nodes.Block() | nodes.Include() | nodes.Import():
            return
        case nodes.Test(name=name) if name in _HARMLESS_TESTS:
            return
        case _:
            yield from node.iter_child_nodes()


def _reference(node: nodes.Node) -> Reference | None:
    path: list[Any] = []
    while True:
        match node:
            case nodes.Name(name=name, ctx="load"):
                return (name, *reversed(path))
            case nodes.Getattr(node=inner, attr=key) | nodes.Getitem(node=inner, arg=nodes.Const(value=key)):
                path.append(key)
                node = inner
            case _:
                return None
