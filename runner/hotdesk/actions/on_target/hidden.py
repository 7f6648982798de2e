"""New files and directories under a name that nobody knows, which are gone when the call that makes them is killed."""

from __future__ import annotations

import os


def hidden_file(directory: str) -> tuple[int, str]:
    """(open for writing, name): a new file that only we can read. Raises OSError."""
    name = _noted(directory, ".hotdesk-")
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), name


def hidden_directory(directory: str, prefix: str = ".hotdesk-") -> str:
    """A new directory that only we can enter. Raises OSError."""
    name = _noted(directory, prefix)
    os.mkdir(name, 0o700)
    return name


def _noted(directory: str, prefix: str) -> str:
    name = os.path.join(directory, prefix + os.urandom(8).hex())
    note = globals().get("about_to_make")  # the agent gives it to what it runs; ansible-playbook does not
    if note is not None:
        note(name)
    return name
