"""Reading ``ansible_ssh_args`` and friends: the ssh(1) command line options that mean something here.

What OpenSSH does with one process per task (ControlMaster and friends) is what hotdesk does by itself, so those are accepted and
have no effect. Anything else that is not honoured is refused by name: an option that is silently ignored costs somebody a day.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from hotdesk.errors import InventoryError, nearest

HONOURED = (
    "AddressFamily",
    "BindAddress",
    "CertificateFile",
    "Ciphers",
    "ConnectTimeout",
    "ForwardAgent",
    "GlobalKnownHostsFile",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "HostName",
    "IdentitiesOnly",
    "IdentityAgent",
    "IdentityFile",
    "KbdInteractiveAuthentication",
    "KexAlgorithms",
    "MACs",
    "PasswordAuthentication",
    "Port",
    "PreferredAuthentications",
    "ProxyCommand",
    "ProxyJump",
    "PubkeyAuthentication",
    "ServerAliveCountMax",
    "ServerAliveInterval",
    "StrictHostKeyChecking",
    "TCPKeepAlive",
    "User",
    "UserKnownHostsFile",
)
IGNORED = {
    "BatchMode": "nothing is ever asked on the terminal",
    "CheckHostIP": "keys are matched by name and address",
    "Compression": "bulk data is compressed by rsync where asked; doing it twice costs more than it saves",
    "ConnectionAttempts": "a refused handshake is tried again by itself",
    "ControlMaster": "one connection is kept for the whole run anyway",
    "ControlPath": "one connection is kept for the whole run anyway",
    "ControlPersist": "one connection is kept for the whole run anyway",
    "EscapeChar": "there is no terminal",
    "GSSAPIAuthentication": "used when python-gssapi is installed",
    "HashKnownHosts": "new keys are written in plain",
    "LogLevel": "hotdesk has its own -v",
    "NumberOfPasswordPrompts": "nothing is ever asked on the terminal",
    "RequestTTY": "commands run without a terminal",
    "UpdateHostKeys": "known_hosts is only written with accept-new",
    "VisualHostKey": "there is no terminal",
}
CANONICAL = {name.lower(): name for name in (*HONOURED, *IGNORED)}
WITH_VALUE = {
    "i": "IdentityFile",
    "J": "ProxyJump",
    "l": "User",
    "p": "Port",
    "c": "Ciphers",
    "m": "MACs",
    "b": "BindAddress",
}
FLAGS = {
    "4": ("AddressFamily", "inet"),
    "6": ("AddressFamily", "inet6"),
    "A": ("ForwardAgent", "yes"),
    "a": ("ForwardAgent", "no"),
}
QUIET_FLAGS = frozenset("CqTxnv")
"""No effect here: compression, quiet, no terminal, no X11, no stdin, verbose."""


@dataclass(slots=True)
class Arguments:
    """Options in the order given; of one that may stand once the first wins, as in ssh_config(5)."""

    given: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def config_files(self) -> tuple[str, ...]:
        return tuple(self.files)

    def take(self, name: str) -> str | None:
        """The first value of ``name``; it is not among ``options()`` any more."""
        values = self.take_all(name)
        return values[0] if values else None

    def take_all(self, name: str) -> tuple[str, ...]:
        values = tuple(value for key, value in self.given if key == name)
        self.given = [pair for pair in self.given if pair[0] != name]
        return values

    def options(self) -> tuple[tuple[str, str], ...]:
        """What is left, each option once (CertificateFile as often as given)."""
        kept: dict[tuple[str, str], tuple[str, str]] = {}
        for name, value in self.given:
            kept.setdefault((name, value if name == "CertificateFile" else ""), (name, value))
        return tuple(kept.values())


def parse_arguments(text: str, into: Arguments, *, where: str) -> None:
    """Read a piece of an ssh command line. Raises InventoryError naming the option that is not supported."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise InventoryError(f"{where}: {exc} in {text!r}") from None
    while words:
        word = words.pop(0)
        if len(word) < 2 or not word.startswith("-"):
            raise InventoryError(
                f"{where}: {word!r} is not an option of ssh", remedy="Only options belong here, no host or command."
            )
        _option(word[1:], words, into, where)


def _option(letters: str, words: list[str], into: Arguments, where: str) -> None:
    """One word of single-letter options (``-4C``, ``-p22``, ``-o X=Y``)."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in FLAGS:
            into.given.append(FLAGS[letter])
            continue
        if letter in QUIET_FLAGS:
            continue
        if letter not in WITH_VALUE and letter not in "oF":
            raise InventoryError(f"{where}: ssh option -{letter} is not supported", remedy=_supported())
        if not letters and not words:
            raise InventoryError(f"{where}: ssh option -{letter} needs a value")
        value = letters or words.pop(0)
        letters = ""
        if letter == "F":
            into.files.append(value)
        elif letter == "o":
            _named(value, into, where)
        else:
            into.given.append((WITH_VALUE[letter], value))


def _named(text: str, into: Arguments, where: str) -> None:
    """``Name=value`` or ``Name value``."""
    name, separator, value = text.partition("=")
    if not separator or " " in name.strip():
        name, separator, value = text.strip().partition(" ")
    name, value = name.strip(), value.strip()
    canonical = CANONICAL.get(name.lower())
    if canonical is None:
        raise InventoryError(
            f"{where}: ssh option {name!r} is not supported", remedy=nearest(name, CANONICAL.values()) or _supported()
        )
    if not value:
        raise InventoryError(f"{where}: ssh option {name} needs a value")
    if canonical in {"ProxyCommand", "UserKnownHostsFile", "GlobalKnownHostsFile"}:  # several words, quoted each
        into.given.append((canonical, value))
    elif canonical in HONOURED:
        into.given.append((canonical, " ".join(_unquoted(value))))


def _unquoted(value: str) -> list[str]:
    return shlex.split(value) if '"' in value else [value]


def _supported() -> str:
    return f"Supported: -4 -6 -A -C -F -J -b -c -i -l -m -p and -o with {', '.join(HONOURED)}."
