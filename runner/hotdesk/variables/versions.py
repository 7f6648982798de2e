"""Comparing version numbers: loosely (any text), strictly, by semantic versioning, by PEP 440.

Sources: https://semver.org/spec/v2.0.0.html, https://peps.python.org/pep-0440/
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Final

from hotdesk.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq, "=": operator.eq, "eq": operator.eq,
    "<": operator.lt, "lt": operator.lt,
    "<=": operator.le, "le": operator.le,
    ">": operator.gt, "gt": operator.gt,
    ">=": operator.ge, "ge": operator.ge,
    "!=": operator.ne, "<>": operator.ne, "ne": operator.ne,
}  # fmt: skip

Key = tuple[Any, ...]


def loose(text: str) -> Key:
    """Runs of digits are numbers, runs of letters are text; the two cannot be compared with each other."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-zA-Z]+", text))


def strict(text: str) -> Key:
    found = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?", text)
    if not found:
        raise ValueError(f"invalid version number {text!r}")
    major, minor, patch, stage, number = found.groups()
    return int(major), int(minor), int(patch or 0), (stage, int(number)) if stage else ("z", 0)


def semantic(text: str) -> Key:
    found = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", text)
    if not found:
        raise ValueError(f"invalid semantic version {text!r}")
    *numbers, before = found.groups()
    parts = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in before.split(".")] if before else []
    return (*(int(n) for n in numbers), not before, tuple(parts))


PEP440: Final = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?"
    r"(?:-(?P<post_i>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_n>\d*))?(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.IGNORECASE,
)
STAGES: Final = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
LAST: Final = (2, "", 0)
FIRST: Final = (-1, "", 0)


def pep440(text: str) -> Key:
    """Ordered as the specification says: development, then pre-releases, the release, post-releases."""
    found = PEP440.fullmatch(text.strip())
    if not found:
        raise ValueError(f"invalid PEP 440 version {text!r}")
    part = found.groupdict()
    release = [int(n) for n in part["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    has_post = part["post"] is not None or part["post_i"] is not None
    pre: Key = LAST
    if part["pre"]:
        stage = part["pre"].lower()
        pre = (0, STAGES.get(stage, stage), int(part["pre_n"] or 0))
    elif part["dev"] and not has_post:
        pre = FIRST
    post = (1, int(part["post_i"] or part["post_n"] or 0)) if has_post else (0, 0)
    dev = (0, int(part["dev_n"] or 0)) if part["dev"] else (1, 0)
    local = tuple(
        (1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.split("[-_.]", (part["local"] or "").lower()) if p
    )
    return int(part["epoch"] or 0), tuple(release), pre, post, dev, local


TYPES: Final[dict[str, Callable[[str], Key]]] = {
    "loose": loose, "strict": strict, "semver": semantic, "semantic": semantic, "pep440": pep440
}  # fmt: skip


def version_compare(
    value: Any, version: Any, operator: str = "eq", strict: bool | None = None, version_type: str | None = None
) -> bool:
    """``value`` against ``version``. Raises ValueError or TypeError for what cannot be compared."""
    if strict is not None and version_type:
        raise ValueError("give either strict or version_type")
    kind = version_type or ("strict" if strict else "loose")
    if kind not in TYPES:
        raise ValueError(f"there is no version type {kind!r}. {nearest(kind, TYPES)}")
    if operator not in OPERATORS:
        raise ValueError(f"there is no operator {operator!r}; there are {', '.join(OPERATORS)}")
    if not str(value):
        raise ValueError("the version value cannot be empty")
    if not str(version):
        raise ValueError("the version to compare against cannot be empty")
    try:
        return OPERATORS[operator](TYPES[kind](str(value)), TYPES[kind](str(version)))
    except TypeError:
        raise TypeError(f"the versions {str(value)!r} and {str(version)!r} cannot be compared") from None
