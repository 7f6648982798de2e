"""What asyncssh and the operating system raise becomes what hotdesk raises: at this one boundary, with the remedy."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hotdesk.connections.library import asyncssh
from hotdesk.errors import AuthenticationError, ConnectError, HostError, HostKeyError, LinkLost, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotdesk.connections.base import Endpoint


class Refused(ConnectError):
    """The server ended the connection before anybody had logged in: what sshd's MaxStartups does when many come at once."""


@contextmanager
def translated(endpoint: Endpoint, where: str, *, connected: bool = False) -> Iterator[None]:
    """Translate what the body raises. ``where`` is host:port as tried; ``connected``: an open connection was being used."""
    try:
        yield
    except HostError:
        raise
    except Exception as exc:
        error = translate(exc, endpoint, where, connected=connected)
        if error is None:
            raise
        raise error from exc


def translate(exc: Exception, endpoint: Endpoint, where: str, *, connected: bool = False) -> Unreachable | None:
    """The error for a person, or None when the exception is no business of this boundary."""
    name = endpoint.host
    if connected and isinstance(exc, (asyncssh.Error, OSError)):
        return LinkLost(f"{name}: the connection to {where} ended: {_reason(exc)}")
    if isinstance(exc, OSError):
        return _system(exc, name, where)
    if isinstance(exc, asyncssh.HostKeyNotVerifiable):
        return HostKeyError(f"{name}: {_reason(exc)}")
    if _about_login(exc):
        return _login(exc, endpoint, where)
    if isinstance(exc, asyncssh.ConnectionLost):
        return Refused(
            f"{name}: {where} closed the connection before the login",
            remedy="It may limit connections that are not logged in yet (MaxStartups in sshd_config), or block this address.",
        )
    if isinstance(exc, asyncssh.KeyExchangeFailed):
        return ConnectError(
            f"{name}: {where} and this end have no algorithm in common: {_reason(exc)}",
            remedy="Ciphers, MACs, KexAlgorithms and HostKeyAlgorithms can be set in ssh_config or with -o.",
        )
    if isinstance(exc, asyncssh.ChannelOpenError):
        return ConnectError(
            f"{name}: the jump host could not reach {where}: {_reason(exc)}",
            remedy="Is the PC on, and is AllowTcpForwarding on at the jump host?",
        )
    if isinstance(exc, asyncssh.ConfigParseError):
        return ConnectError(f"{name}: ssh_config: {exc}")
    if isinstance(exc, asyncssh.Error) or type(exc).__module__.startswith("asyncssh"):
        return ConnectError(f"{name}: {where}: {_reason(exc)}")
    return None


LOGIN = (
    asyncssh.PermissionDenied,
    asyncssh.IllegalUserName,
    asyncssh.PasswordChangeRequired,
    asyncssh.KeyImportError,
    asyncssh.KeyEncryptionError,
)


def _about_login(exc: Exception) -> bool:
    # sshd hangs up with a protocol error after MaxAuthTries keys.
    return isinstance(exc, LOGIN) or (
        isinstance(exc, asyncssh.DisconnectError) and "authentication" in exc.reason.lower()
    )


def _login(exc: Exception, endpoint: Endpoint, where: str) -> AuthenticationError:
    if isinstance(exc, asyncssh.PasswordChangeRequired):
        return AuthenticationError(
            f"{endpoint.host}: {where} wants the password changed first", remedy="Log in once by hand."
        )
    remedy = "Set ansible_user, ansible_ssh_private_key_file or ansible_password, use --ask-pass, or load the key with ssh-add."
    if "too many" in str(exc).lower():
        remedy = (
            "Too many keys were offered: name the right one and add -o IdentitiesOnly=yes to ansible_ssh_common_args."
        )
    return AuthenticationError(f"{endpoint.host}: {where} refused the login: {_reason(exc)}", remedy=remedy)


def _system(exc: OSError, name: str, where: str) -> Unreachable:
    if isinstance(exc, socket.gaierror):
        return ConnectError(
            f"{name}: {where}: the name cannot be resolved ({exc.strerror})",
            remedy="Check the name, or set ansible_host.",
        )
    if isinstance(exc, ConnectionResetError):
        return Refused(
            f"{name}: {where} closed the connection before the login", remedy="Its MaxStartups may be too low."
        )
    if isinstance(exc, ConnectionRefusedError) or "Errno 111" in str(exc):
        return ConnectError(
            f"{name}: nothing listens at {where} (connection refused)",
            remedy="Is sshd running there? Check ansible_port.",
        )
    if isinstance(exc, TimeoutError):
        return ConnectError(f"{name}: no answer from {where}", remedy="Is the PC on and the address right?")
    return ConnectError(f"{name}: {where}: {exc.strerror or exc}")


def _reason(exc: Exception) -> str:
    if isinstance(exc, (asyncssh.DisconnectError, asyncssh.ChannelOpenError)):
        return str(exc.reason)
    return str(exc) or type(exc).__name__
