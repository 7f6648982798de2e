"""Vault: ansible-vault's format, vault ids, where passwords come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hotdesk.errors import VaultError
from hotdesk.place import Place
from hotdesk.settings import Settings
from hotdesk.source import Map, Trusted, Vaulted
from hotdesk.variables.templates import Templates
from hotdesk.variables.vault import Vault, encrypt, is_encrypted
from hotdesk.variables.vault_passwords import Asking, load_secrets

from .conftest import run_command

BIN = Path(sys.executable).parent


def test_what_is_encrypted_can_be_decrypted() -> None:
    """Formats 1.1 and 1.2, any length."""
    for plain in (b"", b"x", b"x" * 16, "ä\n".encode()):
        assert Vault([("default", b"pw")]).decrypt(encrypt(plain, b"pw")) == plain
        assert Vault([("dev", b"pw")]).decrypt(encrypt(plain, b"pw", vault_id="dev")) == plain


@pytest.mark.skipif(not (BIN / "ansible-vault").exists(), reason="ansible-core is not installed beside hotdesk")
@pytest.mark.ansible
def test_ansible_vault_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    """The same format, both ways."""
    (tmp_path / "pw").write_text("secret\n")
    theirs = subprocess.run(
        [str(BIN / "ansible-vault"), "encrypt_string", "--vault-id", f"dev@{tmp_path}/pw", "hush"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    text = "\n".join(line.strip() for line in theirs.splitlines()[1:])
    assert Vault([("other", b"no"), ("dev", b"secret")]).decrypt(text) == b"hush"
    (tmp_path / "ours").write_text(encrypt(b"hush", b"secret"))
    shown = subprocess.run(
        [str(BIN / "ansible-vault"), "view", "--vault-password-file", str(tmp_path / "pw"), str(tmp_path / "ours")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "hush"


def test_all_secrets_are_tried() -> None:
    """The one of the value's vault id first, but a wrong label does no harm."""
    assert Vault([("a", b"1"), ("b", b"2")]).decrypt(encrypt(b"x", b"2", vault_id="a")) == b"x"


@pytest.mark.parametrize(
    ("secrets", "text", "message"),
    [
        ([("default", b"wrong")], encrypt(b"x", b"pw"), "the vault password does not fit"),
        ([], encrypt(b"x", b"pw"), "no vault secrets found"),
        ([("default", b"pw")], "hello", "not a vaulted value"),
        ([("default", b"pw")], "", "not a vaulted value"),
        ([("default", b"pw")], "$ANSIBLE_VAULT;1.1;AES256\n3\n", "damaged"),
        ([("default", b"pw")], "$ANSIBLE_VAULT;2.0;AES256\n33\n", "is not known"),
        ([("default", b"pw")], encrypt(b"x", b"pw")[:-20], "damaged|fits"),
    ],
)
def test_a_value_that_cannot_be_decrypted_is_an_error(
    secrets: list[tuple[str, bytes]], text: str, message: str
) -> None:
    """One sentence, no traceback of a library."""
    with pytest.raises(VaultError, match=message):
        Vault(secrets).decrypt(text)


async def test_a_vaulted_variable_is_decrypted_when_used() -> None:
    """Anywhere in a container, and only with a password; the place is the value's."""
    value = Vaulted(encrypt(b"{{ hush }}", b"pw"), Place("vars.yml", 2, 3))
    variables = {"v": value, "d": Map({"k": value})}
    templates = Templates(Settings(), vault=Vault([("default", b"pw")]))
    assert (
        await templates.render(Trusted("{{ v }} {{ d.k }} {{ d }}"), variables)
        == "{{ hush }} {{ hush }} {'k': '{{ hush }}'}"
    )
    assert await templates.render({"a": value}, {}) == {"a": "{{ hush }}"}
    with pytest.raises(VaultError) as caught:
        await Templates(Settings()).render(Trusted("{{ v }}"), variables)
    assert caught.value.place == value.place


def test_no_secret_is_shown() -> None:
    """repr names ids only."""
    assert repr(Vault([("dev", b"hunter2")])) == "Vault(dev)"
    assert is_encrypted("$ANSIBLE_VAULT;1.1;AES256\n")


async def test_passwords_come_from_files_programs_and_people(tmp_path: Path) -> None:
    """PATH, ID@PATH, ID@prompt; a program is run, a -client is told the id."""
    (tmp_path / "plain").write_text("one\n")
    for name, body in (("script", "echo two"), ("keys-client", 'echo "three $*"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    sources = [str(tmp_path / "plain"), f"dev@{tmp_path}/script", f"ops@{tmp_path}/keys-client", "me@prompt"]

    async def prompt(_text: str) -> str:
        return "four"

    vault = await load_secrets(sources, Asking(run=run_command, prompt=prompt))
    for password, name in ((b"one", ""), (b"two", "dev"), (b"three --vault-id ops", "ops"), (b"four", "me")):
        assert vault.decrypt(encrypt(b"x", password, vault_id=name)) == b"x"


@pytest.mark.parametrize("source", ["/nowhere/pw", "dev@prompt", "EMPTY", "FAILS"])
async def test_a_missing_password_is_an_error(tmp_path: Path, source: str) -> None:
    """It names the source."""
    (tmp_path / "EMPTY").touch()
    (tmp_path / "FAILS").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "FAILS").chmod(0o755)
    with pytest.raises(VaultError):
        await load_secrets([str(tmp_path / source) if source.isupper() else source], Asking(run=run_command))


async def test_a_template_knows_what_was_vaulted() -> None:
    """``is vault_encrypted`` holds for the variable itself, and not for what is made of it."""
    variables = {"v": Vaulted(encrypt(b"hush", b"pw"))}
    templates = Templates(Settings(), vault=Vault([("default", b"pw")]))
    assert await templates.condition(Trusted("v is vault_encrypted"), variables)
    assert await templates.condition(Trusted("(v ~ '') is not vault_encrypted"), variables)
    assert type(await templates.render(Trusted("{{ v }}"), variables)) is str
