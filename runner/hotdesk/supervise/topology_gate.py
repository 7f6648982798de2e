"""The gate before a sync: who has written to whom is looked at for all hosts together, asked of the person if there is one, else refused by name."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.aio import finish
from hotdesk.errors import UsageError, nearest
from hotdesk.jobs.topology import LIMIT, Consent, remedy
from hotdesk.playbook.model import TagSelection
from hotdesk.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.executor.batch import Batch
    from hotdesk.executor.run import Run
    from hotdesk.jobs.history import Finding
    from hotdesk.jobs.topology import Topology

JOB = "who wrote last"
"""What the refusals of the gate are told under."""
PATIENCE = 600.0
"""Seconds that a question waits for its answer; none is a no."""


@dataclass(slots=True)
class Watched:
    """How a run goes, for the histories of its PCs."""

    run: Run
    topology: Topology
    unverified: set[str] = field(default_factory=set)

    def hear(self, event: ev.Event) -> None:
        if isinstance(event, ev.Verified) and event.outcome in ("failed", "error"):
            self.unverified.add(event.host)

    async def end(self, through: bool) -> None:
        """Have the PCs remember the end. Only a host that was come through with, and whose verification was passed, is remembered as done well."""

        def well(host: str) -> bool:
            state = self.run.state(host)
            lost = state.failed or state.unreachable or host in self.unverified
            return through and not lost and not self.run.stop.begun

        limit = self.run.stop.left(LIMIT)
        with contextlib.suppress(
            TimeoutError
        ):  # each PC that took too long has been told of, or was not done well anyway
            for text in await finish(self.topology.end(well, limit), grace=limit + 1.0):
                self.run.warn(text)


def watched(run: Run, planned: Mapping[str, Sequence[str]] | None) -> Watched:
    """Set the run's gate as its options say. ``planned``: host -> what a plan file allows. Raises UsageError for a host that there is not."""
    assert run.jobs is not None
    options, topology = run.options, run.jobs.topology
    for name in sorted(options.allow_first | options.allow_order):
        if name not in run.inventory.hosts and name != "localhost":
            raise UsageError(f"there is no host {name!r} to allow", remedy=nearest(name, run.inventory.hosts))
    if options.gate or planned is not None:
        topology.consent = Consent(options.allow_first, options.allow_order, planned or {}, ask=planned is None)
    topology.whole = options.gate and options.tags == TagSelection() and not (options.start_at_task or options.step)
    out = Watched(run, topology)
    run.bus.subscribe(out.hear)
    return out


async def gate(batch: Batch) -> None:
    """Take the hosts out of the batch of which something was found that nobody allows: nothing happens to them, the others go on.

    In check mode all that was found is only said.
    """
    run = batch.run
    topology = run.jobs.topology if run.jobs is not None else None
    if topology is None or topology.consent is None:
        return
    for host, found in sorted(topology.found().items()):
        refused = topology.refused(host, found)
        if not refused or host not in batch.hosts or host in batch.failed:
            continue
        topology.told.add(host)
        if run.settings.check:
            for each in refused:
                run.warn(each.text, host=host)
        elif not await _allowed(run, topology.consent, host, refused):
            batch.failed.add(host)
            run.state(host).failed = True
            said = tuple((each.text, "") for each in refused[:-1])
            run.emit(ev.Problems(host=host, job=JOB, problems=(*said, (refused[-1].text, remedy(host, refused)))))


async def _allowed(run: Run, consent: Consent, host: str, refused: Sequence[Finding]) -> bool:
    """Ask the person, if there is one."""
    if run.prompt is None or not consent.ask or any(each.kind == "identity" for each in refused):
        return False
    lines = "".join(f"\n{host}: {safe(each.text)}" for each in refused)
    try:
        answer = await run.prompt(f"{lines}\nOverwrite {host} all the same? [y/N] ", timeout=PATIENCE)
    except (TimeoutError, UsageError):
        return False
    if answer.strip().lower() not in ("y", "yes"):
        return False
    consent.allow(host, refused)
    return True
