"""Modules that are not ours: of ansible-core, of collections and of the user's own, run as they are by the agent of the target.

Source of the contract between Ansible and its modules: "Module architecture" (developing modules: program flow).
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import shlex
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action, Call
from hotdesk.actions.carrying import remote_tmp
from hotdesk.actions.module_answers import as_result, module_result, removal, unwrapped
from hotdesk.actions.module_payload import JSON_ARGUMENTS, PROFILE, Payload, Payloads
from hotdesk.actions.on_target import modules
from hotdesk.aio import in_thread
from hotdesk.connections.calling import called_module
from hotdesk.errors import ArgumentError, TaskError
from hotdesk.jobs.machine import source_text
from hotdesk.jobs.shipping import bundle
from hotdesk.playbook.actions import RAW

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.actions.background import Background
    from hotdesk.results import Result

VERSION = "2.19.0"
"""Of the Ansible whose contract with modules is kept here."""
SELINUX_SPECIAL = ("fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat")
"""File systems that have SELinux labels of their own (``special_context_filesystems``)."""
TMPDIR = "@HOTDESK_TMPDIR@"
"""Stands for the module's own directory until the target has made it."""


class ModuleAction(Action):
    """One such module; it checks its arguments itself."""

    name = "ansible.legacy.module"
    DOCUMENTATION = "short_description: A module that is not hotdesk's own\noptions: {}\n"
    unchecked = True
    background = True

    def __init__(self, fqcn: str, path: Path, payloads: Payloads) -> None:
        self.fqcn, self.path = fqcn, path
        self._payloads = payloads
        self._payload: Payload | None = None
        self._making = asyncio.Lock()
        self._told: set[str] = set()

    async def run(self, call: Call) -> Result:
        if RAW in call.args:
            raise ArgumentError(f"Action {call.task.written!r} does not support raw params.", place=call.task.place)
        return await self.execute(call, call.args)

    async def execute(self, call: Call, args: Mapping[str, Any], name: str = "") -> Result:
        """The module with ``args`` on the task's PC. Raises TaskError for a module that cannot be sent."""
        payload = await self._made()
        tmp = await remote_tmp(call)
        parameters = {**args, **internal(call, name or call.task.written, tmp)}
        if payload.style == "python":
            function, kwargs = "run", {"module": payload.module, "profile": PROFILE, "parameters": plain(parameters)}
        else:
            function, kwargs = "run_file", await _as_program(payload, parameters, call)
        kwargs["tmp"] = "" if call.check else tmp  # no folder is made to stay in check mode
        if call.background is not None:
            result = await _in_background(call, call.background, payload, function, kwargs)
        else:
            result = module_result(await call.machine.execute(bundle(modules), function, payload, **kwargs), call)
        self._tell_deprecations(result, call)
        return result

    async def _made(self) -> Payload:
        async with self._making:
            if self._payload is None:
                self._payload = await in_thread(self._payloads.make, self.fqcn, self.path)
            return self._payload

    def _tell_deprecations(self, result: Result, call: Call) -> None:
        for one in result.data.get("deprecations", ()) if call.settings.deprecation_warnings else ():
            text = f"[DEPRECATION WARNING]: {str(one.get('msg')).rstrip('.')}. {removal(one)}"
            if text not in self._told and not call.machine.no_log:
                self._told.add(text)
                call.emit_note(text)


async def _in_background(
    call: Call, background: Background, payload: Payload, function: str, kwargs: dict[str, Any]
) -> Result:
    """``async``: as every other work in the background, from what the agent has in its memory."""
    if call.check:
        raise TaskError('"check mode" and "async" cannot be used on same task.', place=call.task.place)
    half = bundle(modules)
    await call.machine.execute(half, "get_ready", payload)
    kwargs["parts"] = [digest for digest, _ in payload.parts]
    given = {"function": function, "kwargs": kwargs, "environment": dict(call.environment)}
    work = {"resident": called_module(source_text(half))[0], "function": "collect", "kwargs": given}
    return as_result(unwrapped(await background.work(call, work, change=True)), call, [])


def internal(call: Call, name: str, tmp: str) -> dict[str, Any]:
    """What Ansible tells every module beside its arguments."""
    return {
        "_ansible_check_mode": call.check,
        "_ansible_no_log": call.machine.no_log,
        "_ansible_debug": False,
        "_ansible_diff": call.diff,
        "_ansible_verbosity": call.settings.verbosity,
        "_ansible_version": VERSION,
        "_ansible_module_name": name,
        "_ansible_syslog_facility": "LOG_USER",
        "_ansible_selinux_special_fs": list(SELINUX_SPECIAL),
        "_ansible_socket": None,
        "_ansible_shell_executable": "/bin/sh",
        "_ansible_keep_remote_files": False,
        "_ansible_tmpdir": TMPDIR,
        "_ansible_remote_tmp": tmp,
        "_ansible_ignore_unknown_opts": False,
        "_ansible_target_log_info": None,
        "_ansible_tracebacks_for": [],
    }


def plain(value: Any) -> Any:
    """Arguments as JSON has them: dates as text, sets and tuples as lists. Raises ArgumentError."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    raise ArgumentError(f"a module cannot be given a value of the type {type(value).__name__}")


async def _as_program(payload: Payload, parameters: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """How a module that is a program of its own is started: {name, words, arguments, replaced}."""
    given = plain(parameters)
    arguments: str | None = json.dumps(given)
    replaced: list[list[bytes]] = []
    if payload.style == "json arguments":
        replaced = [[JSON_ARGUMENTS, json.dumps(given).encode()]]
        arguments = None
    elif payload.style == "text file":
        arguments = "".join(f"{key}={shlex.quote(str(value))} " for key, value in given.items())
    return {
        "name": payload.module,
        "words": await _interpreter(payload, call),
        "arguments": arguments,
        "replaced": replaced,
    }


async def _interpreter(payload: Payload, call: Call) -> list[str]:
    """The words of the ``#!`` line; ``ansible_NAME_interpreter`` stands in for a program, and for Python the agent's own."""
    if not payload.interpreter:
        return []
    program, *arguments = payload.interpreter
    name = posixpath.basename(program)
    if name == "python":
        return [call.machine.info.executable, *arguments]
    variable = f"ansible_{name}_interpreter"
    if variable in call.variables and (found := str(await call.render(call.variables[variable])).strip()):
        program = found
    return [program, *arguments]
