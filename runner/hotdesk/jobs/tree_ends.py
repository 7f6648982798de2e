"""What a mirror asks its two ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.transfer import answers, ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.jobs.machine import Machine


async def rsync_version(machine: Machine) -> str | None:
    """The text of its ``rsync --version``; None: it has none."""
    try:
        done = await machine.run(["rsync", "--version"], change=False, env={"LC_ALL": "C"}, timeout=30)
    except FileNotFoundError:
        return None
    return done.stdout.decode(errors="replace")


async def guarded(machine: Machine, paths: Sequence[str]) -> dict[str, Any]:
    """transfer.ends.guarded, for every path."""
    found = await machine.call(ends, "guarded", list(paths), change=False, answers=answers.GUARDED)
    return {path: found.get(path) for path in paths}
