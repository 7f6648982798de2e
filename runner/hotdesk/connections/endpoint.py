"""From a host's rendered connection variables to an Endpoint: where and how to reach it.

The names and their order of precedence are those of Ansible's ssh connection plugin
(https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ssh_connection.html): variables win over keywords, keywords over
settings, and what stands in ``ansible_ssh_args`` and friends comes after both.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Literal, cast

from hotdesk.connections.base import Endpoint, Secret
from hotdesk.connections.ssh_arguments import Arguments, parse_arguments
from hotdesk.errors import InventoryError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.settings import Settings

Checking = Literal["yes", "accept-new", "no"]
CONNECTIONS: dict[str, Literal["ssh", "local"]] = {
    "ssh": "ssh",
    "smart": "ssh",
    "paramiko": "ssh",
    "paramiko_ssh": "ssh",
    "local": "local",
    "ansible.builtin.ssh": "ssh",
    "ansible.builtin.paramiko_ssh": "ssh",
    "ansible.builtin.local": "local",
}
CHECKING: dict[str, Checking] = {
    "yes": "yes",
    "true": "yes",
    "ask": "yes",
    "on": "yes",
    "1": "yes",
    "accept-new": "accept-new",
    "no": "no",
    "false": "no",
    "off": "no",
    "0": "no",
}
# Later names win, as in the plugin's own list.
ADDRESS = ("ansible_host", "ansible_ssh_host")
PORT = ("ansible_port", "ansible_ssh_port")
USER = ("ansible_user", "ansible_ssh_user")
PASSWORD = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
KEY_FILE = ("ansible_private_key_file", "ansible_ssh_private_key_file")
PASSPHRASE = ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase")
KEY_CHECKING = ("ansible_host_key_checking", "ansible_ssh_host_key_checking")
TIMEOUT = ("ansible_timeout", "ansible_ssh_timeout")
ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
UNSUPPORTED = {
    "ansible_private_key": "name a key file with ansible_ssh_private_key_file, or load the key into ssh-agent",
    "ansible_ssh_private_key": "name a key file with ansible_ssh_private_key_file, or load the key into ssh-agent",
    "ansible_ssh_pkcs11_provider": "load the token into ssh-agent with ssh-add -s",
}


def last(variables: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the last of ``names`` that is set to something; None when none is."""
    found = None
    for name in names:
        value = variables.get(name)
        if value is not None and value != "":
            found = value
    return found


def endpoint_for(
    host: str,
    variables: Mapping[str, Any],
    settings: Settings,
    *,
    connection: str | None = None,
    remote_user: str | None = None,
    port: int | None = None,
) -> Endpoint:
    """How to reach inventory host ``host``.

    ``variables`` are rendered; ``connection``, ``remote_user`` and ``port`` are the keywords of play or task.
    Raises InventoryError for a value that is wrong, or an option that exists in OpenSSH or Ansible and not here.
    """
    kind = _kind(host, variables.get("ansible_connection") or connection or settings.connection)
    python = str(variables.get("ansible_python_interpreter") or settings.python_interpreter)
    if kind == "local":
        return Endpoint(host=host, kind="local", python=python)
    for name, remedy in UNSUPPORTED.items():
        if variables.get(name):
            raise InventoryError(f"host {host}: {name} is not supported", remedy=remedy[0].upper() + remedy[1:])
    arguments = _arguments(host, variables, settings)
    user = last(variables, USER) or remote_user or settings.remote_user or arguments.take("User")
    number = last(variables, PORT) or port or settings.remote_port or arguments.take("Port")
    password, passphrase = last(variables, PASSWORD), last(variables, PASSPHRASE)
    key = last(variables, KEY_FILE) or settings.private_key_file
    return Endpoint(
        host=host,
        address=str(last(variables, ADDRESS) or host),
        port=None if number is None else _number(host, "port", number, 1, 65535),
        user=None if user is None else str(user),
        password=_secret(password),
        key_passphrase=_secret(passphrase),
        private_key_files=((str(key),) if key else ()) + arguments.take_all("IdentityFile"),
        ssh_config=arguments.config_files,
        host_key_checking=_checking(host, variables, settings, arguments.take("StrictHostKeyChecking")),
        known_hosts=tuple(word for value in arguments.take_all("UserKnownHostsFile") for word in shlex.split(value)),
        connect_timeout=_timeout(host, variables, settings, arguments.take("ConnectTimeout")),
        keepalive_interval=_seconds(host, "ServerAliveInterval", arguments, settings.keepalive_interval),
        keepalive_count=int(_seconds(host, "ServerAliveCountMax", arguments, settings.keepalive_count)),
        options=arguments.options(),
        python=python,
    )


def _kind(host: str, name: object) -> Literal["ssh", "local"]:
    text = str(name)
    if text not in CONNECTIONS:
        raise InventoryError(
            f"host {host}: connection {text!r} is not supported",
            remedy=nearest(text, CONNECTIONS) or "hotdesk connects with 'ssh' or 'local'.",
        )
    return CONNECTIONS[text]


def _arguments(host: str, variables: Mapping[str, Any], settings: Settings) -> Arguments:
    parsed = Arguments()
    for name in ARGUMENTS:
        given = variables.get(name)
        if given is None and name == "ansible_ssh_args":
            given = settings.ssh_args
        if given:
            parse_arguments(str(given), parsed, where=f"host {host}: {name}")
    return parsed


def _checking(host: str, variables: Mapping[str, Any], settings: Settings, argument: str | None) -> Checking:
    """An explicit "no" wins as in Ansible; else the ``-o`` option, else the variable, else the setting."""
    given = last(variables, KEY_CHECKING)
    explicit = None if given is None else _checking_word(host, KEY_CHECKING[-1], given)
    if explicit == "no":
        return "no"
    if argument is not None:
        return _checking_word(host, "StrictHostKeyChecking", argument)
    return explicit or settings.host_key_checking


def _checking_word(host: str, name: str, value: object) -> Checking:
    text = str(value).lower()
    if text not in CHECKING:
        raise InventoryError(f"host {host}: {name} is {value!r}", remedy="Use yes, accept-new or no.")
    return CHECKING[text]


def _timeout(host: str, variables: Mapping[str, Any], settings: Settings, argument: str | None) -> float:
    given = last(variables, TIMEOUT)
    if given is None:
        given = argument if argument is not None else settings.connect_timeout
    return float(_number(host, "timeout", given, 0.1, 3600))


def _seconds(host: str, option: str, arguments: Arguments, default: float) -> float:
    given = arguments.take(option)
    return default if given is None else float(_number(host, option, given, 0, 86400))


def _number(host: str, what: str, value: object, least: float, most: float) -> int:
    """``value`` as a number in range (connect limits may be fractions: they stay floats)."""
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or not least <= number <= most:
        raise InventoryError(
            f"host {host}: {what} is {value!r}", remedy=f"It has to be a number from {least:g} to {most:g}."
        )
    return cast("int", int(number) if number == int(number) else number)


def _secret(value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    return Secret(str(value))
