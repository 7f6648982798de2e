"""Files of the control node that a module on the target works with: there for as long as it runs, in a folder that nobody else can enter."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from hotdesk.actions.builtin.copy import decrypted
from hotdesk.actions.on_target import commands
from hotdesk.aio import finish, in_thread
from hotdesk.jobs.shipping import bundle
from hotdesk.source import VAULT_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hotdesk.actions.base import Call

CHUNK = 1 << 20


@asynccontextmanager
async def carried(call: Call, source: Path, *, decrypt: bool = False) -> AsyncIterator[str]:
    """The path on the target of a copy of ``source``; ``decrypt``: of its plain text, if it is vaulted. Changes the target."""
    half = bundle(commands)
    path: str = await call.machine.call(
        half, "place_script", source.name, call.settings.remote_tmp, change=True, answers=str
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(
            lambda: finish(
                call.machine.call(half, "remove_script", path, change=True), grace=call.settings.cleanup_limit
            )
        )
        if decrypt and await in_thread(_is_vaulted, source):
            await call.machine.write(
                path, await decrypted(call, await in_thread(source.read_bytes), source), mode=0o600
            )
        else:
            await call.machine.write(path, _chunks(source), mode=0o600)
        yield path


def _is_vaulted(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(VAULT_HEADER)) == VAULT_HEADER


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    stream = await in_thread(lambda: path.open("rb"))
    try:
        while chunk := await in_thread(stream.read, CHUNK):
            yield chunk
    finally:
        stream.close()
