"""A stop (TERM) that unwinds what is under way, so that it can put back what it had begun. Python 3.8 or newer."""

from __future__ import annotations

import signal
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator


class Stopped(BaseException):
    """TERM came."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it TERM raises Stopped."""

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # another one must not break off what is being put back
        raise Stopped("stopped")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
