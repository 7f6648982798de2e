"""What syncs have left to be expected of each PC, kept in the state directory for ``hotdesk verify --jobs``."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hotdesk.errors import UsageError
from hotdesk.frozen import frozen
from hotdesk.jobs.base import Expectation
from hotdesk.paths import make_private, state_dir

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from hotdesk.jobs.review import Step


@frozen
class Met:
    """A step that a run has done on a host."""

    step: Step
    host: str
    user: str
    """Who it ran as there."""
    expectations: Sequence[Expectation]


def keep(met: Sequence[Met], *, run: str, playbooks: Collection[str] = ()) -> None:
    """Blocks: put the expectations of a run's steps in the place of those of the same steps before.

    ``playbooks``: those that the run went through whole; what was kept of steps that they no longer have is dropped, on the hosts of ``met``.
    """
    folder = make_private(state_dir()) / "expected"
    make_private(folder)
    for host in dict.fromkeys(one.host for one in met):
        _keep(host, [one for one in met if one.host == host], run, playbooks)


def _keep(host: str, met: Sequence[Met], run: str, playbooks: Collection[str]) -> None:
    after = {_key(entry): entry for entry in (_entry(one, run) for one in met)}
    for entry in of_host(host):
        if _key(entry) not in after and entry["at"].rpartition(":")[0] not in playbooks:
            after[_key(entry)] = entry
    newest = sorted(after.values(), key=lambda entry: str(entry["time"]))
    owner = {(each["kind"], each["subject"]): id(entry) for entry in newest for each in entry["expectations"]}
    for entry in newest:  # what two steps speak of is as the later one left it
        entry["expectations"] = [
            each for each in entry["expectations"] if owner[each["kind"], each["subject"]] == id(entry)
        ]
    path, text = _file(host), json.dumps({"host": host, "steps": newest}, indent=1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def before(step: Step, host: str) -> tuple[Expectation, ...]:
    """Blocks: what this step left to be expected of the host. Raises UsageError as ``of_host`` does."""
    wanted = (step.job, step.task, step.at.rpartition(":")[0], step.item)
    found = (entry["expectations"] for entry in of_host(host) if _key(entry) == wanted)
    return tuple(Expectation(**each) for each in next(found, ()))


def of_host(host: str) -> list[dict[str, Any]]:
    """Blocks: the steps that have left expectations, with ``job``, ``task``, ``at``, ``item``, ``run``, ``time``, ``user``, ``expectations``.

    Raises UsageError when the file cannot be read.
    """
    path = _file(host)
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise UsageError(f"{path} cannot be read: {exc}", remedy="Remove it; the next sync writes it again.") from None
    assert isinstance(steps, list)
    return steps


def _file(host: str) -> Path:
    return state_dir() / "expected" / f"{quote(host, safe='')}.json"


def _key(entry: dict[str, Any]) -> tuple[str, ...]:
    """A step is the same though lines were added above it."""
    return (entry["job"], entry["task"], entry["at"].rpartition(":")[0], entry["item"])


def _entry(met: Met, run: str) -> dict[str, Any]:
    step = met.step
    return {
        "job": step.job, "task": step.task, "at": step.at, "item": step.item, "run": run, "user": met.user,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "expectations": [
            {"kind": each.kind, "subject": each.subject, "value": dict(each.value)} for each in met.expectations or ()
        ],
    }  # fmt: skip
