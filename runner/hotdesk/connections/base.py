"""The contract of a connection: it opens channels, each a started command with bytes in and out. Nothing else.

Only agents and bulk-transfer bridges are started this way; every other command is started by an agent (R3).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from types import TracebackType

    from hotdesk.agent.frames import Decoder


@frozen(kw_only=True)
class Endpoint:
    """Where and how to reach a PC: what ``ansible_*`` connection variables, keywords and settings come to for one host.

    Two tasks with equal Endpoints share one connection. Passwords are kept out of ``repr``.
    """

    host: str
    """The inventory name."""
    kind: Literal["ssh", "local"] = "ssh"
    address: str = ""
    port: int | None = None
    user: str | None = None
    password: Secret | None = None
    private_key_files: tuple[str, ...] = ()
    key_passphrase: Secret | None = None
    ssh_config: tuple[str, ...] = ()
    """ssh_config files to read (default: the user's and the system's)."""
    options: tuple[tuple[str, str], ...] = ()
    """``-o`` options from ansible_ssh_common_args and friends, e.g. ("ProxyJump", "gate")."""
    host_key_checking: Literal["yes", "accept-new", "no"] = "yes"
    known_hosts: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    """Seconds."""
    keepalive_interval: float = 15.0
    keepalive_count: int = 3
    python: str = "auto"
    """``ansible_python_interpreter``."""


@frozen
class Secret:
    """A password; shown as ``***`` wherever it is printed."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@frozen(kw_only=True)
class Escalation:
    """``become``, resolved. Two tasks with equal Escalations on one Endpoint share one agent."""

    user: str = "root"
    method: str = "sudo"
    exe: str = "sudo"
    flags: tuple[str, ...] = ("-H",)
    password: Secret | None = None


class Channel(ABC):
    """A command started at the other end. Reading and writing are bytes; closing is bounded and never waits for the command."""

    @abstractmethod
    async def read(self, limit: int = 65536) -> bytes:
        """The next bytes of its stdout, at most ``limit``; b"" at end of file. Raises LinkLost when the connection dies."""

    @abstractmethod
    async def read_stderr(self, limit: int = 65536) -> bytes:
        """The next bytes of its stderr; b"" at end of file."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send to its stdin, with back-pressure. Raises LinkLost when nobody reads any more."""

    @abstractmethod
    async def write_eof(self) -> None:
        """End its stdin."""

    @abstractmethod
    async def wait(self) -> int | None:
        """Its exit status (128 + n for a signal), or None when the connection ended first: then nothing is known (R4)."""

    @abstractmethod
    async def aclose(self) -> None:
        """Give the channel up at once; does not wait for the other end's command."""


class Connection(ABC):
    """An open, authenticated way to one PC as one user."""

    endpoint: Endpoint

    @abstractmethod
    async def open(self, command: str) -> Channel:
        """Start ``command`` (a POSIX shell command line, run by the login shell) and return its channel.

        Raises LinkLost when the connection is gone.
        """

    @property
    @abstractmethod
    def closed(self) -> bool:
        """The connection has ended, whoever ended it."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close, politely and bounded (at most 2 s)."""

    def reset(self) -> None:  # noqa: B027 - for most there is nothing to break off
        """Break it off at once, where a close may wait for the other end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Far(Connection):
    """A connection that another process holds. Agents are started there, so that what a start takes does not travel."""

    @abstractmethod
    async def start_agent(
        self, escalation: Escalation | None, config: dict[str, Any], *, limit: float
    ) -> tuple[Channel, Decoder, dict[str, Any], bytearray]:
        """As ``startup.start_agent``."""


class Elsewhere(Protocol):
    """Who makes connections in other processes."""

    async def connect(self, endpoint: Endpoint) -> Far:
        """A new connection. Raises ConnectError, AuthenticationError, HostKeyError or LinkLost."""
