"""Channel data in few packets and few system calls: asyncssh's own way costs a bulk transfer twice the CPU, at both ends.

asyncssh puts an empty IGNORE packet before each data packet (RFC 4251, 9.3.1: a guard for CBC ciphers, whose next IV an attacker
knows), formats a log record for each, copies the data at every step and hands each packet to the kernel alone. A cipher with
authentication (AES-GCM, ChaCha20-Poly1305) needs no such guard. What is replaced is "send what the window allows" of a channel and
the AES-GCM object of its connection; key exchange, windows and everything else stay asyncssh's. When something it is made of is not
there (another release of asyncssh), nothing is replaced.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hotdesk.connections.library import asyncssh

_DATA = 94
"""SSH_MSG_CHANNEL_DATA (RFC 4254, 5.2)."""
_HEAD = struct.Struct(">BBII")
"""Padding length, message, channel, length of the data."""
_OF_CHANNEL = (
    *("_conn", "_flush_send_buf", "_send_buf", "_send_buf_len", "_send_chan", "_send_pktsize", "_send_state", "_send_window"),
    *("log_received_packet", "write"),
)  # fmt: skip
_OF_CONNECTION = (
    *("_auth_complete", "_compressor", "_kex_complete", "_rekey_bytes", "_rekey_bytes_sent", "_rekey_seconds", "_rekey_time"),
    *("_send", "_send_blocksize", "_send_enchdrlen", "_send_encryption", "_send_seq"),
)  # fmt: skip


def quicken(channel: asyncssh.SSHClientChannel[bytes] | asyncssh.SSHServerChannel[bytes]) -> bool:
    """Let ``channel`` send the short way from now on; False when this asyncssh is not the one it is written for."""
    made: Any = channel
    if not all(hasattr(made, name) for name in _OF_CHANNEL):
        return False
    if not all(hasattr(made._conn, name) for name in _OF_CONNECTION):
        return False
    write_ordinarily, flush_ordinarily = made.write, made._flush_send_buf

    def write(data: bytes, datatype: int | None = None) -> None:
        if datatype is None and not made._send_buf and made._send_state == "open":
            data = data[_send(made, data) :]
        write_ordinarily(data, datatype)  # what the window has no room for, if anything

    def flush() -> None:
        while made._send_buf and made._send_buf[0][1] is None and (sent := _send(made, made._send_buf[0][0])):
            del made._send_buf[0][0][:sent]
            made._send_buf_len -= sent
            if not made._send_buf[0][0]:
                del made._send_buf[0]
        flush_ordinarily()  # what is left, and what follows: pausing, resuming, end of file

    made.write, made._flush_send_buf = write, flush
    made.log_received_packet = _unlogged
    return True


def _unlogged(*_: Any) -> None:
    """asyncssh formats a record of each packet, whether anybody reads it or not."""


def _send(channel: Any, data: bytes | bytearray) -> int:
    """Send as much of ``data`` as the window allows, in one go; how many bytes that was."""
    connection = channel._conn
    if connection is None or channel._send_chan is None:
        return 0
    packets: list[bytes] = []
    view, sent = memoryview(data), 0
    while sent < len(view) and channel._send_window and _ready(connection):
        size = min(len(view) - sent, channel._send_window, channel._send_pktsize)
        packets += _packet(channel, connection, view[sent : sent + size], size)
        channel._send_window -= size
        sent += size
    if packets:
        connection._send(b"".join(packets))
    return sent


def _ready(connection: Any) -> bool:
    """Nothing stands in the way of a data packet: no key exchange under way or due, no compression, a cipher with authentication."""
    return (
        connection._kex_complete
        and connection._auth_complete
        and connection._compressor is None
        and _authenticated(connection)
        and connection._rekey_bytes_sent < connection._rekey_bytes
        and not (connection._rekey_seconds and time.monotonic() >= connection._rekey_time)
    )


def _authenticated(connection: Any) -> bool:
    cipher = connection._send_encryption
    if type(cipher) is asyncssh.encryption.GCMEncryption:  # the first packet, or the first with new keys
        cipher = connection._send_encryption = _Sealer(cipher)
    return isinstance(cipher, (_Sealer, asyncssh.encryption.ChachaEncryption))


class _Sealer:
    """asyncssh's AES-GCM without its copies and with one key schedule for all packets. The nonce: RFC 5647, 7.1."""

    def __init__(self, before: Any) -> None:
        key, nonce = before._cipher._key, before._cipher._iv
        self._cipher = AESGCM(key)
        self._fixed, self._counter = nonce[:4], int.from_bytes(nonce[4:], "big")

    def encrypt_packet(self, _sequence: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """What is to be sent, in two parts."""
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) & 0xFFFF_FFFF_FFFF_FFFF
        return header, self._cipher.encrypt(nonce, packet, header)


def _packet(channel: Any, connection: Any, data: Any, size: int) -> tuple[bytes, bytes]:
    """One encrypted packet (RFC 4253, 6): length, padding length, payload, padding; then the tag."""
    pad = -(connection._send_enchdrlen + 9 + size) % connection._send_blocksize
    if pad < 4:
        pad += connection._send_blocksize
    body = b"".join((_HEAD.pack(pad, _DATA, channel._send_chan, size), data, os.urandom(pad)))
    sequence = connection._send_seq
    sealed: tuple[bytes, bytes] = connection._send_encryption.encrypt_packet(
        sequence, len(body).to_bytes(4, "big"), body
    )
    connection._send_seq = (sequence + 1) & 0xFFFFFFFF
    connection._rekey_bytes_sent += len(body)
    return sealed
