"""PLAY RECAP and the exit code, folded from the events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.results import HostRecap, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, FAILED, VERIFICATION_FAILED, UNREACHABLE = 0, 2, 3, 4


class Recap:
    """A subscriber that counts as Ansible does: ``ok`` includes changed and ignored; rescued failures are not failures."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostRecap] = {}
        self._verification_failed = False
        self._problems = False

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.TaskFinished():
                self._count(event)
            case ev.Included(hosts=hosts):
                for host in hosts:
                    self._add(host, ok=1)
            case ev.Verified(outcome="failed" | "error"):
                self._verification_failed = True
            case ev.Problems():
                self._problems = True

    @property
    def hosts(self) -> Mapping[str, HostRecap]:
        return dict(self._hosts)

    def exit_code(self) -> int:
        """4 before 2 before 3 before 0; a signal's code, which beats all, is the caller's to say."""
        if any(host.unreachable for host in self._hosts.values()):
            return UNREACHABLE
        if self._problems or any(host.failed for host in self._hosts.values()):
            return FAILED
        return VERIFICATION_FAILED if self._verification_failed else OK

    def _count(self, event: ev.TaskFinished) -> None:
        match event.result.status:
            case Status.UNREACHABLE if event.ignored:
                self._add(event.host, ok=1, ignored=1)
            case Status.UNREACHABLE:
                self._add(event.host, unreachable=1)
            case Status.FAILED if event.ignored:
                self._add(event.host, ok=1, ignored=1, changed=int(event.result.changed))
            case Status.FAILED if event.rescued:
                self._add(event.host, rescued=1)
            case Status.FAILED:
                self._add(event.host, failed=1)
            case Status.SKIPPED:
                self._add(event.host, skipped=1)
            case Status.CHANGED:
                self._add(event.host, ok=1, changed=1)
            case Status.OK:
                self._add(event.host, ok=1)

    def _add(self, host: str, **counts: int) -> None:
        line = self._hosts.get(host, HostRecap())
        self._hosts[host] = replace(line, **{name: getattr(line, name) + more for name, more in counts.items()})
