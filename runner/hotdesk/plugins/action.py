"""In the place of ``ansible.plugins.action`` and ``ansible.plugins.action.normal``."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from hotdesk.actions.answers import text
from hotdesk.errors import ArgumentError, TaskError
from hotdesk.plugins.around import Connection, PlayContext, TaskVars, TaskView
from hotdesk.plugins.display import Display, Listener, display, heard_by
from hotdesk.plugins.options import Plugin
from hotdesk.plugins.templar import Files, Templar
from hotdesk.variables.blocking import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hotdesk.actions.base import Call

__all__ = ["ActionBase", "ActionModule", "Display", "display"]


class ActionBase(Plugin):
    """What an action plugin derives from. One instance serves one call, in a thread of its own."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = False
    _VALID_ARGS: frozenset[str] = frozenset()
    """The arguments that there may be; empty: any."""
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False
    plugin_type = "action"
    _call: Call
    task_vars: TaskVars

    def __init__(
        self, task: TaskView, connection: Connection, play_context: PlayContext, loader: Files, templar: Templar, shared_loader_obj: None = None
    ) -> None:  # fmt: skip
        self._task, self._connection, self._play_context = task, connection, play_context
        self._loader, self._templar = loader, templar
        self._display = display
        self._made: list[str] = []
        """Directories on the PC that are this call's."""

    @classmethod
    @contextmanager
    def for_call(cls, call: Call) -> Iterator[Self]:
        """An instance for one call, which is heard meanwhile; its directories are removed at the end."""
        context = PlayContext(
            call.check, call.diff, call.settings.verbosity, call.machine.no_log, call.become, call.machine.host, call.machine.info.user
        )  # fmt: skip
        read = partial(_decrypted, call)
        base = str(call.variables.get("playbook_dir") or ".")
        made = cls(
            task=TaskView.of(call), connection=Connection(call), play_context=context, loader=Files(base, read),
            templar=Templar(partial(_rendered, call), call.variables), shared_loader_obj=None,
        )  # fmt: skip
        made._call, made._settings, made._load_name = call, call.settings, str(call.task.written)
        made.task_vars = TaskVars(call.variables)
        with heard_by(Listener(call.machine.warn, call.emit_note, call.settings.verbosity)):
            try:
                yield made
            finally:
                made.cleanup()

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What every plugin calls first. Raises ArgumentError for an argument that is not in ``_VALID_ARGS``."""
        unknown = [name for name in self._task.args if self._VALID_ARGS and name not in self._VALID_ARGS]
        if unknown:
            raise ArgumentError(f"Invalid options for {self._task.action}: {', '.join(map(str, unknown))}")
        return {}

    def cleanup(self, force: bool = False) -> None:
        """Remove what was made on the PC."""
        while self._made:
            self._remove_tmp_path(self._made[-1])

    def validate_argument_spec(
        self, argument_spec: Mapping[str, Any] | None = None, **rules: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The arguments by a spec as modules have it, checked by ansible-core's own validator: (its result, the arguments)."""
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

        found = ArgumentSpecValidator(argument_spec or {}, **rules).validate(self._task.args)
        if found.error_messages:
            raise ArgumentError(f"Validation of arguments failed:\n{chr(10).join(found.error_messages)}")
        return found, found.validated_parameters

    # Modules and commands on the PC

    def _execute_module(
        self, module_name: str | None = None, module_args: Mapping[str, Any] | None = None, tmp: str | None = None,
        task_vars: Mapping[str, Any] | None = None, persist_files: bool = False, delete_remote_tmp: bool | None = None,
        wrap_async: bool = False, ignore_unknown_opts: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """A module's result; without a name the module of the task's. Its arguments are the task's unless others are given."""
        args = dict(self._task.args if module_args is None else module_args)
        call = replace(
            self._call, check=bool(self._task.check_mode), background=self._call.background if wrap_async else None
        )
        name = module_name or str(self._task.action)

        async def module() -> dict[str, Any]:
            return (await call.run_module(call, name, args, defaults=False)).registered()

        return wait_for(module)

    def _low_level_execute_command(
        self, cmd: str, sudoable: bool = True, in_data: bytes | str | None = None, executable: str | None = None,
        encoding_errors: str = "surrogate_then_replace", chdir: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """A line for the shell ``executable``: rc, stdout, stderr and their lines."""
        line = f"cd {shlex.quote(chdir)} && {cmd}" if chdir else cmd
        if executable:
            line = f"{executable} -c {shlex.quote(line)}"
        rc, out, err = self._connection.exec_command(line, in_data.encode() if isinstance(in_data, str) else in_data)
        stdout, stderr = text(out), text(err)
        return {
            "rc": rc, "stdout": stdout, "stdout_lines": stdout.splitlines(), "stderr": stderr, "stderr_lines": stderr.splitlines(),
        }  # fmt: skip

    def _execute_remote_stat(
        self, path: str, all_vars: Mapping[str, Any], follow: bool, tmp: str | None = None, checksum: bool = True
    ) -> dict[str, Any]:
        """What the module stat says of a path. Raises TaskError."""
        args = {"path": path, "follow": follow, "get_checksum": checksum, "get_mime": False, "get_attributes": False}
        found = self._execute_module("ansible.legacy.stat", args)
        if found.get("failed"):
            raise TaskError(f"Failed to get information on remote file ({path}): {found.get('msg')}")
        stat: dict[str, Any] = found["stat"]
        return {**stat, "checksum": stat.get("checksum") or ("" if stat.get("exists") else "1")}

    def _remote_file_exists(self, path: str) -> bool:
        return bool(self._low_level_execute_command(f"test -e {shlex.quote(path)}")["rc"] == 0)

    def _remote_expand_user(self, path: str, sudoable: bool = True, pathsep: str | None = None) -> str:
        """``~`` and ``~name`` at the beginning of a path of the PC."""
        if not path.startswith("~"):
            return path
        first, slash, rest = path.partition("/")
        found = self._low_level_execute_command(f"echo {first}")["stdout"].strip()
        return f"{found or first}{slash}{rest}"

    # Files on the PC and here

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        """A new directory on the PC, of this call alone."""
        done = self._low_level_execute_command("umask 77 && mktemp -d")
        path = str(done["stdout"]).strip()
        if done["rc"] or not path:
            raise TaskError(f"Failed to create temporary directory: {done['stderr']}")
        self._call.machine.temporary(path)
        self._made.append(path)
        self._connection._shell.tmpdir = path
        return path

    def _remove_tmp_path(self, tmp_path: str | None, force: bool = False) -> None:
        """Only what ``_make_tmp_path`` has made."""
        if tmp_path in self._made:
            self._made.remove(tmp_path)
            self._low_level_execute_command(f"rm -rf {shlex.quote(tmp_path)}")

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        self._connection.put_file(local_path, remote_path)
        return remote_path

    def _transfer_data(self, remote_path: str, data: Any) -> str:
        """Text or bytes as they are, anything else as JSON."""
        import json

        body = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
        self._connection.put(body, remote_path)
        return remote_path

    def _fixup_perms2(self, remote_paths: Sequence[str], *_args: Any, **_options: Any) -> list[str]:
        """Nothing to do: what is sent belongs to the user whom the task becomes."""
        return list(remote_paths)

    def _find_needle(self, dirname: str, needle: str) -> str:
        """A file of the playbook's side. Raises ArgumentError."""
        return str(self._call.find_file(needle, dirname))


class ActionModule(ActionBase):
    """What runs a module that has no action plugin: its arguments are the task's."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {**super().run(tmp, task_vars), **self._execute_module(wrap_async=bool(self._task.async_val))}


def _rendered(call: Call, value: Any, variables: Mapping[str, Any]) -> Any:
    extra = {} if variables is call.variables else dict(variables)

    async def render() -> Any:
        return await call.render(value, extra)

    return wait_for(render)


def _decrypted(call: Call, path: Path) -> bytes:
    """A file that may be vaulted."""
    from hotdesk.source import read_text

    return read_text(path, decrypt=call.decrypt).encode()
