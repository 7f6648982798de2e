"""Files of the control node on the target, for as long as something there works with them: in a folder that nobody else can enter."""

from __future__ import annotations

import posixpath
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hotdesk.actions.builtin.copy import chunks, decrypted, is_vaulted
from hotdesk.actions.on_target import commands
from hotdesk.aio import finish, in_thread
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hotdesk.actions.base import Call


async def remote_tmp(call: Call) -> str:
    """The folder on the target for what a task needs there for a while: ``ansible_remote_tmp``, else the setting."""
    given = call.variables.get("ansible_remote_tmp")
    return call.settings.remote_tmp if given is None else str(await call.render(given))


@asynccontextmanager
async def placed(call: Call, name: str, body: bytes = b"", *, change: bool = True) -> AsyncIterator[str]:
    """The path on the target of a new file ``name`` that only we can read and run. Changes the target, unless it is only lent: then it is in
    the system's temporary folder, for which no other folder is made."""
    half, folder = bundle(commands), await remote_tmp(call) if change else ""
    path: str = await call.machine.call(half, "place_script", name, folder, change=change, answers=str, payload=body)
    try:
        yield path
    finally:
        await finish(call.machine.call(half, "remove_script", path, change=change), grace=call.settings.cleanup_limit)


@asynccontextmanager
async def carried(call: Call, source: Path, *, decrypt: bool = False) -> AsyncIterator[str]:
    """The path on the target of a copy of ``source``; ``decrypt``: of its plain text, if it is vaulted. In check mode too: nothing is left."""
    async with placed(call, source.name, change=not call.check) as path:
        call.machine.temporary(posixpath.dirname(path))
        if decrypt and await in_thread(is_vaulted, source):
            plain = await decrypted(call, await in_thread(source.read_bytes), source)
            await call.machine.lend(path, plain, mode=0o600)
        else:
            await call.machine.lend(path, chunks(source), mode=0o600)
        yield path
