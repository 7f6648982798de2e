"""How a function on the target says no: it raises Refused, and the caller gets an answer with ``failed`` and ``msg``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Refused(Exception):
    """The task cannot be done; ``data`` is merged into the answer."""

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.data = dict(data, failed=True, msg=msg)


def answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a Refused into the answer it carries. Other exceptions (OSError above all) travel as they are."""

    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Refused as no:
            return no.data

    answering.__doc__ = function.__doc__
    return answering
