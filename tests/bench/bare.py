"""The peer with nothing to carry: a bare asyncssh loop, one ``run`` per task and host. ``python bare.py PORT USER KEY KNOWN_HOSTS HOSTS TASKS``."""

from __future__ import annotations

import asyncio
import sys

import asyncssh


async def host(port: int, user: str, key: str, known: str, tasks: int, gate: asyncio.Semaphore) -> None:
    """Connect, then the tasks one after the other."""
    async with gate:
        connection = await asyncssh.connect(
            "127.0.0.1", port, username=user, client_keys=[key], known_hosts=known, config=None
        )
    async with connection:
        for _ in range(tasks):
            await connection.run("true", check=True)


async def main(words: list[str]) -> None:
    """All hosts side by side."""
    port, user, key, known, hosts, tasks = words
    gate = asyncio.Semaphore(64)
    async with asyncio.TaskGroup() as group:
        for _ in range(int(hosts)):
            group.create_task(host(int(port), user, key, known, int(tasks), gate))


asyncio.run(main(sys.argv[1:]))
