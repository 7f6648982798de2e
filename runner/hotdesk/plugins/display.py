"""In the place of ``ansible.utils.display``: what a plugin says goes where the rest of the run's messages go."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Listener(NamedTuple):
    """Who hears a plugin."""

    warn: Callable[[str], None]
    note: Callable[[str], None]
    """A line for the screen."""
    verbosity: int = 0


_listener: ContextVar[Listener | None] = ContextVar("hotdesk_plugin_listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """What plugins say in this context goes to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Display:
    """Every instance is the same: plugins make one when they are imported. What is said while no plugin is at work is lost."""

    @property
    def verbosity(self) -> int:
        found = _listener.get()
        return found.verbosity if found else 0

    def display(self, msg: Any, *_args: Any, **_options: Any) -> None:
        if found := _listener.get():
            found.note(str(msg))

    def warning(self, msg: Any, *_args: Any, **_options: Any) -> None:
        if found := _listener.get():
            found.warn(str(msg))

    error = warning

    def deprecated(
        self, msg: str, version: str | None = None, removed: bool = False, date: str | None = None, *_args: Any, **_options: Any
    ) -> None:  # fmt: skip
        """Raises ValueError for what is ``removed`` already, which ends the plugin."""
        if removed:
            raise ValueError(f"[DEPRECATED]: {msg}")
        when = (
            f" It will be removed in version {version}."
            if version
            else f" It will be removed after {date}."
            if date
            else ""
        )
        self.warning(f"{msg}{when}")

    def verbose(self, msg: Any, host: str | None = None, caplevel: int = 2, **_options: Any) -> None:
        """``caplevel`` 0 is ``-v``."""
        if self.verbosity > caplevel:
            self.display(f"<{host}> {msg}" if host else msg)

    def v(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 0)

    def vv(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 1)

    def vvv(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 2)

    def vvvv(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 3)

    def vvvvv(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 4)

    def vvvvvv(self, msg: Any, host: str | None = None) -> None:
        self.verbose(msg, host, 5)

    def debug(self, *_args: Any, **_options: Any) -> None:
        """Only Ansible's own debugging shows these."""

    def banner(self, msg: Any, *_args: Any, **_options: Any) -> None:
        self.display(msg)


display = Display()
