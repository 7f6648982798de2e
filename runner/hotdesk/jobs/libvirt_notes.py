"""How a rollback brings definitions of libvirt's back: noted on the PC before each change, with what came of it afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotdesk.jobs import transaction
from hotdesk.jobs.on_target import journal
from hotdesk.jobs.on_target.virsh import VIRSH
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import ENVIRONMENT
from hotdesk.jobs.undo import Undo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.jobs.base import Change
    from hotdesk.jobs.machine import Machine

UNIT = "libvirt"
PREFIX = {"domain": "", "network": "net-", "pool": "pool-"}
INFO = {"domain": "dominfo", "network": "net-info", "pool": "pool-info"}
_LOOK = """v() { %s "$@" 2>/dev/null; }
v "$2dumpxml" --inactive $4 "$1" | grep -v -e '<capacity' -e '<allocation' -e '<available' && v "$3" "$1" | grep ^Autostart"""
_GONE = """v() { %s "$@"; }
test -z "$2" || v "$2destroy" "$1" 2>/dev/null; v "$2undefine" "$1" $3"""
UNDEFINE = "--keep-nvram --snapshots-metadata --managed-save"


def look(kind: str, ident: str, *, secrets: bool = False) -> tuple[str, ...]:
    """What prints how a thing is defined, and whether it starts by itself; without passwords unless ``secrets``."""
    extra = ["--security-info"] if secrets and kind == "domain" else [""]
    return ("sh", "-c", _LOOK % " ".join(VIRSH), "sh", ident, PREFIX[kind], INFO[kind], *extra)


async def looked(machine: Machine, argv: tuple[str, ...]) -> str:
    """What it prints."""
    done = await machine.run(list(argv), change=False, env=dict(ENVIRONMENT), timeout=60)
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


class Noted:
    """One change of a definition: ``begin`` before it, ``end`` after it."""

    def __init__(self, target: Machine, change: Change, now: Mapping[str, Any] | None, new_ident: str) -> None:
        self._target, self._change, self._now = target, change, now
        kind, _, name = change.subject.partition(" ")
        self._kind, self._ident = kind, (now["uuid"] if now else new_ident) if kind == "domain" else name
        self._new = new_ident
        self._name = ""

    async def begin(self) -> None:
        """Change: keep how it is."""
        before = await looked(self._target, look(self._kind, self._ident, secrets=True))
        self._undo = Undo(
            subject=self._change.id,
            detail=self._change.detail,
            look=look(self._kind, self._ident, secrets=True),
            before=before,
            after="",
            steps=tuple(self._steps()),
        )
        told = {"commands": [self._undo.told()]}
        args = (UNIT, self._target.link.run_id, told)
        self._name = str(
            await self._target.call(bundle(journal), "note", *args, root=transaction.ROOT, change=True, answers=str)
        )

    async def end(self) -> None:
        """Change: and what became of it."""
        after = await looked(self._target, self._undo.look)
        told = {"commands": [{**self._undo.told(), "after": after}]}
        await self._target.call(
            bundle(journal), "complete", self._name, told, root=transaction.ROOT, change=True, answers=None
        )

    def _steps(self) -> list[tuple[tuple[str, ...], str]]:
        kind, now = self._kind, self._now
        prefix = PREFIX[kind]
        gone: tuple[str, ...] = ("sh", "-c", _GONE % " ".join(VIRSH), "sh", self._new, prefix, "")
        if kind == "domain":
            gone = (*VIRSH, "undefine", self._new, *UNDEFINE.split())
        steps: list[tuple[tuple[str, ...], str]] = [(gone, "")] if self._change.verb in ("create", "replace") else []
        if now is None:
            return steps
        steps.append(((*VIRSH, f"{prefix}define", "/dev/stdin"), str(now["xml"])))
        steps.append(((*VIRSH, f"{prefix}autostart", self._ident, *([] if now["autostart"] else ["--disable"])), ""))
        if self._change.verb == "remove" and now.get("active"):
            steps.append(((*VIRSH, f"{prefix}start", self._ident), ""))
        return steps


def payload(**wish: Any) -> bytes:
    """What goes to the PC beside the command, since a definition may hold a password."""
    return json.dumps(wish).encode(errors="surrogateescape")
