"""Every exception of hotdesk. The class carries the exit code, the message says what and where, the remedy what to do.

HotdeskError                        1   a fault of hotdesk itself
├── UsageError                      5   the command line or a setting
├── InputError                      4   what the user wrote; found before any host is touched
│   ├── InventoryError
│   ├── PlaybookError
│   ├── VariableError
│   │   ├── TemplateError           a template that cannot be compiled or rendered
│   │   │   └── UndefinedError      ... because a variable is not defined
│   │   └── VaultError
│   └── JobError                    a sync job's file or contract is wrong
├── HostError                           something about one host; becomes that host's result
│   ├── Unreachable                 4   no agent answers there (any more)
│   │   ├── ConnectError
│   │   ├── AuthenticationError
│   │   ├── HostKeyError
│   │   └── LinkLost                    the link ended before the exit frame arrived (R4)
│   │       └── WorkerLost                  ... with the worker process that held the connection
│   ├── BecomeError                 4   sudo refused, or asked for a password we do not have
│   └── TaskError                   2   the task failed
│       ├── ArgumentError               wrong arguments for an action
│       ├── TimedOut                    ``timeout:`` or the default limit
│       ├── Stalled                     no output and no progress for ``hotdesk_stall_timeout``
│       ├── DiskLow                     a file system fell below its minimum
│       ├── LockHeld                    another run holds that PC
│       ├── TransferError               rsync failed; carries the paths
│       └── CheckModeError              a changing verb was called in check mode (R8)
├── VerificationFailed              3   the target state is not what the tests say
└── Interrupted                         a signal ended the run: 128 + its number
"""

from __future__ import annotations

import signal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotdesk.place import Place


class HotdeskError(Exception):
    """Base of all. ``str()`` gives the message alone; ``explain()`` adds place, line and remedy."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, place: Place | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy

    def report(self) -> str:
        """``explain`` over several lines, in the order in which Ansible tells an error."""
        lines = [self.message]
        if self.place:
            excerpt = self.place.excerpt()
            lines.append(f"Origin: {self.place}" + (f"\n\n{excerpt}\n" if excerpt else ""))
        return "\n".join([*lines, f"  {self.remedy}"] if self.remedy else lines)

    def explain(self) -> str:
        """The whole text for a person: place, message, the offending line, the remedy."""
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        if self.place and (excerpt := self.place.excerpt()):
            lines.append(excerpt)
        if self.remedy:
            lines.append(f"  {self.remedy}")
        return "\n".join(lines)


class UsageError(HotdeskError):
    """The command line, ansible.cfg or an environment variable is wrong."""

    exit_code = 5


class InputError(HotdeskError):
    """Something the user wrote is wrong; no host was touched."""

    exit_code = 4


class InventoryError(InputError):
    """An inventory source, a host pattern or a connection variable."""


class PlaybookError(InputError):
    """A playbook, role, task file or keyword."""


class IncludeError(PlaybookError):
    """A file or role that is named is not there, or holds no tasks. Named by an include, it is a failure of the hosts that include it;
    all other faults of a text end the run.
    """


class VariableError(InputError):
    """A variable or a vars file."""


class TemplateError(VariableError):
    """A template does not compile or does not render."""


class UndefinedError(TemplateError):
    """A template names a variable that is not defined; the message names it."""


class VaultError(VariableError):
    """A vaulted value cannot be decrypted."""


class JobError(InputError):
    """A sync job's file does not keep the contract (docs/writing-a-job.md)."""


class HostError(HotdeskError):
    """About one host. The executor turns it into that host's result; it never ends the run by itself."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        remedy: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, place=place, remedy=remedy)
        self.data: Mapping[str, Any] = data or {}
        """Keys that are merged into the registered result (rc, stdout, paths, ...)."""


class Unreachable(HostError):
    """No agent answers on that host."""

    exit_code = 4


class ConnectError(Unreachable):
    """TCP, name resolution or the SSH handshake failed, or took longer than the connect limit."""


class AuthenticationError(Unreachable):
    """The host refused every key and password we had."""


class HostKeyError(Unreachable):
    """The host key is unknown or has changed."""


class LinkLost(Unreachable):
    """The link ended while something was under way: what became of it is not known (R4)."""


class WorkerLost(LinkLost):
    """The worker that held the connection has ended, and the connection with it."""


class BecomeError(Unreachable):
    """Privilege escalation failed: sudo is missing, refused, or wants another password."""


class TaskError(HostError):
    """The task failed on that host."""


class ArgumentError(TaskError):
    """An action was given arguments that its documentation does not allow."""


class TimedOut(TaskError):
    """The task's time limit ran out; its processes were ended. The message names what ran."""


class Stalled(TaskError):
    """Nothing was heard of the task for the stall limit; its processes were ended."""


class DiskLow(TaskError):
    """A file system fell below its minimum; the message names mount, free space and threshold."""


class LockHeld(TaskError):
    """Another run holds the PC; the message names host, run and since when."""


class TransferError(TaskError):
    """rsync ended with an error; ``data['paths']`` lists what it named."""


class CheckModeError(TaskError):
    """A verb that changes something was called in check mode: a fault of the action, stopped before it did harm."""


class VerificationFailed(HotdeskError):
    """At least one verification test failed."""

    exit_code = 3


class Interrupted(HotdeskError):
    """A signal ended the run."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def code(self) -> int:
        """128 + the signal's number, as shells count."""
        return 128 + self.signum


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy naming the nearest right spelling, or nothing: ``Did you mean 'become'?``"""
    names = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"Did you mean {names[found[0]]!r}?" if found else ""
