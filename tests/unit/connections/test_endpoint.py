from __future__ import annotations

from typing import Any

import pytest

from hotdesk.connections.base import Endpoint, Secret
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.errors import InventoryError
from hotdesk.settings import Settings


def made(settings: Settings | None = None, **variables: Any) -> Endpoint:
    return endpoint_for("desk", variables, settings or Settings())


def test_without_variables_it_is_the_name() -> None:
    """The inventory name is the address; user and port are left to ssh_config."""
    endpoint = made()
    assert (endpoint.address, endpoint.port, endpoint.user, endpoint.kind) == ("desk", None, None, "ssh")


def test_variables_win_over_keywords_and_settings() -> None:
    """And what stands in ssh arguments comes last."""
    settings = Settings(remote_user="setting", remote_port=1)
    variables = {"ansible_user": "variable", "ansible_ssh_common_args": "-o User=argument -p 4"}
    endpoint = endpoint_for("desk", variables, settings, remote_user="keyword", port=3)
    assert (endpoint.user, endpoint.port) == ("variable", 3)
    assert made(Settings(), ansible_ssh_common_args="-l argument -p4").user == "argument"


def test_the_older_spelling_wins_as_in_ansible() -> None:
    """ansible_ssh_host beats ansible_host: the plugin's last name wins."""
    assert made(ansible_host="new", ansible_ssh_host="old").address == "old"


def test_arguments_are_read_as_ssh_reads_them() -> None:
    """Glued and separate values, quoting, flags, repeated options."""
    endpoint = made(
        ansible_ssh_args="-C -o ControlMaster=auto -o ControlPersist=60s -4A",
        ansible_ssh_common_args="-J gate,inner -oForwardAgent=no -i ~/k1 -F 'my config' -o \"UserKnownHostsFile=/a /b\"",
        ansible_ssh_extra_args="-o 'IdentityFile ~/k2' -o ServerAliveInterval=7 -o ConnectTimeout=4",
    )
    assert endpoint.private_key_files == ("~/k1", "~/k2")
    assert endpoint.ssh_config == ("my config",)
    assert endpoint.known_hosts == ("/a", "/b")
    assert dict(endpoint.options) == {"AddressFamily": "inet", "ForwardAgent": "yes", "ProxyJump": "gate,inner"}
    assert (endpoint.keepalive_interval, endpoint.connect_timeout) == (7, 4)


def test_a_proxy_command_keeps_its_words() -> None:
    """Its quoting belongs to the command."""
    endpoint = made(ansible_ssh_common_args="-o ProxyCommand=\"ssh -W '%h:%p' gate\"")
    assert dict(endpoint.options)["ProxyCommand"] == "ssh -W '%h:%p' gate"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ansible_ssh_common_args": "-o ProxyJmp=x"}, "ProxyJmp"),
        ({"ansible_ssh_extra_args": "-D 1080"}, "-D"),
        ({"ansible_ssh_args": "gate"}, "gate"),
        ({"ansible_ssh_args": "-o 'unbalanced"}, "quotation"),
        ({"ansible_port": "ssh"}, "port"),
        ({"ansible_port": 70000}, "70000"),
        ({"ansible_connection": "winrm"}, "winrm"),
        ({"ansible_ssh_private_key": "-----BEGIN"}, "ansible_ssh_private_key"),
        ({"ansible_host_key_checking": "maybe"}, "maybe"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(variables: dict[str, Any], message: str) -> None:
    """Before any host is touched, naming host and option."""
    with pytest.raises(InventoryError, match="desk") as caught:
        made(**variables)
    assert message in caught.value.explain()


def test_the_nearest_spelling_is_named() -> None:
    """Of an -o option."""
    with pytest.raises(InventoryError) as caught:
        made(ansible_ssh_common_args="-o ProxyJmp=x")
    assert "ProxyJump" in caught.value.remedy


@pytest.mark.parametrize(
    ("variables", "setting", "expected"),
    [
        ({}, "yes", "yes"),
        ({}, "accept-new", "accept-new"),
        ({"ansible_host_key_checking": False}, "yes", "no"),
        ({"ansible_ssh_host_key_checking": "true"}, "no", "yes"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}, "yes", "accept-new"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes", "ansible_host_key_checking": "no"}, "yes", "no"),
    ],
)
def test_host_key_checking(variables: dict[str, Any], setting: Any, expected: str) -> None:
    """A "no" of the variable wins; then the option, the variable, the setting."""
    assert made(Settings(host_key_checking=setting), **variables).host_key_checking == expected


def test_local_needs_nothing_else() -> None:
    """Two local hosts differ by name and interpreter only."""
    endpoint = made(ansible_connection="local", ansible_host="ignored", ansible_python_interpreter="/p")
    assert endpoint == Endpoint(host="desk", kind="local", python="/p")


def test_a_password_is_never_shown() -> None:
    """Not in the repr of the endpoint."""
    endpoint = made(ansible_ssh_pass="hunter2", ansible_ssh_private_key_passphrase="hunter3")
    assert endpoint.password == Secret("hunter2")
    assert "hunter" not in repr(endpoint)
