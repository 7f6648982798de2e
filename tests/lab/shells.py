"""Login shells as they are found: other than bash, and with start files that print text."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.lab.machine import PATH, LabError

if TYPE_CHECKING:
    from tests.lab.pc import PC

START_FILES = {
    "bash": (".bashrc", "echo Welcome to $HOSTNAME; printf 'no newline'; echo noise >&2"),
    "zsh": (".zshenv", "echo Welcome; echo noise >&2"),
    "fish": (".config/fish/config.fish", "echo Welcome; echo noise >&2"),
    "tcsh": (".cshrc", "echo Welcome"),
    "csh": (".cshrc", "echo Welcome"),
    "dash": (".profile", "echo Welcome"),
}
"""Shell -> the file below the home directory that it reads at a login without a terminal, and noise to put there."""
TAKE = """
cd "$(getent passwd "$1" | cut -d: -f6)" || exit
if [ -e "$2" ]; then cp -a "$2" "$2.was"; fi
mkdir -p "$(dirname "$2")"; cat >"$2"; chown -R "$1": "${2%%/*}"
"""
GIVE_BACK = """
cd "$(getent passwd "$1" | cut -d: -f6)" || exit
rm -f "$2"; if [ -e "$2.was" ]; then mv "$2.was" "$2"; fi
"""


def missing(shell: str) -> str:
    """Why it cannot be a login shell here; empty when it can."""
    return "" if shutil.which(shell, path=PATH) else f"{shell} is not installed"


def give(pc: PC, user: str, shell: str) -> None:
    """Make it a user's login shell, with a start file that prints. Raises LabError when it is not installed."""
    if reason := missing(shell):
        raise LabError(reason)
    file, text = START_FILES[shell]
    pc.run("usermod", "--shell", str(shutil.which(shell, path=PATH)), user)
    pc.run("bash", "-c", TAKE, "bash", user, file, stdin=text.encode() + b"\n")


def take_back(pc: PC, user: str, shell: str) -> None:
    """Undo that."""
    pc.run("usermod", "--shell", "/bin/bash", user)
    pc.run("bash", "-c", GIVE_BACK, "bash", user, START_FILES[shell][0])
