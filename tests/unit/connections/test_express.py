"""Channel data the short way: the other end gets the same bytes, whatever the window, the packets' size and the keys' age."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from hotdesk.connections import express

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA = os.urandom(300_000)
GCM, CTR = "aes128-gcm@openssh.com", "aes128-ctr"


async def _digest(process: asyncssh.SSHServerProcess[bytes]) -> None:
    data = await process.stdin.read()
    process.stdout.write(hashlib.sha256(data).hexdigest().encode())
    process.exit(0)


@asynccontextmanager
async def connected(
    *, cipher: str = GCM, window: int = 1 << 21, packet: int = 1 << 15, **options: Any
) -> AsyncIterator[Any]:
    """A connection to a server in this process that answers with the hash of its input."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
        process_factory=_digest, encoding=None, window=window, max_pktsize=packet,
    )  # fmt: skip
    try:
        async with asyncssh.connect(
            "127.0.0.1", server.get_port(), username="x", client_keys=[key], known_hosts=None, config=None, agent_path=None,
            encryption_algs=[cipher], **options,
        ) as connection:  # fmt: skip
            yield connection
    finally:
        server.close()
        await server.wait_closed()


async def digest(connection: Any, *, quick: list[bool]) -> str:
    """What the server got of DATA, written in uneven pieces."""
    async with connection.create_process("x", encoding=None) as process:
        quick.append(express.quicken(process.channel))
        for at in range(0, len(DATA), 70_001):
            process.stdin.write(DATA[at : at + 70_001])
            await process.stdin.drain()
        process.stdin.write_eof()
        async with asyncio.timeout(30):
            return bytes(await process.stdout.read()).decode()


@pytest.fixture
def packets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of every packet that went the short way."""
    sizes: list[int] = []
    make = express._packet

    def counted(channel: Any, connection: Any, data: Any, size: int) -> tuple[bytes, bytes]:
        sizes.append(size)
        return make(channel, connection, data, size)

    monkeypatch.setattr(express, "_packet", counted)
    return sizes


@pytest.mark.parametrize("cipher", [GCM, "chacha20-poly1305@openssh.com"])
@pytest.mark.parametrize(("window", "packet"), [(1 << 21, 1 << 15), (3000, 1 << 15), (50_000, 999)])
async def test_the_bytes_arrive_through_any_window(packets: list[int], cipher: str, window: int, packet: int) -> None:
    """A window smaller than a packet, packets smaller than what is written."""
    quick: list[bool] = []
    async with connected(cipher=cipher, window=window, packet=packet) as connection:
        assert await digest(connection, quick=quick) == hashlib.sha256(DATA).hexdigest()
    assert quick == [True]
    assert sum(packets) == len(DATA)
    assert max(packets) <= min(window, packet)


async def test_new_keys_in_the_middle(packets: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A key exchange comes when it is due and no data is sent while it is under way (RFC 4253, 9)."""
    async with connected(rekey_bytes=40_000) as connection:
        exchanges = []
        begin = connection._send_kexinit

        def counted() -> None:
            exchanges.append(len(packets))
            begin()

        monkeypatch.setattr(connection, "_send_kexinit", counted)
        assert await digest(connection, quick=[]) == hashlib.sha256(DATA).hexdigest()
    assert len(exchanges) >= 3
    assert packets


async def test_ciphers_without_authentication_keep_their_guard(packets: list[int]) -> None:
    """Everything goes asyncssh's own way."""
    async with connected(cipher=CTR) as connection:
        assert await digest(connection, quick=[]) == hashlib.sha256(DATA).hexdigest()
    assert packets == []


async def test_another_asyncssh_is_left_alone(packets: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """When something is missing nothing is replaced."""
    monkeypatch.setattr(express, "_OF_CONNECTION", (*express._OF_CONNECTION, "_no_such_thing"))
    quick: list[bool] = []
    async with connected() as connection:
        assert await digest(connection, quick=quick) == hashlib.sha256(DATA).hexdigest()
    assert quick == [False]
    assert packets == []
