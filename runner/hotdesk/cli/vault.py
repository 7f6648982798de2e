"""``hotdesk vault``: vaulted files and values, with ansible-vault's verbs, options and files."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk.aio import use_pidfd_watcher
from hotdesk.cli import vault_files
from hotdesk.cli.control import Control
from hotdesk.cli.editing import edited
from hotdesk.cli.options import VAULT, VERBOSE, options, settings_from
from hotdesk.errors import UsageError, VaultError
from hotdesk.place import Place
from hotdesk.supervise.terminal import ask
from hotdesk.text import safe
from hotdesk.variables.vault import NO_PASSWORD, is_encrypted
from hotdesk.variables.vault import encrypt as encrypted
from hotdesk.variables.vault_passwords import Asking, load_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotdesk.settings import Settings
    from hotdesk.variables.vault import Vault

ENCRYPT_ID = (
    click.option("--encrypt-vault-id", "encrypt_id", metavar="ID", help="Which vault id to encrypt with, if there are several."),
)  # fmt: skip
OUTPUT = (click.option("--output", "output", metavar="FILE", help="Write there, not in place; - is stdout."),)
INDENT = 10
"""Spaces before the lines of a value in YAML, as ansible-vault prints them."""


@click.group("vault")
def command() -> None:
    """Make, read and change vaulted files and values; the files are ansible-vault's."""


@command.command("create")
@options(ENCRYPT_ID, VAULT, VERBOSE)
@click.option("--skip-tty-check", "skip_tty_check", is_flag=True, help="Open the editor without a terminal too.")
@click.argument("file")
def create(file: str, skip_tty_check: bool, **given: Any) -> None:
    """Write a new vaulted FILE with $EDITOR."""
    if not (skip_tty_check or sys.stdout.isatty()):
        raise UsageError("stdout is no terminal, so no editor can be opened", remedy="Or give --skip-tty-check.")
    path = Path(file)
    if path.exists():
        raise UsageError(f"{file} exists already", remedy="Use 'hotdesk vault edit'.")
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory {path.parent}")
    label, password = _password(given)
    vault_files.write_edited(file, encrypted(edited(b"", suffix=path.suffix), password, vault_id=label).encode())


@command.command("edit")
@options(ENCRYPT_ID, VAULT, VERBOSE)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def edit(files: tuple[str, ...], **given: Any) -> None:
    """Change vaulted files with $EDITOR. Vault id and password stay unless --encrypt-vault-id names others."""
    vault = _vault(given)
    for file in files:
        text = _vaulted(file)
        label, password = vault.fitting(text, Place(file))
        if given["encrypt_id"]:
            label, password = vault.password(given["encrypt_id"])
        before = vault.decrypt(text, Place(file))
        after = edited(before, suffix=Path(file).suffix)
        if after != before or given["encrypt_id"]:
            vault_files.write_edited(file, encrypted(after, password, vault_id=label).encode())


@command.command("view")
@options(VAULT, VERBOSE)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def view(files: tuple[str, ...], **given: Any) -> None:
    """Show what is in vaulted files, on a terminal through $PAGER."""
    vault = _vault(given)
    for file in files:
        text = safe(vault.decrypt(_vaulted(file), Place(file)).decode("utf-8", "surrogateescape"))
        if sys.stdout.isatty():
            click.echo_via_pager(text)
        else:
            click.echo(text, nl=not text.endswith("\n"))


@command.command("encrypt")
@options(OUTPUT, ENCRYPT_ID, VAULT, VERBOSE)
@click.argument("files", nargs=-1, metavar="[FILE...]")
def encrypt(files: tuple[str, ...], output: str | None, **given: Any) -> None:
    """Encrypt files in place; without FILE the standard input to the standard output."""
    label, password = _password(given)
    for name, target in _targets(files, output):
        data = vault_files.read(name)
        if is_encrypted(data.decode("utf-8", "replace")):
            raise UsageError(f"{name} is vault-encrypted already")
        vault_files.write(target, encrypted(data, password, vault_id=label).encode())
    _done("Encryption")


@command.command("decrypt")
@options(OUTPUT, VAULT, VERBOSE)
@click.argument("files", nargs=-1, metavar="[FILE...]")
def decrypt(files: tuple[str, ...], output: str | None, **given: Any) -> None:
    """Decrypt files in place; without FILE the standard input to the standard output."""
    vault = _vault(given)
    for name, target in _targets(files, output):
        vault_files.write(target, vault.decrypt(_vaulted(name), Place(name)))
    _done("Decryption")


@command.command("rekey")
@options(ENCRYPT_ID, VAULT, VERBOSE)
@click.option("--new-vault-password-file", "new_file", metavar="FILE", help="File with the new password.")
@click.option("--new-vault-id", "new_id", metavar="ID@SOURCE", help="The new vault id and its password.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def rekey(files: tuple[str, ...], new_file: str | None, new_id: str | None, **given: Any) -> None:
    """Give vaulted files another password. All are decrypted before the first is written."""
    if new_file and new_id:
        raise UsageError("only one of --new-vault-password-file and --new-vault-id can be given")
    vault = _vault(given)
    plain = {file: vault.decrypt(_vaulted(file), Place(file)) for file in files}
    source = {"vault_ids": (new_id,) if new_id else (), "vault_files": (new_file,) if new_file else ()}
    if source["vault_ids"] or source["vault_files"]:
        label, password = _vault({**given, **source, "ask_vault_pass": False}, new=True).newest
        if given["encrypt_id"]:
            label = given["encrypt_id"]
    elif given["encrypt_id"]:
        label, password = vault.password(given["encrypt_id"])
    else:
        label, password = _vault({"ask_vault_pass": True}, new=True).newest
    for file, data in plain.items():
        vault_files.write(file, encrypted(data, password, vault_id=label).encode())
    click.echo("Rekey successful", err=True)


@command.command("encrypt_string")
@options(OUTPUT, ENCRYPT_ID, VAULT, VERBOSE)
@click.option("-p", "--prompt", "prompt", is_flag=True, help="Ask for the string.")
@click.option("--show-input", "show_input", is_flag=True, help="Show what is typed.")
@click.option("-n", "--name", "names", multiple=True, metavar="NAME", help="The variable's name; may be repeated.")
@click.option("--stdin-name", "stdin_name", metavar="NAME", help="Read the string from stdin; the variable's name.")
@click.argument("strings", nargs=-1, metavar="[STRING...]")
def encrypt_string(output: str | None, **given: Any) -> None:
    """Print STRINGs as vaulted YAML values. What stands on a command line can be seen by others: prefer --prompt or stdin."""
    wanted = list(_strings(given))
    label, password = _password(given)
    lines: list[str] = []
    for name, text in wanted:
        lines.append(f"{name}: !vault |" if name else "!vault |")
        lines += [" " * INDENT + line for line in encrypted(text, password, vault_id=label).splitlines()]
    vault_files.write(output or vault_files.STREAM, ("\n".join(lines) + "\n").encode())
    _done("Encryption")


def _strings(given: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(name, text) of what is to be encrypted: typed, from stdin, on the command line. Raises UsageError."""
    words = [word for word in given["strings"] if word != vault_files.STREAM]
    from_stdin = given["stdin_name"] or vault_files.STREAM in given["strings"] or not (words or given["prompt"])
    if given["prompt"] and from_stdin:
        raise UsageError("a string is either asked for or read from stdin")
    if given["prompt"]:
        name = asyncio.run(ask("Variable name (enter for no name): "))
        typed = asyncio.run(ask("String to encrypt: ", echo=given["show_input"]))
        yield name, _not_empty(typed.encode(), "what was typed")
    if from_stdin:
        yield given["stdin_name"] or "", _not_empty(vault_files.read(vault_files.STREAM), "stdin")
    names = (*given["names"], *([""] * len(words)))
    for name, word in zip(names, words, strict=False):
        yield name, _not_empty(word.encode("utf-8", "surrogateescape"), "a string of the command line")


def _not_empty(text: bytes, what: str) -> bytes:
    if not text:
        raise UsageError(f"{what} is empty: there is nothing to encrypt")
    return text


def _targets(files: tuple[str, ...], output: str | None) -> Iterator[tuple[str, str]]:
    """(read from, write to). Raises UsageError."""
    if output and len(files) > 1:
        raise UsageError("--output takes one FILE, not several")
    for name in files or (vault_files.STREAM,):
        yield name, output or name


def _vaulted(name: str) -> str:
    """The text of a file that must be vaulted. Raises UsageError."""
    text = vault_files.read(name).decode("utf-8", "replace")
    if not is_encrypted(text):
        raise UsageError(f"{'stdin' if name == vault_files.STREAM else name} is not vault-encrypted")
    return text


def _password(given: dict[str, Any]) -> tuple[str, bytes]:
    """(vault id, password) to encrypt with. Raises UsageError when it is not clear which."""
    settings = settings_from(given)
    vault = _vault(given, new=True)
    chosen = given["encrypt_id"] or settings.vault_encrypt_identity
    if len(vault.ids) > 1 and not chosen:
        raise UsageError(
            f"there are passwords for the vault ids {', '.join(vault.ids)}", remedy="Choose with --encrypt-vault-id ID."
        )
    return vault.password(chosen)


def _vault(given: dict[str, Any], *, new: bool = False) -> Vault:
    """The passwords of the command line and the settings; without any, one is asked for. Raises VaultError."""
    settings = settings_from(given)
    use_pidfd_watcher()
    return asyncio.run(_loaded(settings, new))


async def _loaded(settings: Settings, new: bool) -> Vault:
    async with AsyncExitStack() as stack:
        control = Control(stack, settings, "vault")
        asking = Asking(run=control.run_text, prompt=_hidden, warn=_warn, default=settings.vault_identity, new=new)
        nothing = not settings.vault_password_files
        return await load_secrets(
            settings.vault_password_files, asking, ask=settings.ask_vault_pass or nothing, match=settings.vault_id_match
        )


async def _hidden(text: str) -> str:
    try:
        return await ask(text, echo=False)
    except UsageError as problem:
        raise VaultError(f"a vault password is needed, and {problem.message}", remedy=NO_PASSWORD) from None


def _warn(text: str) -> None:
    click.echo(safe(f"[WARNING]: {text}"), err=True)


def _done(what: str) -> None:
    if sys.stdout.isatty():
        click.echo(f"{what} successful", err=True)
