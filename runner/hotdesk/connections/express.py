"""Channel data in few packets and few system calls: asyncssh's own way costs a bulk transfer twice the CPU, at both ends.

asyncssh puts an empty IGNORE packet before each data packet (RFC 4251, 9.3.1: a guard for CBC ciphers, whose next IV an attacker
knows), formats a log record for each and hands each to the kernel alone. A cipher with authentication (AES-GCM, ChaCha20-Poly1305)
needs no such guard. What is replaced is one step of a channel, "send what the window allows"; the packets themselves are made
and encrypted by asyncssh. When something it is made of is not there (another release of asyncssh), nothing is replaced.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from asyncssh.encryption import ChachaEncryption, GCMEncryption

if TYPE_CHECKING:
    import asyncssh

_AUTHENTICATED = (GCMEncryption, ChachaEncryption)
_DATA = b"\x5e"
"""SSH_MSG_CHANNEL_DATA (RFC 4254, 5.2)."""
_OF_CHANNEL = ("_conn", "_flush_send_buf", "_send_buf", "_send_buf_len", "_send_chan", "_send_pktsize", "_send_window")
_OF_CONNECTION = (
    *("_auth_complete", "_compressor", "_kex_complete", "_rekey_bytes", "_rekey_bytes_sent", "_rekey_seconds", "_rekey_time"),
    *("_send", "_send_blocksize", "_send_enchdrlen", "_send_encryption", "_send_seq"),
)  # fmt: skip


def quicken(channel: asyncssh.SSHClientChannel[bytes]) -> bool:
    """Let ``channel`` send the short way from now on; False when this asyncssh is not the one it is written for."""
    made: Any = channel
    if not all(hasattr(made, name) for name in _OF_CHANNEL):
        return False
    if not all(hasattr(made._conn, name) for name in _OF_CONNECTION):
        return False
    ordinary = made._flush_send_buf

    def flush() -> None:
        if made._send_buf and made._conn is not None and made._send_chan is not None:
            _send(made, made._conn)
        ordinary()  # what is left, and what follows: pausing, resuming, end of file

    made._flush_send_buf = flush
    return True


def _send(channel: Any, connection: Any) -> None:
    packets: list[bytes] = []
    waiting = channel._send_buf
    while waiting and channel._send_window and _ready(connection):
        data, kind = waiting[0]
        if kind is not None:
            break
        size = min(len(data), channel._send_window, channel._send_pktsize)
        if size == len(data):
            del waiting[0]
        else:
            whole, data = data, data[:size]
            del whole[:size]
        channel._send_buf_len -= size
        channel._send_window -= size
        packets += _packet(channel, connection, data, size)
    if packets:
        connection._send(b"".join(packets))


def _ready(connection: Any) -> bool:
    """Nothing stands in the way of a data packet: no key exchange under way or due, no compression, a cipher with authentication."""
    return (
        connection._kex_complete
        and connection._auth_complete
        and connection._compressor is None
        and isinstance(connection._send_encryption, _AUTHENTICATED)
        and connection._rekey_bytes_sent < connection._rekey_bytes
        and not (connection._rekey_seconds and time.monotonic() >= connection._rekey_time)
    )


def _packet(channel: Any, connection: Any, data: Any, size: int) -> tuple[bytes, bytes]:
    """One encrypted packet (RFC 4253, 6): length, padding length, payload, padding; then the tag."""
    pad = -(connection._send_enchdrlen + 9 + size) % connection._send_blocksize
    if pad < 4:
        pad += connection._send_blocksize
    body = b"".join(
        (
            pad.to_bytes(1, "big"),
            _DATA,
            channel._send_chan.to_bytes(4, "big"),
            size.to_bytes(4, "big"),
            data,
            os.urandom(pad),
        )
    )
    sequence = connection._send_seq
    sealed: tuple[bytes, bytes] = connection._send_encryption.encrypt_packet(
        sequence, len(body).to_bytes(4, "big"), body
    )
    connection._send_seq = (sequence + 1) & 0xFFFFFFFF
    connection._rekey_bytes_sent += len(body)
    return sealed
