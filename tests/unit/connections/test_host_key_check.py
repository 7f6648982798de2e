"""Host keys as a real sshd shows them: unknown, changed, revoked, signed; each with its own message and remedy."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncssh
import pytest

from hotdesk import events as ev
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.host_keys import HostKeyFiles
from hotdesk.connections.pool import Pool
from hotdesk.connections.ssh import SSHConnection
from hotdesk.connections.ssh_files import SSHFiles
from hotdesk.errors import HostKeyError
from hotdesk.settings import Settings
from tests.sshd import Sshd, sshd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hotdesk.connections.base import Endpoint

pytestmark = pytest.mark.sshd


def keygen(*args: str) -> str:
    return subprocess.run(["ssh-keygen", *args], check=True, capture_output=True, text=True).stdout


@dataclass
class Host:
    """A running sshd, an authority, and what known_hosts says."""

    directory: Path
    server: Sshd

    @property
    def entry(self) -> str:
        return f"[127.0.0.1]:{self.server.port}"

    def public(self, name: str) -> str:
        return " ".join((self.directory / f"{name}.pub").read_text().split()[:2])

    def fingerprint(self, name: str) -> str:
        return keygen("-lf", str(self.directory / f"{name}.pub")).split()[1]

    def knows(self, *lines: str) -> None:
        self.server.known_hosts.write_text("".join(f"{line}\n" for line in lines))

    def endpoint(self, checking: str = "yes", **variables: object) -> Endpoint:
        settings = replace(Settings(), host_key_checking=checking)  # type: ignore[arg-type]
        return endpoint_for("desk", {**self.server.variables(), **variables}, settings)

    async def connect(self, endpoint: Endpoint | None = None, files: SSHFiles | None = None) -> str:
        """Log in and out; what was told about a new key. Raises HostKeyError."""
        async with await SSHConnection.connect(endpoint or self.endpoint(), files) as connection:
            return connection.accepted

    async def refused(self, endpoint: Endpoint | None = None) -> str:
        """The message and remedy; nothing may have been written."""
        before = self.server.known_hosts.read_text()
        with pytest.raises(HostKeyError) as caught:
            await self.connect(endpoint)
        assert self.server.known_hosts.read_text() == before
        return caught.value.explain()


def make(directory: Path, *sign: str) -> tuple[str, ...]:
    """Keys of a host, of an authority and of a stranger; with ``sign``, the options of ssh-keygen -s, a certificate. sshd's options."""
    directory.mkdir(mode=0o700)
    for name in ("host_key", "ca", "other"):
        keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(directory / name))
    if not sign:
        return ()
    keygen("-q", "-s", str(directory / "ca"), "-I", "the desk", *sign, str(directory / "host_key.pub"))
    return (f"HostCertificate {directory}/host_key-cert.pub",)


@pytest.fixture
async def host(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """An sshd whose host certificate is made with the options of ``@signed(...)``; without them it has none."""
    directory = tmp_path / "sshd"
    options = make(directory, *getattr(request, "param", ()))
    async with sshd(directory, *options) as server:
        yield Host(directory, server)


def signed(*options: str) -> pytest.MarkDecorator:
    """The host certificate of the test's sshd."""
    return pytest.mark.parametrize("host", [options], indirect=True)


VALID = ("-h", "-n", "127.0.0.1,desk.lab", "-V", "-1d:+1d")


async def test_an_unknown_key_is_refused_with_fingerprint_and_remedy(host: Host) -> None:
    """What to compare, and both ways to go on."""
    host.knows()
    text = await host.refused()
    assert f"the host key of {host.entry} is not known: ssh-ed25519 {host.fingerprint('host_key')}" in text
    assert f"ssh-keyscan -p {host.server.port} 127.0.0.1 >> {host.server.known_hosts}" in text
    assert "--accept-new" in text


async def test_a_changed_key_is_refused_even_with_accept_new(host: Host) -> None:
    """Both fingerprints, file and line, the command that forgets the old one; that command works."""
    host.knows("# a comment", f"{host.entry} {host.public('other')}")
    text = await host.refused(host.endpoint("accept-new"))
    assert f"{host.server.known_hosts}:2 says ssh-ed25519 {host.fingerprint('other')}" in text
    assert f"{host.entry} shows ssh-ed25519 {host.fingerprint('host_key')}" in text
    command = text[text.index("ssh-keygen -f") :].splitlines()[0]
    subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: ASYNC221 - nothing else is under way
    assert "was not known and has been accepted" in await host.connect(host.endpoint("accept-new"))


async def test_another_kind_of_key_is_a_changed_one(host: Host) -> None:
    """The server has none of the kind that is known: it is asked for what it has."""
    keygen("-q", "-t", "ecdsa", "-N", "", "-f", str(host.directory / "ecdsa"))
    host.knows(f"{host.entry} {host.public('ecdsa')}")
    assert "the host key has changed" in await host.refused()


async def test_hashed_names_are_found(host: Host) -> None:
    """As ``HashKnownHosts yes`` writes them: good, and changed with its line."""
    for key in ("host_key", "other"):
        host.knows(f"{host.entry} {host.public(key)}")
        keygen("-H", "-f", str(host.server.known_hosts))
        assert host.entry not in host.server.known_hosts.read_text()
        if key == "host_key":
            assert await host.connect() == ""
        else:
            assert f"{host.server.known_hosts}:1 says" in await host.refused()


@pytest.mark.parametrize("checking", ["yes", "accept-new"])
async def test_a_revoked_key_is_refused_whatever_else_is_known(host: Host, checking: str) -> None:
    """With the line that revokes it."""
    host.knows(f"{host.entry} {host.public('host_key')}", f"@revoked * {host.public('host_key')}")
    text = await host.refused(host.endpoint(checking))
    assert f"is revoked by {host.server.known_hosts}:2: ssh-ed25519 {host.fingerprint('host_key')}" in text
    assert "ssh-keygen -A" in text


async def test_accept_new_writes_and_tells(host: Host) -> None:
    """Never silently: the fingerprint is told; the next connection is as strict as any."""
    host.knows()
    told = await host.connect(host.endpoint("accept-new"))
    assert host.fingerprint("host_key") in told
    assert host.server.known_hosts.read_text() == f"{host.entry} {host.public('host_key')}\n"
    assert await host.connect() == ""


async def test_check_mode_accepts_for_the_run_and_writes_nothing(host: Host) -> None:
    """It says so; another key at that name later in the run is a changed one."""
    host.knows()
    files = SSHFiles(host_keys=HostKeyFiles(writable=False))
    assert "for this run only, since check mode writes nothing" in await host.connect(
        host.endpoint("accept-new"), files
    )
    assert await host.connect(host.endpoint("accept-new"), files) == ""
    assert host.server.known_hosts.read_text() == ""
    files.host_keys.accepted = dict.fromkeys(
        files.host_keys.accepted, asyncssh.read_public_key(host.directory / "other.pub")
    )
    with pytest.raises(HostKeyError, match="another one than earlier in this run"):
        await host.connect(host.endpoint("accept-new"), files)


async def test_a_run_in_check_mode_leaves_known_hosts_alone(host: Host) -> None:
    """The pool of a run knows that it is in check mode; what was accepted, or is not checked, is a warning once."""
    host.knows()
    events: list[ev.Event] = []
    async with Pool(replace(Settings(), check=True), run="r", on_event=events.append) as pool:
        await pool.connection(host.endpoint("accept-new"))
    assert host.server.known_hosts.read_text() == ""
    async with Pool(Settings(), run="r", on_event=events.append) as pool:
        await pool.connection(host.endpoint("no"))
        await pool.connection(host.endpoint("no", ansible_ssh_timeout=9))
    warned = [event.text for event in events if isinstance(event, ev.Warned)]
    assert len(warned) == 2
    assert "for this run only" in warned[0]
    assert "host keys are not checked" in warned[1]


@signed(*VALID)
async def test_a_certificate_of_a_known_authority_is_enough(host: Host) -> None:
    """By @cert-authority, for the name without its port too; nothing is written and nothing told."""
    host.knows(f"@cert-authority 127.0.0.* {host.public('ca')}")
    assert await host.connect(host.endpoint("accept-new")) == ""
    host.knows(f"@cert-authority *.lab {host.public('ca')}")
    arguments = str(host.server.variables()["ansible_ssh_common_args"]) + " -o HostKeyAlias=desk.lab"
    assert await host.connect(host.endpoint(ansible_ssh_common_args=arguments)) == ""


@signed("-h", "-n", "desk-?.lab,127.*", "-V", "-1d:+1d")
async def test_a_certificate_may_be_for_a_pattern_of_names(host: Host) -> None:
    """As OpenSSH reads principals of hosts."""
    host.knows(f"@cert-authority * {host.public('ca')}")
    assert await host.connect() == ""


@signed(*VALID)
async def test_a_certificate_of_an_unknown_authority_is_a_plain_key(host: Host) -> None:
    """Known: good. Unknown: the authority is named too; accept-new takes the key, as ssh does."""
    host.knows(f"{host.entry} {host.public('host_key')}")
    assert await host.connect() == ""
    host.knows()
    text = await host.refused()
    assert f"nor is the authority that signed it: ssh-ed25519 {host.fingerprint('ca')}" in text
    assert f"@cert-authority 127.0.0.1 {host.public('ca')}" in text
    assert "has been accepted" in await host.connect(host.endpoint("accept-new"))


@pytest.mark.parametrize("checking", ["yes", "accept-new"])
@pytest.mark.parametrize(
    ("host", "wrong", "remedy"),
    [
        (("-h", "-n", "127.0.0.1", "-V", "20200101:20200201"), "expired on 2020-0", "signed again"),
        (("-h", "-n", "127.0.0.1", "-V", "20990101:20990201"), "is not valid before 20", "clock"),
        (
            ("-h", "-n", "atlas,vega.lab", "-V", "-1d:+1d"),
            "is for atlas, vega.lab, not for 127.0.0.1",
            "HostKeyAlias=atlas",
        ),
    ],
    indirect=["host"],
)
async def test_a_bad_certificate_is_refused_with_its_fault(host: Host, wrong: str, remedy: str, checking: str) -> None:
    """What is wrong with it, who signed it and which line trusts that; a new key is not accepted instead."""
    host.knows(f"@cert-authority * {host.public('ca')}")
    text = await host.refused(host.endpoint(checking))
    assert f"signed by ssh-ed25519 {host.fingerprint('ca')} ({host.server.known_hosts}:1)" in text
    assert wrong in text
    assert remedy in text
    host.knows(f"@cert-authority * {host.public('ca')}", f"{host.entry} {host.public('host_key')}")
    assert await host.connect() == ""  # the key itself is known: the certificate does not matter, as with ssh


@signed(*VALID)
async def test_a_revoked_authority_signs_nothing(host: Host) -> None:
    """Nor does a certificate help a revoked key."""
    host.knows(f"@cert-authority * {host.public('ca')}", f"@revoked * {host.public('ca')}")
    assert "the authority that signed its host key" in await host.refused()
    host.knows(f"@cert-authority * {host.public('ca')}", f"@revoked * {host.public('host_key')}")
    assert f"the host key of {host.entry} is revoked" in await host.refused()


@pytest.mark.parametrize("checking", ["yes", "accept-new"])
async def test_a_plain_key_where_a_certificate_is_expected_is_refused(host: Host, checking: str) -> None:
    """Accepting it would let anybody pass by the authority."""
    host.knows(f"@cert-authority * {host.public('ca')}")
    text = await host.refused(host.endpoint(checking))
    assert f"{host.server.known_hosts}:1 wants a certificate" in text
    assert "HostCertificate" in text
