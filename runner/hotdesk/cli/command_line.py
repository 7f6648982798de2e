"""The words hotdesk was called with, without what may be a password: for the run log, and for those who look with ``ps``."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

TAKE_A_VALUE = frozenset("iluTcfetman")
"""Short options with a value: what follows one of them in the same word is no option."""
SECRET = {"e": "--extra-vars", "a": "--args"}
"""Options whose value may be, or hold, a password. ``-e @FILE`` names only a file."""
DOTS = "..."


def command_line() -> tuple[str, ...]:
    """The command line for the run log: values of ``-e`` and ``-a`` are left out."""
    return ("hotdesk", *(word[:start] + DOTS if start < len(word) else word for word, start in _words()))


def hide_from_ps() -> None:
    """Overwrite those values in what ``/proc/PID/cmdline`` shows. Does nothing where that cannot be done safely."""
    wanted = _words()
    if all(start == len(word) for word, start in wanted):
        return
    import ctypes  # late: it is slow to import, and rarely needed

    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        begin, end = (
            int(fields[45]),
            int(fields[46]),
        )  # arg_start and arg_end of proc_pid_stat(5), the state being the third field
        if not 0 < begin < end:
            return
        shown = ctypes.string_at(begin, end - begin).removesuffix(b"\0").split(b"\0")
        first = len(shown) - len(wanted)
        if first < 1 or shown[first:] != [os.fsencode(word) for word, _ in wanted]:
            return
        hidden = [os.fsencode(word[:start]).ljust(len(os.fsencode(word)), b".") for word, start in wanted]
        text = b"\0".join([*shown[:first], *hidden])
        ctypes.memmove(begin, text, len(text))


def _words() -> list[tuple[str, int]]:
    """Each word of the command line, and where in it a secret may begin (its length: nowhere)."""
    out: list[tuple[str, int]] = []
    waits = False
    strings = sys.argv[1:3] == ["vault", "encrypt_string"]
    for word in sys.argv[1:]:
        if waits:
            out.append((word, _start(word, 0)))
            waits = False
            continue
        option, at = _option(word)
        waits = option and at == len(word) and not word.endswith("=")
        if option:
            out.append((word, _start(word, at)))
        else:
            out.append((word, 0 if strings and len(out) > 1 and not word.startswith("-") else len(word)))
    return out


def _start(word: str, at: int) -> int:
    return len(word) if word.startswith("@", at) else at


def _option(word: str) -> tuple[bool, int]:
    """Whether ``word`` is one of SECRET (with others before it, or its value after it), and where its value begins."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return name in SECRET.values(), len(name + equals)
    if word.startswith("-"):
        for at, letter in enumerate(word[1:], 1):
            if letter in SECRET:
                return True, at + 1
            if letter in TAKE_A_VALUE:
                break
    return False, len(word)
