"""A job's files put in place together or not at all: our end of ``on_target/transaction.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs.on_target import journal, transaction
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.machine import Machine

State = list[Any] | None
"""What is at a path, as ``on_target.journal.state_of`` says it: [kind, mode, uid, gid, sha256 or the link's text]; None: nothing."""
STATE = ([str, int, int, int, str], None)
"""Its shape."""
ROOT = journal.ROOT
"""Where a PC keeps its journals."""
UNDO = f"hotdesk rollback: what was is kept on the target, in {ROOT}"
"""For ``Change.undo``."""
CHECK_LIMIT = 120.0
"""Seconds for a validator or check."""
_SHOWN = [{"name": str, "unit": str, "run": str, "was": {str: STATE}}]


@frozen(kw_only=True)
class PutFile:
    """What is to be at ``path``: a file (``content``), a link (``link``), or nothing. ``was`` is what the plan found there."""

    path: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None
    was: State = None
    validate: tuple[str, ...] = ()
    """A command with ``%s``, run on the new file before anything is replaced."""

    def item(self) -> dict[str, Any]:
        """As it is sent; the content goes as a part of the payload."""
        kind = "file" if self.content is not None else "link" if self.link is not None else "absent"
        return {
            **{name: getattr(self, name) for name in ("path", "link", "mode", "owner", "group", "was")},
            "kind": kind,
            "size": len(self.content or b""),
            "validate": list(self.validate),
        }


@frozen
class Steady:
    """Of ``argv``'s output, the lines that begin with one of ``words`` must be the same before and after: the way in to a PC, say."""

    argv: tuple[str, ...]
    words: tuple[str, ...]
    more: bool = False
    """Further lines may come, none may go."""


async def place(
    machine: Machine,
    unit: str,
    files: Sequence[PutFile],
    *,
    checks: Sequence[Sequence[str]] = (),
    steady: Sequence[Steady] = (),
    limit: float = CHECK_LIMIT,
) -> str:
    """Change: put ``files`` in place together; the transaction's name. ``checks`` must succeed then (``limit`` seconds each).

    Raises TaskError when nothing was changed or everything was put back: why, with ``path`` in its data when one file is to blame.
    """
    found = await machine.call(
        bundle(transaction),
        "perform",
        unit,
        machine.link.run_id,
        [one.item() for one in files],
        [list(argv) for argv in checks],
        [{"argv": list(one.argv), "words": list(one.words), "more": one.more} for one in steady],
        limit,
        root=ROOT,
        change=True,
        payload=b"".join(one.content or b"" for one in files),
        on_item=lambda _said: machine.heard(),
        answers=str,
    )
    return str(found)


async def unfinished(machine: Machine) -> list[dict[str, Any]]:
    """The transactions that something killed: {name, unit, run, was} each, ``was`` being path -> State before."""
    return list(await machine.call(bundle(transaction), "unfinished", root=ROOT, change=False, answers=_SHOWN))


def put_back(files: dict[str, dict[str, Any]], was: Mapping[str, Any]) -> dict[str, State]:
    """Change ``files`` (path -> what is known of it, its ``state`` among that) to how they are once an unfinished transaction is undone:
    the plan is made for what is there then. Returns path -> state of those that come back and of which nothing is known."""
    back: dict[str, State] = {}
    for path, state in was.items():
        if state is None:
            files.pop(path, None)
        elif path in files:
            files[path] = {**files[path], "state": state}
        else:
            back[path] = state
    return back


async def recover(machine: Machine) -> list[str]:
    """Change: undo those; the paths that were put back. Raises TaskError naming what could not be."""
    return list(await machine.call(bundle(transaction), "recover", root=ROOT, change=True, answers=[str]))
