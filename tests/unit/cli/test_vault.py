"""``hotdesk vault``: files that ansible-vault reads, and ansible-vault's files; the plain text is nowhere to be found afterwards."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.cli import editing
from hotdesk.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Vault = Callable[..., subprocess.CompletedProcess[str]]

ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"
needs_ansible = pytest.mark.skipif(not ANSIBLE_VAULT.exists(), reason="ansible-core is not installed beside hotdesk")


@pytest.fixture
def vault(hotdesk: Callable[..., subprocess.CompletedProcess[str]], place: Path) -> Vault:
    """``hotdesk vault VERB ...``; the password files pw and pw2 are there, and vars.yml."""
    (place / "pw").write_text("first\n")
    (place / "pw2").write_text("second\n")
    (place / "vars.yml").write_text("pin: geheim\n")

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return hotdesk("vault", *args, **env)

    return run


def ansible(place: Path, *args: str, text: str | None = None) -> str:
    """What the real ansible-vault prints."""
    done = subprocess.run(
        [str(ANSIBLE_VAULT), *args], cwd=place, input=text, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.ansible
@needs_ansible
@pytest.mark.parametrize("ident", ["--vault-password-file=pw", "--vault-id=dev@pw"])
def test_ansible_vault_reads_what_we_made_and_we_its(vault: Vault, place: Path, ident: str) -> None:
    """encrypt and decrypt, with and without a vault id, both ways."""
    vault("encrypt", ident, "vars.yml").check_returncode()
    assert ansible(place, "view", ident, "vars.yml").strip() == "pin: geheim"
    ansible(place, "decrypt", ident, "vars.yml")
    ansible(place, "encrypt", ident, "vars.yml")
    assert vault("view", ident, "vars.yml").stdout == "pin: geheim\n"
    vault("decrypt", ident, "vars.yml").check_returncode()
    assert (place / "vars.yml").read_text() == "pin: geheim\n"


@pytest.mark.ansible
@needs_ansible
def test_a_string_is_printed_as_ansible_vault_prints_it(vault: Vault, place: Path) -> None:
    """The same lines but for the digits; ansible-vault decrypts it."""
    ours = vault("encrypt_string", "--vault-id", "dev@pw", "-n", "db", "hush").stdout
    theirs = ansible(place, "encrypt_string", "--vault-id", "dev@pw", "-n", "db", "hush")
    assert ours.splitlines()[:2] == theirs.splitlines()[:2]
    assert [len(line) for line in ours.splitlines()] == [len(line) for line in theirs.splitlines()]
    body = "\n".join(line.strip() for line in ours.splitlines()[1:])
    assert ansible(place, "decrypt", "--vault-id", "dev@pw", "--output", "-", text=body) == "hush"


@pytest.mark.ansible
@needs_ansible
def test_a_rekeyed_file_opens_with_the_new_password_alone(vault: Vault, place: Path) -> None:
    """By ansible-vault, under the new id."""
    vault("encrypt", "--vault-id", "dev@pw", "vars.yml").check_returncode()
    vault("rekey", "--vault-id", "dev@pw", "--new-vault-id", "ops@pw2", "vars.yml").check_returncode()
    assert (place / "vars.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;ops\n")
    assert ansible(place, "view", "--vault-id", "x@pw2", "vars.yml").strip() == "pin: geheim"
    assert vault("view", "--vault-id", "dev@pw", "vars.yml").returncode == 4


def test_edit_keeps_id_and_password_and_an_unchanged_file(vault: Vault, place: Path) -> None:
    """The editor's change is encrypted again; without one the file stays byte for byte."""
    vault("encrypt", "--vault-id", "dev@pw", "vars.yml").check_returncode()
    before = (place / "vars.yml").read_text()
    vault("edit", "--vault-id", "x@pw2", "--vault-id", "y@pw", "vars.yml", EDITOR="true").check_returncode()
    assert (place / "vars.yml").read_text() == before
    vault("edit", "--vault-id", "x@pw2", "--vault-id", "y@pw", "vars.yml", EDITOR="sed -i s/geheim/neu/")
    assert (place / "vars.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;dev\n")
    assert vault("view", "--vault-id", "dev@pw", "vars.yml").stdout == "pin: neu\n"


def test_create_makes_a_file_only_its_owner_reads(vault: Vault, place: Path) -> None:
    """0600, and only where none is."""
    done = vault("create", "--skip-tty-check", "--vault-password-file", "pw", "new.yml", EDITOR="cp vars.yml")
    done.check_returncode()
    assert (place / "new.yml").stat().st_mode & 0o777 == 0o600
    assert vault("view", "--vault-password-file", "pw", "new.yml").stdout == "pin: geheim\n"
    again = vault("create", "--skip-tty-check", "--vault-password-file", "pw", "new.yml", EDITOR="cp vars.yml")
    assert (again.returncode, "exists already" in again.stderr) == (5, True)


def test_mode_and_link_of_a_file_stay(vault: Vault, place: Path) -> None:
    """A link is followed, not replaced."""
    (place / "vars.yml").chmod(0o640)
    (place / "link.yml").symlink_to("vars.yml")
    vault("encrypt", "--vault-password-file", "pw", "link.yml").check_returncode()
    assert (place / "link.yml").is_symlink()
    assert (place / "vars.yml").stat().st_mode & 0o777 == 0o640
    assert (place / "vars.yml").read_text().startswith("$ANSIBLE_VAULT")


def test_what_was_edited_is_not_lost(vault: Vault, place: Path, tmp_path: Path) -> None:
    """When it cannot be written it is kept, encrypted."""
    (place / "dir").mkdir()
    editor = place / "editor"
    editor.write_text('#!/bin/sh\necho "pin: mine" > "$1"\nrmdir dir\n')
    editor.chmod(0o755)
    env = {"EDITOR": str(editor), "TMPDIR": str(tmp_path)}
    done = vault("create", "--skip-tty-check", "--vault-password-file", "pw", "dir/new.yml", **env)
    assert (done.returncode, "cannot write dir/new.yml: No such file" in done.stderr) == (5, True), done.stderr
    kept = done.stderr[done.stderr.index(str(tmp_path)) :].partition(",")[0]
    assert vault("view", "--vault-password-file", "pw", kept).stdout == "pin: mine\n"


def test_a_pipe_is_written_to_and_not_replaced(vault: Vault, place: Path) -> None:
    """Nor would a device be."""
    os.mkfifo(place / "fifo")
    with subprocess.Popen(["cat", "fifo"], cwd=place, stdout=subprocess.PIPE, text=True) as reader:
        vault("encrypt", "--vault-password-file", "pw", "--output", "fifo", "vars.yml").check_returncode()
        assert reader.communicate(timeout=30)[0].startswith("$ANSIBLE_VAULT")
    assert (place / "fifo").is_fifo()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (
            ("view", "--vault-password-file", "pw2", "secret.yml"),
            4,
            "the vault password does not fit\nOrigin: secret.yml",
        ),
        (("view", "secret.yml"), 4, "a vault password is needed"),
        (("view", "--vault-password-file", "nowhere", "secret.yml"), 4, "there is no vault password file"),
        (("view", "--vault-password-file", "pw", "vars.yml"), 5, "vars.yml is not vault-encrypted"),
        (("view", "--vault-password-file", "pw", "secet.yml"), 5, "Did you mean 'secret.yml'?"),
        (("encrypt", "--vault-password-file", "pw", "secret.yml"), 5, "is vault-encrypted already"),
        (("encrypt", "--vault-id", "a@pw", "--vault-id", "b@pw2", "vars.yml"), 5, "Choose with --encrypt-vault-id"),
        (("encrypt", "--vault-id", "a@pw", "--encrypt-vault-id", "aa", "vars.yml"), 4, "Did you mean 'a'?"),
        (("encrypt_string", "--vault-id", "a@pw", ""), 5, "nothing to encrypt"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    vault: Vault, place: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    """What, where, and what to do; nothing is changed."""
    vault("encrypt", "--vault-password-file", "pw", "--output", "secret.yml", "vars.yml").check_returncode()
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    done = vault(*args)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert before == {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}


def test_a_client_program_is_told_the_id_and_may_not_know_it(vault: Vault, place: Path) -> None:
    """Ansible's protocol: --vault-id ID, exit status 2 for an unknown one."""
    program = place / "keys-client.sh"
    program.write_text('#!/bin/sh\n[ "$2" = dev ] || { echo "no $2 here" >&2; exit 2; }\necho first\n')
    program.chmod(0o755)
    vault("encrypt", "--vault-id", "dev@keys-client.sh", "vars.yml").check_returncode()
    assert vault("view", "--vault-password-file", "pw", "vars.yml").stdout == "pin: geheim\n"
    unknown = vault("view", "--vault-id", "ops@keys-client.sh", "vars.yml")
    assert "has no password for the vault id 'ops': no ops here" in unknown.stderr


def test_the_settings_of_ansible_count(vault: Vault, place: Path) -> None:
    """vault_identity_list, vault_password_file, vault_encrypt_identity and vault_id_match; the command line adds to them."""
    (place / "ansible.cfg").write_text(
        "[defaults]\nvault_identity_list = a@pw, b@pw2, c@elsewhere\nvault_encrypt_identity = b\n"
    )
    done = vault("encrypt", "vars.yml")
    assert "there is no vault password file" in done.stderr  # a warning: others are there
    assert (place / "vars.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;b\n")
    assert vault("view", "vars.yml", ANSIBLE_VAULT_ID_MATCH="yes").stdout == "pin: geheim\n"
    other = vault("view", "vars.yml", ANSIBLE_VAULT_ID_MATCH="yes", ANSIBLE_VAULT_IDENTITY_LIST="x@pw2")
    assert "vault_id_match allows no other" in other.stderr


def test_the_plain_text_is_private_while_it_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In $XDG_RUNTIME_DIR, directory 0700, file 0600, the suffix kept; gone afterwards, also when the editor fails."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nstat -c "%a %n" "$1" "${1%/*}" > seen\necho after > "$1"\nexit $RC\n')
    editor.chmod(0o755)
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path)
    for name, value in (("XDG_RUNTIME_DIR", run), ("EDITOR", editor), ("RC", "0")):
        monkeypatch.setenv(name, str(value))
    assert editing.edited(b"before", suffix=".yml") == b"after\n"
    file, directory = (line.split() for line in (tmp_path / "seen").read_text().splitlines())
    assert (file[0], file[1].endswith(".yml"), directory[0]) == ("600", True, "700")
    assert file[1].startswith(str(run))
    monkeypatch.setenv("RC", "1")
    with pytest.raises(UsageError, match="ended with 1; nothing was written"):
        editing.edited(b"before")
    assert list(run.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_plain_text_first(vault: Vault, place: Path, tmp_path: Path, number: int) -> None:
    """The editor is ended, the directory is gone, the file is as before."""
    vault("encrypt", "--vault-password-file", "pw", "vars.yml").check_returncode()
    before, run = (place / "vars.yml").read_bytes(), tmp_path / "run"
    run.mkdir(mode=0o700)
    os.mkfifo(tmp_path / "ready")
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/ready\nexec sleep 60\n')
    editor.chmod(0o755)
    argv = [sys.executable, "-m", "hotdesk", "vault", "edit", "--vault-password-file", "pw", "vars.yml"]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(run), "EDITOR": str(editor)}
    with subprocess.Popen(argv, env=env, cwd=place) as process:
        text = Path((tmp_path / "ready").read_text().strip())
        assert text.read_text() == "pin: geheim\n"
        process.send_signal(number)
        assert process.wait(30) == 128 + number
    assert list(run.iterdir()) == []
    assert (place / "vars.yml").read_bytes() == before


def test_what_a_killed_edit_left_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid is nobody's any more; that of a living process stays."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"{editing.PREFIX}{dead.pid}-x").mkdir()
    (tmp_path / f"{editing.PREFIX}{os.getpid()}-x").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("EDITOR", "true")
    editing.edited(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [f"{editing.PREFIX}{os.getpid()}-x"]


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
def test_passwords_are_asked_for_and_not_shown(vault: Vault, place: Path) -> None:
    """On the terminal: an old one once, a new one twice, and what is typed stands nowhere."""
    vault("encrypt", "--vault-password-file", "pw", "vars.yml").check_returncode()
    shown = typed(place, ["rekey", "-J", "vars.yml"], "first", "third", "third")
    assert prompts(shown) == ["Vault password: ", "New Vault password: ", "Confirm new Vault password: "]
    assert "third" not in shown
    shown = typed(place, ["view", "vars.yml"], "third")
    assert "pin: geheim" in shown
    shown = typed(place, ["encrypt", "--vault-id", "me@prompt", "pw2"], "one", "other")
    assert prompts(shown) == ["New vault password (me): ", "Confirm new vault password (me): "]
    assert "the vault passwords that were typed differ" in shown
    assert (place / "pw2").read_text() == "second\n"


def prompts(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.endswith(": ")]


def typed(place: Path, args: list[str], *answers: str) -> str:
    """What a terminal shows of ``hotdesk vault`` when its prompts are answered in turn."""
    command = shlex.join([sys.executable, "-m", "hotdesk", "vault", *args])
    argv = ["script", "-qefc", command, "/dev/null"]
    shown, waiting = "", list(answers)
    env = {**os.environ, "PAGER": "cat"}
    with subprocess.Popen(argv, cwd=place, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 4096):
            shown += data.decode()
            if shown.endswith(": ") and waiting:
                process.stdin.write(f"{waiting.pop(0)}\n".encode())
                process.stdin.flush()
    return shown
