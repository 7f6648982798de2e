"""``-e``: k=v words, JSON or YAML, or @file. They always win."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, UsageError
from hotdesk.paths import expanded
from hotdesk.playbook.free_form import parse
from hotdesk.source import load_yaml, load_yaml_file, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.source import Decrypt

COMMAND_LINE = "<command line>"


def extra_variables(given: Sequence[str], *, decrypt: Decrypt | None = None) -> dict[str, Any]:
    """All ``-e`` arguments, the later ones win; the values are the user's text, so they may be templates. Blocking (files).

    Raises UsageError naming the argument.
    """
    found: dict[str, Any] = {}
    for argument in given:
        found.update(_one(argument.strip(), decrypt))
    for name in found:
        if not str(name).isidentifier():
            raise UsageError(
                f"-e {name}: this is not a variable name",
                remedy="Names are letters, digits and underscores: -e name=value.",
            )
    return {str(name): value for name, value in found.items()}


def _one(argument: str, decrypt: Decrypt | None) -> dict[Any, Any]:
    if argument.startswith("@"):
        loaded = load_yaml_file(expanded(argument[1:]), decrypt=decrypt)
    elif argument.startswith(("{", "[")):
        loaded = load_yaml(argument, COMMAND_LINE)
    else:
        try:
            loaded = trust(parse(argument))
        except PlaybookError as problem:
            raise UsageError(
                f"-e {argument!r}: {problem.message}", remedy="Close it, or use -e '{json}' or -e @file."
            ) from None
        if "_raw_params" in loaded:
            raise UsageError(
                f"-e {argument!r}: {str(loaded['_raw_params'])!r} is not name=value",
                remedy="Use -e name=value, -e '{json}' or -e @file.",
            )
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise UsageError(f"-e {argument!r} does not give a mapping of variables")
    return dict(loaded)
