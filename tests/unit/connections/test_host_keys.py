from __future__ import annotations

import asyncio
import base64
import hmac
from typing import TYPE_CHECKING

import asyncssh
import pytest

from hotdesk.connections.host_keys import HostKeyFiles, KnownHosts, Line, remember
from hotdesk.errors import HostKeyError

if TYPE_CHECKING:
    from pathlib import Path

KEY = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
OTHER = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


def known(*texts: str) -> KnownHosts:
    return KnownHosts(Line("kh", number, text) for number, text in enumerate(texts, 1))


def test_names_ports_and_patterns_match() -> None:
    """Plain, bracketed with port, wildcard; a port's entry is not that of another port."""
    entries = known(f"desk {public(KEY)}", f"[desk]:2222 {public(OTHER)}", f"*.lab {public(KEY)}")
    assert entries.trust("desk", "", 22).keys == (KEY,)
    assert entries.trust("desk", "", 2222).keys == (OTHER,)
    assert entries.trust("a.lab", "", 22).keys == (KEY,)
    assert entries.trust("desk", "", 2223).keys == ()


def test_hashed_names_match() -> None:
    """As ssh-keygen -H writes them."""
    salt = b"x" * 20
    digest = hmac.digest(salt, b"[desk]:2222", "sha1")
    line = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {public(KEY)}"
    assert known(line).trust("desk", "", 2222).keys == (KEY,)


def test_markers_are_kept_apart() -> None:
    """Authorities and revoked keys are no host keys."""
    trust = known(f"@cert-authority * {public(KEY)}", f"@revoked * {public(OTHER)}").trust("desk", "", 22)
    assert (trust.keys, trust.authorities, trust.revoked) == ((), (KEY,), (OTHER,))


def test_a_broken_line_is_passed_over() -> None:
    """One bad line does not lock everybody out."""
    assert known("rubbish", f"desk {public(KEY)}", "@what x y").trust("desk", "", 22).keys == (KEY,)


def test_a_changed_key_is_never_written(tmp_path: Path) -> None:
    """Also when the other one came in between."""
    file = tmp_path / "known_hosts"
    remember(file, "desk", 22, OTHER)
    with pytest.raises(HostKeyError, match="meanwhile"):
        remember(file, "desk", 22, KEY)
    assert public(KEY) not in file.read_text()


async def test_many_new_hosts_at_once_all_arrive(tmp_path: Path) -> None:
    """Appending is locked: no line is lost or torn."""
    file = tmp_path / "known_hosts"
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(asyncio.to_thread(remember, file, f"host{number}", 22, KEY))
    entries = KnownHosts.read([str(file)])
    assert all(entries.trust(f"host{number}", "", 22).keys == (KEY,) for number in range(20))


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    """And only then."""
    file = tmp_path / "known_hosts"
    files = HostKeyFiles()
    names = (str(file),)
    assert files.known(names) is files.known(names)
    remember(file, "desk", 22, KEY)
    assert files.known(names).trust("desk", "", 22).keys == (KEY,)


def test_a_written_key_is_private_and_found_again(tmp_path: Path) -> None:
    """0600 in a directory 0700, after a last line without newline, once."""
    file = tmp_path / "new" / "known_hosts"
    for _ in range(2):
        remember(file, "desk", 2222, KEY)
    assert file.read_text() == f"[desk]:2222 {public(KEY)}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.write_text("# no newline at the end")
    remember(file, "desk", 2222, KEY)
    assert file.read_text().splitlines()[1] == f"[desk]:2222 {public(KEY)}"


def test_authorities_and_revocations_hold_on_every_port() -> None:
    """As with ssh, which looks a host up without its port too; a plain key is that of its port alone."""
    entries = known(f"@cert-authority *.lab {public(KEY)}", f"@revoked *.lab {public(OTHER)}", f"a.lab {public(KEY)}")
    trust = entries.trust("a.lab", "", 2222)
    assert (trust.keys, trust.authorities, trust.revoked) == ((), (KEY,), (OTHER,))
