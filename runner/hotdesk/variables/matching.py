"""Regular expressions of templates: bounded in time on the loop, and again when the rendering has moved to a thread (docs/adr/0009)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, TypeVar

from hotdesk import regex
from hotdesk.errors import TemplateError
from hotdesk.variables import blocking

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
SHORT, LONG = 2_000, 1_000_000
"""Characters: what is matched at once by a pattern with one repetition, and without any."""


def compiled(pattern: object, *, ignorecase: bool = False, multiline: bool = False) -> re.Pattern[str]:
    """The pattern with its flags. Raises TemplateError saying what is wrong with it, and where in it."""
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    try:
        return re.compile(str(pattern), flags)
    except (re.error, OverflowError) as problem:
        raise TemplateError(f"{str(pattern)!r} is not a regular expression: {problem}") from None
    except RecursionError:
        raise TemplateError("the regular expression is nested too deeply") from None


def bounded(pattern: re.Pattern[str], text: str, call: Callable[[], T]) -> T:
    """``call()``, which uses the pattern on the text. Raises TemplateError when it takes too long.

    On the loop it has little time, then the rendering moves to a thread; from there it is asked of the loop's thread once more,
    where it can be ended.
    """
    if _harmless(pattern.pattern, text):
        return call()
    if regex.can_be_ended():
        seconds = blocking.ON_LOOP if blocking.may_leave() else regex.LONGEST
        try:
            return regex.within(seconds, call)
        except TimeoutError:
            if seconds < regex.LONGEST:
                blocking.leave_loop()
            raise _too_long(pattern) from None
    if not blocking.may_wait():
        return call()

    async def there() -> T:
        return regex.within(regex.LONGEST, call)

    try:
        return blocking.wait_for(there)
    except TimeoutError:
        raise _too_long(pattern) from None


@functools.lru_cache(maxsize=1000)
def _repetitions(pattern: str) -> int:
    return sum(map(pattern.count, "*+{?")) - pattern.count("(?")


def _harmless(pattern: str, text: str) -> bool:
    """With one repetition at most, the time grows with the square of the text's length: no timer is worth its price."""
    repetitions = _repetitions(pattern)
    return repetitions < 2 and len(text) <= (SHORT if repetitions else LONG)


def _too_long(pattern: re.Pattern[str]) -> TemplateError:
    return TemplateError(
        f"the regular expression {pattern.pattern!r} takes too long on this text: it was given up",
        remedy="A repetition within a repetition, such as (a+)+ or (.*,)*, can be matched in too many ways; leave out the inner one.",
    )
