"""Filters over text: regular expressions, base64, comments, quoting, URLs, times, sizes."""

from __future__ import annotations

import base64
import datetime
import re
import shlex
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus, urlsplit

from hotdesk.errors import nearest
from hotdesk.variables.matching import bounded, compiled

if TYPE_CHECKING:
    from collections.abc import Callable

ANSIBLE_NAMESPACE: Final = "361E6D51-FAEC-444A-9079-341386DA8E2E"
"""The default namespace of ``to_uuid``, from its documentation."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        value = "" if value is None else str(value)
    return str(value)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    made, text = compiled(pattern, ignorecase=ignorecase, multiline=multiline), _text(value)
    result, replaced = bounded(made, text, lambda: made.subn(replacement, text, count))
    if mandatory_count and replaced != mandatory_count:
        raise ValueError(f"{pattern!r} should match {mandatory_count} times, but matches {replaced} times")
    return result


def regex_findall(value: Any, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    made, text = compiled(regex, ignorecase=ignorecase, multiline=multiline), _text(value)
    return bounded(made, text, lambda: made.findall(text))


def regex_search(value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False) -> Any:
    """The matching text; with ``\\\\g<name>`` or ``\\\\1`` arguments a list of those groups; None when nothing matches."""
    wanted: list[str | int] = []
    for group in groups:
        named, numbered = re.match(r"\\g<(\S+)>", group), re.match(r"\\(\d+)", group)
        if named:
            wanted.append(named.group(1))
        elif numbered:
            wanted.append(int(numbered.group(1)))
        else:
            raise ValueError(f"a group is written \\\\1 or \\\\g<name>, not {group!r}")
    made, text = compiled(regex, ignorecase=ignorecase, multiline=multiline), _text(value)
    found = bounded(made, text, lambda: made.search(text))
    if not found:
        return None
    return [found.group(group) for group in wanted] if wanted else found.group()


def regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(_text(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", _text(value))
    raise ValueError(f"the regex type {re_type!r} is not known; it is python or posix_basic")


def b64encode(value: Any, encoding: str = "utf-8") -> str:
    data = value if isinstance(value, bytes) else _text(value).encode(encoding, "surrogateescape")
    return base64.b64encode(data).decode("ascii")


def b64decode(value: Any, encoding: str = "utf-8") -> str:
    return base64.b64decode(_text(value).encode()).decode(encoding, "surrogateescape")


COMMENTS: Final[dict[str, dict[str, str]]] = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}


def comment(text: Any, style: str = "plain", **given: Any) -> str:
    """``text`` as a comment. Options: decoration, beginning, end, prefix, prefix_count, postfix, postfix_count, newline."""
    if style not in COMMENTS:
        raise ValueError(f"there is no comment style {style!r}. {nearest(style, COMMENTS)}")
    known = {"newline", "beginning", "prefix", "prefix_count", "decoration", "postfix", "postfix_count", "end"}
    if wrong := set(given) - known:
        raise TypeError(f"comment has no option {min(wrong)!r}. {nearest(min(wrong), known)}")
    look: dict[str, Any] = {**COMMENTS[style], **given}
    newline, decoration = look.get("newline", "\n"), look["decoration"]
    edge = str(COMMENTS[style]["decoration"] if "decoration" not in given else decoration).rstrip()

    def edges(name: str) -> str:
        line, count = look.get(name, edge), int(look.get(f"{name}_count", 1))
        return "" if line == "" else newline.join([line] * count)

    body = newline.join(
        (decoration + line).rstrip() if not line else decoration + line for line in _text(text).split(newline)
    )
    parts = [look.get("beginning", ""), edges("prefix"), body, edges("postfix"), look.get("end", "")]
    return str(newline.join(part for part in parts if part != ""))


def quote(value: Any) -> str:
    return shlex.quote(_text(value))


def split(value: Any, separator: str | None = None, maxsplit: int = -1) -> list[str]:
    return _text(value).split(separator, maxsplit)


def urldecode(value: Any) -> str:
    return unquote_plus(_text(value))


def split_url(value: Any, query: str = "") -> Any:
    """The parts of a URL, or the one named."""
    parts = urlsplit(_text(value))
    names = ("fragment", "hostname", "netloc", "password", "path", "port", "query", "scheme", "username")
    result = {name: getattr(parts, name) for name in names}
    if not query:
        return result
    if query not in result:
        raise ValueError(f"unknown URL component: {query!r}. {nearest(query, names)}")
    return result[query]


def strftime(form: Any, second: Any = None, utc: bool = False) -> str:
    """A time (seconds since 1970; now when not given) in the given format."""
    try:
        seconds = None if second is None else float(second)
    except ValueError:
        raise ValueError(f"strftime needs seconds since 1970, not {second!r}") from None
    moment = (time.gmtime if utc else time.localtime)(seconds)
    return time.strftime(_text(form), moment)


def to_datetime(value: Any, format: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:
    return datetime.datetime.strptime(_text(value), format)


def to_uuid(value: Any, namespace: Any = ANSIBLE_NAMESPACE) -> str:
    import uuid  # late: it asks what system this is

    return str(uuid.uuid5(namespace if isinstance(namespace, uuid.UUID) else uuid.UUID(str(namespace)), _text(value)))


SIZES: Final = {letter: 1 << 10 * (power + 1) for power, letter in enumerate("KMGTPEZY")}


def human_readable(value: Any, isbits: bool = False, unit: str | None = None) -> str:
    """1024 -> 1.00 KB; the base is 1024."""
    size = float(value)
    base = "bits" if isbits else "Bytes"
    letter = "B" if not isbits else "b"
    for name, limit in reversed(SIZES.items()):
        if (unit is None and size >= limit) or (unit is not None and unit.upper()[:1] == name):
            return f"{size / limit:.2f} {name}{letter}"
    return f"{size:.2f} {base}"


def human_to_bytes(value: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """``10 MB`` -> 10485760. With ``isbits`` the units are b, Kb, Mb, ..."""
    found = re.fullmatch(r"\s*(\d*\.?\d*)\s*([A-Za-z]+)?\s*", _text(value))
    if not found or not found.group(1):
        raise ValueError(f"human_to_bytes cannot read {value!r} as a size")
    unit = found.group(2) or default_unit
    if not unit:
        return round(float(found.group(1)))
    letter, rest = unit[0].upper(), unit[1:]
    whole = {"b", "bit", "bits"} if isbits else {"b", "byte", "bytes"}
    small, words = ("b", ("bit", "bits")) if isbits else ("B", ("byte", "bytes"))
    if unit in (small, *words) or (unit.lower() in whole and len(unit) > 1):
        return round(float(found.group(1)))
    if letter not in SIZES or (rest and rest != small and rest.lower() not in words):
        expected = f"{letter}{small}" if letter in SIZES else f"K{small}, M{small}, G{small}, ..."
        raise ValueError(f"human_to_bytes does not know the unit {unit!r} of {value!r}; expected {expected}")
    return round(float(found.group(1)) * SIZES[letter])


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "b64decode": b64decode,
    "b64encode": b64encode,
    "comment": comment,
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
    "quote": quote,
    "regex_escape": regex_escape,
    "regex_findall": regex_findall,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "split": split,
    "strftime": strftime,
    "to_datetime": to_datetime,
    "to_uuid": to_uuid,
    "urldecode": urldecode,
    "urlsplit": split_url,
}
