"""The kinds of values a setting may have, and how text becomes one (Ansible's types, and "limit", "host-keys", "color")."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import UsageError, nearest
from hotdesk.frozen import frozen
from hotdesk.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.place import Place

TRUE = frozenset({"yes", "on", "1", "true", "t", "y", "1.0"})
FALSE = frozenset({"no", "off", "0", "false", "f", "n", "0.0"})


@frozen
class Given:
    """One spelling of a setting that is set: text from outside, or a typed value from the command line."""

    value: Any
    origin: str
    base: Path
    """What a relative path is relative to."""
    spelled: str
    place: Place | None = None

    def wrong(self, expected: str, remedy: str = "") -> UsageError:
        where = "" if self.place or self.origin == self.spelled else f"{self.origin}: "
        return UsageError(f"{where}{self.spelled}: {self.value!r} is not {expected}", place=self.place, remedy=remedy)

    def text(self) -> str:
        """Without the quotes that Ansible strips too."""
        text = str(self.value).strip()
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def convert(kind: str, given: list[Given], choices: tuple[str, ...] = ()) -> Any:
    """The value of a setting from all spellings that are set. Raises UsageError."""
    if kind in JOINT:
        return JOINT[kind](given)
    last = given[-1]
    if kind == "choice":
        if last.text() not in choices:
            raise last.wrong(f"one of {', '.join(choices)}", nearest(last.text(), choices))
        return last.text()
    return KINDS[kind](last)


def _boolean(given: Given) -> bool:
    if isinstance(given.value, bool):
        return given.value
    word = given.text().lower()
    if word not in TRUE | FALSE:
        raise given.wrong("a boolean", "Use yes or no.")
    return word in TRUE


def _whole(minimum: int, maximum: int | None = None) -> Callable[[Given], int]:
    def read(given: Given) -> int:
        try:
            number = int(given.text())
        except ValueError:
            raise given.wrong("a whole number") from None
        if number < minimum or (maximum is not None and number > maximum):
            raise given.wrong(f"between {minimum} and {maximum}" if maximum else f"at least {minimum}")
        return number

    return read


def _seconds(given: Given) -> float:
    try:
        number = float(given.text())
    except ValueError:
        raise given.wrong("a number of seconds") from None
    if not 0 < number < math.inf:
        raise given.wrong("a number of seconds above 0")
    return number


def _limit(given: Given) -> float:
    """Ansible's 0: no limit, on purpose."""
    return math.inf if given.text() in ("0", "0.0") else _seconds(given)


def _host_keys(given: Given) -> str:
    word = given.text().lower()
    if word == "accept-new":
        return word
    if not isinstance(given.value, bool) and word not in TRUE | FALSE:
        raise given.wrong("yes, no or accept-new", nearest(word, ("accept-new", "yes", "no")))
    return "yes" if _boolean(given) else "no"


def resolve(text: str, base: Path) -> Path:
    """An absolute path: ``~`` and ``$VARIABLES`` expanded, ``{{CWD}}`` as Ansible documents it, relative to ``base``."""
    text = os.path.expandvars(text.replace("{{CWD}}", str(Path.cwd())))
    return Path(os.path.normpath(base / expanded(text)))


def _path(given: Given) -> Path:
    return resolve(given.text(), given.base)


def _paths(given: Given) -> tuple[Path, ...]:
    parts = given.value if isinstance(given.value, (list, tuple)) else given.text().split(os.pathsep)
    return tuple(resolve(str(part), given.base) for part in parts if str(part))


def _list(given: Given) -> tuple[str, ...]:
    parts = given.value if isinstance(given.value, (list, tuple)) else given.text().split(",")
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _sources(given: Given) -> tuple[str, ...]:
    """Inventory sources. On the command line a comma makes a list of hosts, as ``-i``; elsewhere it separates
    sources, unless the text ends with one (``localhost,``)."""
    if isinstance(given.value, (list, tuple)):
        parts = [str(part) for part in given.value]
    elif given.text().endswith(","):
        parts = [given.text()]
    else:
        parts = [part.strip() for part in given.text().split(",")]
    return tuple(part if "," in part else str(resolve(part, given.base)) for part in parts if part)


def _joined(given: list[Given]) -> str:
    """ssh_args, then ssh_common_args, then ssh_extra_args: as Ansible puts them on ssh's command line."""
    return " ".join(one.text() for one in given)


PROMPTS = ("prompt", "prompt_ask_vault_pass")
"""Sources of a vault password that are no files."""


def _vault(given: list[Given]) -> tuple[str, ...]:
    """``ID@path`` or path, every path made absolute; ``ID@prompt`` stays."""
    found = []
    for one in given:
        for entry in _list(one):
            name, at, where = entry.partition("@")
            if not at or one.spelled.lower().endswith("vault_password_file"):  # a path alone, which may hold an '@'
                name, where = "", entry
            source = where if where in PROMPTS else str(resolve(where, one.base))
            found.append(f"{name}@{source}" if name or "@" in source else source)
    return tuple(found)


CLUSTER = ("tcp://", "tls://")


def _workers(given: Given) -> str:
    """A number of processes, or the address of a Dask scheduler; 0: none."""
    text = given.text()
    if text.startswith(CLUSTER):
        return text
    if not text.isdecimal():
        raise given.wrong(
            "a number of workers", "Or name a Dask scheduler: tcp://SCHEDULER:8786, tls://SCHEDULER:8786."
        )
    return "" if int(text) == 0 else str(int(text))


def _color(given: list[Given]) -> bool | None:
    """force_color beats nocolor (Ansible); NO_COLOR counts when it is not empty (https://no-color.org)."""
    wanted: bool | None = None
    for one in given:
        if isinstance(one.value, bool):
            return one.value
        if one.spelled == "NO_COLOR":
            wanted = False
        elif _boolean(one):
            wanted = "FORCE" in one.spelled.upper()
    return wanted


JOINT: dict[str, Callable[[list[Given]], Any]] = {"joined": _joined, "vault": _vault, "color": _color}
KINDS: dict[str, Callable[[Given], Any]] = {
    "bool": _boolean,
    "bytes": _whole(0),
    "count": _whole(1),
    "natural": _whole(0),
    "port": _whole(1, 65535),
    "seconds": _seconds,
    "limit": _limit,
    "text": Given.text,
    "path": _path,
    "path-text": lambda given: str(_path(given)),
    "paths": _paths,
    "list": _list,
    "sources": _sources,
    "host-keys": _host_keys,
    "workers": _workers,
}
