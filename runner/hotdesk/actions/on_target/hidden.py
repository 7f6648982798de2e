"""New files and directories under a name that nobody knows, which are gone when the call that makes them is killed."""

from __future__ import annotations

import os


def hidden_file(directory: str) -> tuple[int, str]:
    """(open for writing, name): a new file that only we can read. Raises OSError."""
    name = noted(_name(directory, ".hotdesk-"))
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), name


def hidden_directory(directory: str, prefix: str = ".hotdesk-") -> str:
    """A new directory that only we can enter. Raises OSError."""
    name = noted(_name(directory, prefix))
    os.mkdir(name, 0o700)
    return name


def noted(path: str) -> str:
    """``path``, which is about to be made: the agent knows it now, and removes it when the call is killed."""
    note = globals().get("about_to_make")  # the agent gives it to what it runs; ansible-playbook does not
    if note is not None:
        note(path)
    return path


def _name(directory: str, prefix: str) -> str:
    return os.path.join(directory, prefix + os.urandom(8).hex())
