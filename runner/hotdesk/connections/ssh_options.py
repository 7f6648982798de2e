"""What one SSH connection needs to know before it starts: ssh_config, keys, known hosts, jump hosts. Blocking; run in a thread.

asyncssh reads ssh_config; ``-o`` options win over it. It does not know StrictHostKeyChecking, which is therefore taken from
variables and ``-o`` alone (endpoint.py), never from ssh_config. Key files are read once for all hosts.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.connections.host_key_check import HostKeyCheck
from hotdesk.connections.host_keys import SYSTEM_FILES, USER_FILES
from hotdesk.connections.library import asyncssh
from hotdesk.connections.ssh_errors import translated
from hotdesk.errors import AuthenticationError, ConnectError
from hotdesk.frozen import frozen
from hotdesk.paths import exists, expanded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.connections.base import Endpoint
    from hotdesk.connections.ssh_files import ClientKey, KeyFiles, SSHFiles

CONFIG_FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk", "id_ed448", "id_dsa")
FASTEST_FIRST = "^aes128-gcm@openssh.com"
"""AES is in the processor: measured 412 MB/s against 270 with the default's chacha20."""
WINDOW = 16 * 1024 * 1024
"""Bytes the other end may send ahead: 16 MiB keep a gigabit busy at 100 ms."""
PACKET = 128 * 1024
LATE = 4
"""Times as many keepalives may be unanswered as the setting says: a control node that is starved reads answers late, and asyncssh counts by the
clock. TCP's user timeout, for a network that is cut, and the agents' lease, for a PC that is frozen, do not wait for that."""
# -o name -> asyncssh keyword, for values handed on as they stand
PLAIN = {
    "Ciphers": "encryption_algs",
    "KexAlgorithms": "kex_algs",
    "MACs": "mac_algs",
    "HostKeyAlgorithms": "server_host_key_algs",
    "HostKeyAlias": "host_key_alias",
    "PreferredAuthentications": "preferred_auth",
}
SWITCHES = {
    "KbdInteractiveAuthentication": "kbdint_auth",
    "PasswordAuthentication": "password_auth",
    "PubkeyAuthentication": "public_key_auth",
    "TCPKeepAlive": "tcp_keepalive",
}
FAMILIES = {"any": 0, "inet": 2, "inet6": 10}
TOKEN = re.compile(r"%(.)")


@frozen
class Prepared:
    """Ready to connect. ``jump`` is the Endpoint to go through; ``options`` are asyncssh's, ``extra`` its keywords on top."""

    host: str
    port: int
    base: asyncssh.SSHClientConnectionOptions
    extra: dict[str, Any] = field(repr=False)
    check: HostKeyCheck | None
    jump: Endpoint | None
    agent_afterwards: str | None
    """The agent to ask once the named keys were refused."""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def prepare(endpoint: Endpoint, files: SSHFiles) -> Prepared:
    """Blocking: call it in a thread. Raises ConnectError, AuthenticationError or HostKeyError."""
    options = dict(endpoint.options)
    address = endpoint.address or endpoint.host
    with translated(endpoint, address):
        base = _from_config(endpoint, options.get("HostName", address))
        host, port = str(base.host), int(base.port)
        extra = _keywords(endpoint, options, base)
        keys, agent, afterwards, identities = _keys(endpoint, options, base, files.keys)
        extra |= {"client_keys": keys, "agent_path": agent, "agent_identities": identities}
        check = None
        if endpoint.host_key_checking != "no":
            names = _known_hosts_files(endpoint, options, base)
            accept = endpoint.host_key_checking == "accept-new"
            check = HostKeyCheck(endpoint.host, files.host_keys.known(names), accept, names, files.host_keys)
        extra["known_hosts"] = check.known_hosts if check else None
        jump, command = _way(endpoint, options, base, host, port)
        if command is not None:
            extra["proxy_command"] = command
    return Prepared(host, port, base, extra, check, jump, afterwards)


def _from_config(endpoint: Endpoint, address: str) -> asyncssh.SSHClientConnectionOptions:
    """ssh_config's word on this host; keys and known hosts are left to us."""
    paths = [str(expanded(name)) for name in endpoint.ssh_config or CONFIG_FILES]
    if not endpoint.ssh_config:
        paths = [path for path in paths if os.access(path, os.R_OK)]
    elif "none" in endpoint.ssh_config:
        paths = []
    try:
        return asyncssh.SSHClientConnectionOptions(
            config=paths or None,
            host=address,
            port=endpoint.port or (),
            username=endpoint.user or (),
            client_keys=None,
            known_hosts=None,
            encoding=None,
            window=WINDOW,
            max_pktsize=PACKET,
            login_timeout=0,  # the limit of both is SSHConnection.connect's
            connect_timeout=None,
            keepalive_interval=endpoint.keepalive_interval,
            keepalive_count_max=endpoint.keepalive_count * LATE,
        )
    except (OSError, ValueError) as exc:
        raise ConnectError(f"{endpoint.host}: ssh configuration: {exc}") from None


def _keywords(endpoint: Endpoint, options: dict[str, str], base: asyncssh.SSHClientConnectionOptions) -> dict[str, Any]:
    extra: dict[str, Any] = {"compression_algs": None, "request_pty": False, "command": None}
    if not base.config.get("Ciphers"):
        extra["encryption_algs"] = FASTEST_FIRST
    extra |= {keyword: options[name] for name, keyword in PLAIN.items() if name in options}
    extra |= {keyword: _switch(options[name]) for name, keyword in SWITCHES.items() if name in options}
    if "AddressFamily" in options:
        extra["family"] = FAMILIES.get(options["AddressFamily"].lower(), 0)
    if "BindAddress" in options:
        extra["local_addr"] = (options["BindAddress"], 0)
    if "ForwardAgent" in options:
        extra["agent_forwarding"] = _switch(options["ForwardAgent"])
    if endpoint.password is not None:
        extra["password"] = endpoint.password.value
    return extra


def _switch(value: str) -> bool:
    return value.lower() in {"yes", "true", "on", "1"}


def _keys(
    endpoint: Endpoint, options: dict[str, str], base: asyncssh.SSHClientConnectionOptions, cache: KeyFiles
) -> tuple[Sequence[ClientKey], str | None, str | None, Any]:
    """(keys to offer, agent to ask first, agent to ask afterwards, the only identities the agent may use).

    A key that the user named goes first, so that an agent full of other keys does not use up sshd's MaxAuthTries.
    """
    agent = options.get("IdentityAgent") or str(base.config.get("IdentityAgent") or os.environ.get("SSH_AUTH_SOCK", ""))
    agent_path = None if agent in {"", "none"} else os.path.expandvars(str(expanded(agent)))
    only = (
        _switch(options["IdentitiesOnly"]) if "IdentitiesOnly" in options else bool(base.config.get("IdentitiesOnly"))
    )
    configured = [str(name) for name in base.config.get("IdentityFile", []) or []]  # type: ignore[attr-defined]
    passphrase = endpoint.key_passphrase.value if endpoint.key_passphrase else None
    keys: list[ClientKey] = []
    locked: list[str] = []
    for name in (*endpoint.private_key_files, *configured):
        path = str(expanded(name))
        try:
            keys.append(cache.load(path, passphrase))
        except OSError as exc:
            if name in endpoint.private_key_files:
                raise AuthenticationError(f"{endpoint.host}: private key {path}: {exc.strerror}") from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as exc:
            if agent_path is None and name in endpoint.private_key_files:
                raise AuthenticationError(
                    f"{endpoint.host}: private key {path}: {exc}",
                    remedy="Load it with ssh-add, or set ansible_ssh_private_key_passphrase.",
                ) from None
            locked.append(path)
    if locked and agent_path:
        public = [f"{path}.pub" for path in locked if exists(Path(f"{path}.pub"))]
        return keys, agent_path, None, public if only and public else None
    if keys:
        return keys, None, None if only else agent_path, None
    return _default_keys(passphrase, cache), agent_path, None, None


def _default_keys(passphrase: str | None, cache: KeyFiles) -> list[ClientKey]:
    """~/.ssh/id_*, those of them that exist and can be read without asking."""
    keys = []
    for name in DEFAULT_KEYS:
        path = expanded("~/.ssh") / name
        try:
            keys.append(cache.load(str(path), passphrase))
        except (OSError, ValueError):
            continue
    return keys


def _known_hosts_files(
    endpoint: Endpoint, options: dict[str, str], base: asyncssh.SSHClientConnectionOptions
) -> tuple[str, ...]:
    user: Sequence[str] = endpoint.known_hosts or _names(base, "UserKnownHostsFile") or USER_FILES
    system: Sequence[str] = _names(base, "GlobalKnownHostsFile") or SYSTEM_FILES
    if "GlobalKnownHostsFile" in options:
        system = shlex.split(options["GlobalKnownHostsFile"])
    home = str(Path.home())
    return tuple(str(expanded(name.replace("%d", home))) for name in (*user, *system) if name != "none")


def _names(base: asyncssh.SSHClientConnectionOptions, option: str) -> list[str]:
    found = base.config.get(option)
    return [str(name) for name in found] if isinstance(found, list) else []


def _way(
    endpoint: Endpoint, options: dict[str, str], base: asyncssh.SSHClientConnectionOptions, host: str, port: int
) -> tuple[Endpoint | None, list[str] | None]:
    """(jump host, proxy command): at most one of them; ``-o`` wins over ssh_config, and ProxyJump over ProxyCommand."""
    given = "ProxyJump" in options or "ProxyCommand" in options
    jump = options.get("ProxyJump") if given else base.tunnel
    if jump and str(jump).lower() != "none":
        return jump_endpoint(endpoint, str(jump)), None
    command = options.get("ProxyCommand") if given else base.proxy_command
    if not command or command in ("none", ["none"]):
        return None, None
    if not isinstance(command, str):
        return None, [str(word) for word in command]
    tokens = {"h": host, "p": str(port), "r": str(base.username), "n": endpoint.host, "%": "%"}
    return None, shlex.split(TOKEN.sub(lambda match: tokens.get(match[1], match[0]), command))


def jump_endpoint(endpoint: Endpoint, chain: str) -> Endpoint | None:
    """The last jump host of ``[user@]host[:port],...``; it goes through those before it. All hosts behind it share it.

    It gets the known hosts, the keys and the limits of the host behind it, never its password. A jump host whose own ssh_config
    entry names itself is reached directly.
    """
    *before, target = [part.strip().removeprefix("ssh://") for part in chain.split(",")]
    user, _, rest = target.rpartition("@")
    match = re.fullmatch(r"(\[[^\]]+\]|[^:]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*)(?::(\d+))?", rest)
    if match is None or not rest:
        raise ConnectError(f"{endpoint.host}: jump host {target!r} is not [user@]host[:port]")
    name = match[1].strip("[]")
    port = int(match[2]) if match[2] else None
    if name in {endpoint.host, endpoint.address} and port in {None, endpoint.port} and not before:
        return None
    kept = tuple(
        pair for pair in endpoint.options if pair[0] in {"IdentitiesOnly", "IdentityAgent", "GlobalKnownHostsFile"}
    )
    return replace(
        endpoint,
        host=name,
        address=name,
        port=port,
        user=user or None,
        password=None,
        options=(*kept, ("ProxyJump", ",".join(before))) if before else kept,
        python="auto",
    )
