"""Filters over paths. Those that look at the file system look at the control node's, in a thread."""

from __future__ import annotations

import glob
import ntpath
import os.path
from typing import TYPE_CHECKING, Any, Final

from hotdesk.variables.blocking import leave_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def path_join(value: Any) -> str:
    if isinstance(value, str):
        return os.path.join(value)  # noqa: PTH118 - text in, text out: a Path would normalise it
    return os.path.join(*[str(part) for part in value])  # noqa: PTH118


def relpath(value: str, start: str = ".") -> str:
    return os.path.relpath(value, start)


def commonpath(value: Iterable[str]) -> str:
    return os.path.commonpath([str(part) for part in value])


def realpath(value: str) -> str:
    leave_loop()
    return os.path.realpath(value)


def fileglob(pattern: str) -> list[str]:
    leave_loop()
    return [path for path in glob.glob(pattern) if os.path.isfile(path)]  # noqa: PTH113, PTH207


def _of_text(func: Callable[[str], Any]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        return func(str(value))

    return call


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "basename": _of_text(os.path.basename),
    "commonpath": commonpath,
    "dirname": _of_text(os.path.dirname),
    "expanduser": _of_text(os.path.expanduser),
    "expandvars": _of_text(os.path.expandvars),
    "fileglob": fileglob,
    "normpath": _of_text(os.path.normpath),
    "path_join": path_join,
    "realpath": realpath,
    "relpath": relpath,
    "splitext": _of_text(os.path.splitext),
    "win_basename": _of_text(ntpath.basename),
    "win_dirname": _of_text(ntpath.dirname),
    "win_splitdrive": _of_text(ntpath.splitdrive),
}
