"""What a run left on a PC to undo it by: our end of ``on_target/undo.py``, and the notes of jobs that change more than files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs import transaction
from hotdesk.jobs.on_target import apt_journal, journal, undo
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.machine import Machine

PACKAGES = {"packages": {str: [str, str, str]}, "architectures": [str]}
_FILE = {"journal": str, "by": str, "validate": [str], **dict.fromkeys(("old", "new", "now"), transaction.STATE)}
_COMMAND = {
    "subject": str,
    "detail": str,
    "look": [str],
    "before": str,
    "after": str,
    "steps": [{"argv": [str], "stdin": str}],
    "last": bool,
}
DEFINITION = {"kind": str, "name": str, "verb": str, "before": object, "after": str, "content": str}
_LEFT = {
    "unit": str,
    "checks": [[str]],
    "files": {str: _FILE},
    "commands?": [_COMMAND],
    "definitions?": [DEFINITION],
    "packages?": {"before": PACKAGES, "after": (PACKAGES, None)},
}


@frozen(kw_only=True)
class Undo:
    """How commands undo one change of a job. ``look``'s output says how it is: ``before`` and ``after`` the change (without the last newline)."""

    subject: str
    """The change's id."""
    detail: str = ""
    """What comes back, for people."""
    look: tuple[str, ...]
    before: str
    after: str
    steps: tuple[tuple[tuple[str, ...], str], ...]
    """(argv, stdin) each. What is secret goes into stdin."""
    last: bool = False
    """After all else is back: what is started needs its files, and those of others."""

    def told(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            **asdict(self),
            "look": list(self.look),
            "steps": [{"argv": list(a), "stdin": s} for a, s in self.steps],
        }


async def note(machine: Machine, unit: str, undos: Sequence[Undo]) -> None:
    """Change: keep on that PC how these are undone. Before they are done."""
    await _note(machine, unit, {"commands": [one.told() for one in undos]})


async def note_definitions(machine: Machine, unit: str, definitions: Sequence[Mapping[str, Any]]) -> None:
    """Change: keep on that PC what these were, for a unit that makes them again by itself. Before they are changed.

    Each has ``kind``, ``name``, ``verb``, ``before`` (None: there was none), ``after`` and ``content`` (by which the new one is known).
    """
    await _note(machine, unit, {"definitions": list(definitions)})


async def _note(machine: Machine, unit: str, told: Mapping[str, Any]) -> None:
    run = machine.link.run_id
    await machine.call(bundle(journal), "note", unit, run, dict(told), root=transaction.ROOT, change=True, answers=str)


async def begin_packages(machine: Machine) -> str:
    """Change: keep which packages there are. The journal's name."""
    run = machine.link.run_id
    return str(await machine.call(bundle(apt_journal), "begin", run, root=transaction.ROOT, change=True, answers=str))


async def end_packages(machine: Machine, name: str) -> None:
    """Change: and what became of them."""
    await machine.call(bundle(apt_journal), "end", name, root=transaction.ROOT, change=True, answers=None)


async def runs(machine: Machine) -> dict[str, float]:
    """The runs that left something on that PC -> when (seconds since 1970)."""
    return dict(await machine.call(bundle(undo), "runs", root=transaction.ROOT, change=False, answers={str: float}))


async def survey(machine: Machine, run: str) -> list[dict[str, Any]]:
    """What ``run`` left there, see ``on_target.undo.survey``."""
    return list(await machine.call(bundle(undo), "survey", run, root=transaction.ROOT, change=False, answers=[_LEFT]))


async def restore(
    machine: Machine, unit: str, wanted: Mapping[str, Mapping[str, Any]], checks: Sequence[Sequence[str]]
) -> None:
    """Change: these files (path -> what ``survey`` says) as they were, together or not at all. Raises TaskError as ``place`` does."""
    chosen = {path: {key: one[key] for key in ("journal", "now", "validate")} for path, one in wanted.items()}
    await machine.call(
        bundle(undo),
        "restore",
        unit,
        machine.link.run_id,
        chosen,
        [list(argv) for argv in checks],
        transaction.CHECK_LIMIT,
        root=transaction.ROOT,
        change=True,
        on_item=lambda _said: machine.heard(),
        answers=str,
    )
