"""Machines for tasks: connection variables and keywords come to an Endpoint and an Escalation, the pool has the link."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hotdesk.connections import become, endpoint
from hotdesk.errors import HostError, HotdeskError, InventoryError, Unreachable
from hotdesk.executor import values
from hotdesk.jobs.machine import Machine

if TYPE_CHECKING:
    from hotdesk.connections.base import Endpoint, Escalation, Secret
    from hotdesk.connections.link import Link
    from hotdesk.connections.pool import Pool
    from hotdesk.executor.run import Working
    from hotdesk.playbook.model import Task
    from hotdesk.settings import Settings
    from hotdesk.variables.scope import Scope
    from hotdesk.variables.templates import Templates

LEASE = "hotdesk_lease"
CONNECTION_VARIABLES = (
    "ansible_connection", "ansible_python_interpreter", LEASE, *endpoint.ADDRESS, *endpoint.PORT, *endpoint.USER, *endpoint.PASSWORD,
    *endpoint.KEY_FILE, *endpoint.PASSPHRASE, *endpoint.KEY_CHECKING, *endpoint.TIMEOUT, *endpoint.ARGUMENTS, *endpoint.UNSUPPORTED,
    "ansible_become", "ansible_become_method",
    *(f"ansible_{kind}_{tail}" for kind in ("become", "sudo", "su") for tail in ("flags", "password", "pass", "user", "exe")),
)  # fmt: skip
_NAMES = frozenset(CONNECTION_VARIABLES)
SECRETS = frozenset(
    {*endpoint.PASSWORD, *endpoint.PASSPHRASE, *(f"ansible_{kind}_{tail}" for kind in ("become", "sudo", "su") for tail in ("password", "pass"))}
)  # fmt: skip
SHORTEST_LEASE = 2.0
"""Seconds: a busy loop or a retransmitted packet must not cost an agent its lease."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class PoolMachines:
    """The executor's Machines over the run's connection pool."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        templates: Templates,
        *,
        password: Secret | None = None,
        become_password: Secret | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._templates = templates
        self._password = password
        self._become_password = become_password
        self._points: dict[tuple[Any, ...], Endpoint] = {}

    async def machine(self, host: str, scope: Scope, task: Task, setting: Working) -> Machine:
        """See run.Machines."""
        return self._made(await self._link(host, scope, task), host, task, setting)

    async def control(self, task: Task, setting: Working) -> Machine:
        """See run.Machines."""
        return self._made(await self._pool.control(), "localhost", task, setting)

    async def connect(self, host: str, scope: Scope, task: Task) -> None:
        """See run.Machines."""
        with suppress(HotdeskError, OSError):  # the host's first task meets the same problem and says so
            await self._link(host, scope, task)

    async def reset(self, host: str, scope: Scope, task: Task) -> None:
        """See run.Machines."""
        point, _, _ = await self._way(host, scope, task)
        await self._pool.drop(point)

    async def wait(self, host: str, scope: Scope, task: Task, timeout: float, connect_timeout: float) -> None:
        """See run.Machines. Raises Unreachable (the last reason) after ``timeout`` seconds."""
        point, escalation, lease = await self._way(host, scope, task)
        problem: HostError | None = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await self._pool.drop(point)
                    try:
                        async with asyncio.timeout(connect_timeout):
                            link = await self._pool.link(point, escalation, lease=lease)
                            await link.ping()
                        return
                    except TimeoutError:
                        problem = Unreachable(f"no answer within {connect_timeout:g} s")
                    except HostError as exc:
                        problem = exc
                    await asyncio.sleep(1)
        except TimeoutError:
            reason = f": {problem.message}" if problem else ""
            raise Unreachable(f"timed out waiting for the connection after {timeout:g} s{reason}") from None

    async def stop(self, host: str, scope: Scope, task: Task, mark: str) -> None:
        """See run.Machines."""
        link = await self._link(host, scope, task)
        await link.stop(mark)

    async def way(self, host: str, scope: Scope, task: Task) -> tuple[Endpoint, Escalation | None]:
        """See run.Machines."""
        point, escalation, _ = await self._way(host, scope, task)
        return point, escalation

    async def _link(self, host: str, scope: Scope, task: Task) -> Link:
        point, escalation, lease = await self._way(host, scope, task)
        return await self._pool.link(point, escalation, lease=lease)

    async def _way(self, host: str, scope: Scope, task: Task) -> tuple[Endpoint, Escalation | None, float | None]:
        """How to reach it, as whom, and the lease asked for there (seconds; None: the settings')."""
        known = await self._variables(scope)
        for name in SECRETS & known.keys():
            if known[name] is not None:
                self._templates.on_secret(str(known[name]))
        if "ansible_connection" not in known and task.connection is None and host in LOCAL:
            known["ansible_connection"] = "local"
        if self._password is not None and endpoint.last(known, endpoint.PASSWORD) is None:
            known[endpoint.PASSWORD[0]] = self._password
        templates, keyword = self._templates, task.become
        port = await values.number(templates, task.port, scope, "port")
        point = self._point(
            host, known,
            connection=await values.text(templates, task.connection, scope) or None,
            remote_user=await values.text(templates, task.remote_user, scope) or None,
            port=int(port) if port is not None else None,
        )  # fmt: skip
        enabled = None if keyword.enabled is None else await values.flag(templates, keyword.enabled, scope, "become")
        escalation = become.escalation_for(
            known, self._settings, enabled=enabled,
            user=await values.text(templates, keyword.user, scope) or None,
            method=await values.text(templates, keyword.method, scope) or None,
            flags=None if keyword.flags is None else await values.text(templates, keyword.flags, scope),
            exe=await values.text(templates, keyword.exe, scope) or None,
            password=self._become_password,
        )  # fmt: skip
        return point, escalation, _lease(host, known.get(LEASE))

    def _point(self, host: str, known: dict[str, Any], **keywords: Any) -> Endpoint:
        """The endpoint; one that was asked for before is not worked out again (each task asks, on each host)."""
        key = (host, *known.items(), *keywords.items())
        try:
            found = self._points.get(key)
        except TypeError:  # a list among the values
            return endpoint.endpoint_for(host, known, self._settings, **keywords)
        if found is None:
            try:
                found = self._points[key] = endpoint.endpoint_for(host, known, self._settings, **keywords)
            except InventoryError as exc:  # no way to the host, as when nothing answers there
                raise Unreachable(exc.message, remedy=exc.remedy) from None
        return found

    async def _variables(self, scope: Scope) -> dict[str, Any]:
        present = scope.present(_NAMES)
        return await self._templates.values(scope, [name for name in CONNECTION_VARIABLES if name in present])

    def _made(self, link: Any, host: str, task: Task, setting: Working) -> Machine:
        return Machine(
            link, host=host, task=task.id, mark=setting.mark, for_host=setting.for_host, check=setting.check,
            environment=setting.environment, emit=setting.emit, stall_timeout=setting.stall_timeout, no_log=setting.no_log,
            live_output=self._settings.verbosity > 0,
        )  # fmt: skip


def _lease(host: str, given: Any) -> float | None:
    """``hotdesk_lease``, in seconds. Raises InventoryError."""
    if given is None:
        return None
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not SHORTEST_LEASE <= seconds < float("inf"):
        raise InventoryError(f"{host}: {LEASE} is {given!r}; it must be a number of seconds from {SHORTEST_LEASE:g}")
    return seconds
