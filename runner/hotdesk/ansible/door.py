"""The door for ansible-playbook: an action plugin that runs one of our jobs in Ansible's worker, over our own connections.

The connection is described by what Ansible has found out for its own connection plugin (variables, keywords, command line, ansible.cfg),
so a host is reached in the same way. Ansible's own connection is not used and, for ssh, never opened.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from hotdesk.actions.arguments import check
from hotdesk.actions.collections import Collection, Collections
from hotdesk.actions.documentation import documentation_of
from hotdesk.actions.sync_job import CONTROL
from hotdesk.aio import finish, use_pidfd_watcher
from hotdesk.configuration import load_settings
from hotdesk.connections.base import Secret
from hotdesk.connections.become import escalation_for
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.pool import LOCAL, Pool
from hotdesk.errors import HostError, HotdeskError, Unreachable, nearest
from hotdesk.frozen import frozen
from hotdesk.jobs.load import load
from hotdesk.jobs.machine import STALL_TIMEOUT, Machine
from hotdesk.jobs.run import JobRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.connections.base import Endpoint, Escalation
    from hotdesk.jobs.base import JobResult, Plan
    from hotdesk.settings import Settings

OPTIONS = {
    "host": "ansible_host",
    "port": "ansible_port",
    "remote_user": "ansible_user",
    "password": "ansible_password",
    "private_key_file": "ansible_ssh_private_key_file",
    "private_key_passphrase": "ansible_private_key_passphrase",
    "host_key_checking": "ansible_host_key_checking",
    "timeout": "ansible_timeout",
    "ssh_args": "ansible_ssh_args",
    "ssh_common_args": "ansible_ssh_common_args",
    "ssh_extra_args": "ansible_ssh_extra_args",
}
"""Options of Ansible's ssh connection plugin -> the variable that says the same to us."""


@frozen
class Way:
    """How one PC is reached."""

    host: str
    endpoint: Endpoint
    escalation: Escalation | None


def action_module(job_file: Path, module_file: Path) -> type[ActionBase]:
    """The ActionModule for a job's file and the module that documents it."""

    class ActionModule(ActionBase):  # type: ignore[misc]
        """Runs a sync job of hotdesk."""

        _supports_check_mode = True
        _supports_async = False
        TRANSFERS_FILES = False

        def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
            """Ansible's entry: validates, plans and, outside check mode, syncs. Raises Ansible's own errors."""
            result: dict[str, Any] = super().run(tmp, task_vars)
            try:
                return result | _Door(self, task_vars or {}).perform(job_file, module_file)
            except Unreachable as exc:
                raise AnsibleConnectionFailure(exc.explain()) from None
            except HotdeskError as exc:
                data = dict(exc.data) if isinstance(exc, HostError) else {}
                return result | {**data, "failed": True, "msg": exc.explain()}

    return ActionModule


class _Door:
    """One task on one host, as Ansible has it."""

    def __init__(self, action: Any, task_vars: Mapping[str, Any]) -> None:
        self._action, self._vars = action, task_vars
        self._settings = load_settings({})

    def perform(self, job_file: Path, module_file: Path) -> dict[str, Any]:
        """Run the job; the result as Ansible registers it."""
        task = self._action._task
        ours = Collection(".".join(task.resolved_action.split(".")[:2]), module_file.parents[2])
        documentation = documentation_of(ours, module_file.stem, Collections(self._settings).find)
        args, _ = check(f"{ours.name}.{job_file.stem}", documentation, plain(task.args))
        name = str(args.get("source") or self._value("hotdesk_source") or CONTROL)
        target = self._target()
        source = target if name == target.host else self._source(name)
        stall = float(self._value("hotdesk_stall_timeout") or STALL_TIMEOUT)
        use_pidfd_watcher()
        plan, result, warnings = asyncio.run(
            _run(job_file, args, source, target, self._settings, check=bool(task.check_mode), stall_timeout=stall)
        )
        out: dict[str, Any] = {**result.data, "changed": result.changed}
        if warnings:
            out["warnings"] = warnings
        if task.diff and plan.diff:
            shown = [diff.registered() for diff in plan.diff]
            out["diff"] = shown[0] if len(shown) == 1 else shown  # as hotdesk registers it
        return out

    def _value(self, name: str) -> Any:
        return self._action._templar.template(self._vars[name]) if name in self._vars else None

    def _target(self) -> Way:
        connection = self._action._connection
        host = str(self._action._task.delegate_to or self._vars.get("inventory_hostname") or connection.transport)
        if connection.transport == "local":
            return Way(host, LOCAL if host == CONTROL else _local(host), self._escalation({}))
        variables = {
            variable: value
            for option, variable in OPTIONS.items()
            if (value := self._option(connection, option)) not in (None, "")
        }
        variables["ansible_connection"] = connection.transport
        python = self._value("ansible_python_interpreter")
        if python:
            variables["ansible_python_interpreter"] = python
        return Way(host, endpoint_for(host, plain(variables), self._settings), self._escalation({}))

    def _source(self, name: str) -> Way:
        if name == CONTROL and name not in self._vars.get("groups", {}).get("all", ()):
            return Way(CONTROL, LOCAL, self._escalation({}))
        known = plain(self._vars.get("groups", {})).get("all", [])
        if name not in known:
            raise AnsibleActionFail(f"the source {name!r} is not in the inventory. {nearest(name, known)}".rstrip())
        found = self._vars["hostvars"][name]
        variables = plain({key: found[key] for key in found if key.startswith("ansible_")})
        return Way(name, endpoint_for(name, variables, self._settings), self._escalation(variables))

    def _escalation(self, variables: Mapping[str, Any]) -> Escalation | None:
        """The task's become, with what a host's own variables say of it."""
        plugin = self._action._connection.become
        if plugin is None:
            return None
        password = self._option(plugin, "become_pass")
        own = {key: value for key, value in variables.items() if key != "ansible_become"}
        return escalation_for(
            own,
            self._settings,
            enabled=True,
            user=str(self._option(plugin, "become_user") or "root"),
            method=plugin.name.rpartition(".")[2],
            flags=self._option(plugin, "become_flags"),
            exe=self._option(plugin, "become_exe"),
            password=Secret(str(password)) if password else None,
        )

    def _option(self, plugin: Any, name: str) -> Any:
        try:
            return plain(plugin.get_option(name))
        except (KeyError, AttributeError):
            return None


def _local(host: str) -> Endpoint:
    return type(LOCAL)(host=host, kind="local")


async def _run(
    job_file: Path,
    args: Mapping[str, Any],
    source: Way,
    target: Way,
    settings: Settings,
    *,
    check: bool,
    stall_timeout: float,
) -> tuple[Plan, JobResult, list[str]]:
    """The job's phases, with connections that live as long as the task."""
    run = run_id()
    async with Pool(settings, run=run) as pool, JobRun(run, cleanup_limit=settings.cleanup_limit) as jobs:

        async def machine(way: Way) -> Machine:
            link = await pool.link(way.endpoint, way.escalation)
            return Machine(
                link, host=way.host, task="task", for_host=target.host, check=check, stall_timeout=stall_timeout
            )

        there = await machine(target)
        here = there if source is target else await machine(source)
        well = False
        try:
            plan, result = await jobs.perform(jobs.job(load(job_file), args, here, there), check=check)
            well = True
        finally:
            await finish(jobs.topology.end(lambda _host: well, limit=4.0), grace=5.0)
        return plan, result, list(dict.fromkeys([*plan.warnings, *result.warnings, *here.warnings, *there.warnings]))


def run_id() -> str:
    """The same in all workers of one ansible-playbook, so that they share the locks, and in no other, since it names snapshots: this boot,
    the pid of ansible-playbook and when it was started (proc(5))."""
    parent, boot = os.getppid(), "0"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").partition("-")[0]
        started = (
            Path(f"/proc/{parent}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
        )
    except OSError:
        started = "0"
    return f"ansible-{boot}-{parent}-{started}"


def plain(value: Any) -> Any:
    """Ansible's tagged values as plain Python ones."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
