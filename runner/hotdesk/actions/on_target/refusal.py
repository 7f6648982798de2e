"""How a function on the target says no: it raises Refused, and the caller gets an answer with ``failed`` and ``msg``."""

from __future__ import annotations

import functools
from typing import Any, Callable


class Refused(Exception):
    """The task cannot be done; ``data`` is merged into the answer."""

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.data = dict(data, failed=True, msg=msg)


def answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a Refused into the answer it carries. Other exceptions (OSError above all) travel as they are."""

    @functools.wraps(function)
    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Refused as no:
            return no.data

    return answering
