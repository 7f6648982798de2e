"""What an action plugin sees around it: the task, the connection and its shell, the play's settings, the variables."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hotdesk.variables.blocking import wait_for

if TYPE_CHECKING:
    from hotdesk.actions.base import Call


class TaskVars(MutableMapping[str, Any]):
    """The host's variables, each rendered when it is looked at; what a plugin sets is its own."""

    def __init__(self, variables: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> None:
        self._variables, self._own = variables, dict(own or {})

    def __getitem__(self, name: str) -> Any:
        return self._own[name] if name in self._own else self._variables[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._variables), **dict.fromkeys(self._own)})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def copy(self) -> Self:
        return type(self)(self._variables, self._own)


@dataclass(slots=True)
class TaskView:
    """``self._task``. A plugin may alter ``args`` and ``check_mode`` for the modules that it runs."""

    args: dict[str, Any]
    action: str
    name: str
    check_mode: bool
    diff: bool
    async_val: int = 0
    poll: int = 0
    delegate_to: str | None = None
    become: bool = False
    no_log: bool = False
    register: str | None = None
    environment: list[Mapping[str, str]] = field(default_factory=list)
    collections: list[str] = field(default_factory=list)
    vars: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, call: Call) -> Self:
        task = call.task
        return cls(
            args=dict(call.args), action=str(task.written), name=str(task.name or ""), check_mode=call.check, diff=call.diff,
            async_val=1 if call.background is not None else 0, become=call.become, no_log=call.machine.no_log,
            delegate_to=call.machine.host if call.machine.host != call.host else None,
            register=task.register, environment=[dict(call.environment)], collections=list(task.collections),
        )  # fmt: skip

    def get_name(self) -> str:
        return self.name or self.action

    def copy(self) -> TaskView:
        return TaskView(**{name: getattr(self, name) for name in self.__slots__})


@dataclass(slots=True)
class PlayContext:
    """``self._play_context``."""

    check_mode: bool
    diff: bool
    verbosity: int
    no_log: bool
    become: bool
    remote_addr: str
    remote_user: str
    shell: str = "/bin/sh"


class Shell:
    """``self._connection._shell``: of PCs with a POSIX shell, as all are here."""

    SHELL_FAMILY = "sh"
    tmpdir: str | None = None

    def join_path(self, *parts: str) -> str:
        return posixpath.join(*parts)

    def path_has_trailing_slash(self, path: str) -> bool:
        return path.endswith("/")

    def get_remote_filename(self, pathname: str) -> str:
        return posixpath.basename(pathname.rstrip("/"))

    def quote(self, cmd: str) -> str:
        return shlex.quote(cmd)


class Connection:
    """``self._connection``: commands and files, by way of the agent on the PC. What is asked of it is waited for in the plugin's thread."""

    has_pipelining = True
    socket_path = None

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shell = Shell()
        point = getattr(
            getattr(call.machine.link, "connection", None), "endpoint", None
        )  # a worker's link has none here
        self.transport = str(getattr(point, "kind", "ssh"))

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """A line for ``/bin/sh``: (exit code, output, errors). In check mode it is the plugin's affair that nothing is changed."""
        machine = self._call.machine
        words = ["/bin/sh", "-c", cmd]
        done = wait_for(lambda: machine.run(words, change=not machine.check, stdin=in_data))
        return done.rc, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        self.put(Path(in_path).read_bytes(), out_path)

    def put(self, data: bytes, path: str) -> None:
        machine = self._call.machine
        wait_for(lambda: machine.link.put(path, data, task=machine.mark, mode=0o600))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        Path(out_path).write_bytes(wait_for(lambda: self._call.machine.read(in_path)))

    def get_option(self, name: str, hostvars: Any = None) -> Any:
        """What the variable ``ansible_NAME`` says. Raises KeyError."""
        return self._call.variables[f"ansible_{name}"]
