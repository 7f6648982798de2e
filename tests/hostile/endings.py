"""``python -m tests.hostile.endings``: embedded PCs (hotdesk.demo.pcs) whose sshd ends a command as the name of who logs in says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.demo import pcs
from hotdesk.demo.session import CommandSession

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncssh

Channel = Any


def ends(channel: Channel) -> None:
    """An end of file, then the close, with no status between them."""
    channel.write_eof()
    channel.close()


ENDINGS: dict[str, Callable[[Channel], object]] = {
    "closes": lambda channel: channel.close(),
    "ends": ends,
    "stays": lambda channel: channel.write_eof(),
    "hangs-up": lambda channel: channel.get_connection().abort(),
    "says-0": lambda channel: channel.exit(0),
}


class Untold:
    """The server's side of a channel, but for what it tells of a command's end."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], end: Callable[[Channel], object]) -> None:
        self._channel, self._end = channel, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def exit(self, _status: int) -> None:
        self._end(self._channel)

    def exit_with_signal(self, _signal: str) -> None:
        self._end(self._channel)


class Session(CommandSession):
    """A command whose end is told as ``end`` does it."""

    end: Callable[[Channel], object]

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        untold: Any = Untold(chan, self.end)
        super().connection_made(untold)


class Server(pcs.Server):
    """Honest to every name that is not in the table."""

    _name = ""

    def begin_auth(self, username: str) -> bool:
        self._name = username
        return super().begin_auth(username)

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        if self._name not in ENDINGS:
            return super().session_requested()
        session = Session(self._pc.environment(), self._pc.home, self._group)
        session.end = ENDINGS[self._name]
        return session


if __name__ == "__main__":
    pcs.Server = Server  # type: ignore[misc]
    pcs.main()
