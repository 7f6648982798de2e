"""What may be a password on the command line: neither in the run log nor in ``ps``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hotdesk.cli.command_line import command_line


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["play", "-e", "pw=secret", "a.yml"], "play -e ... a.yml"),
        (["play", "-epw=secret", "a.yml"], "play -e... a.yml"),
        (["play", "--extra-vars", "pw=secret", "a.yml"], "play --extra-vars ... a.yml"),
        (["play", "--extra-vars=pw=secret", "a.yml"], "play --extra-vars=... a.yml"),
        (["play", "-vvCe", "pw=secret", "a.yml"], "play -vvCe ... a.yml"),
        (["play", "-vvepw=secret", "a.yml"], "play -vve... a.yml"),
        (["play", "-e", "@vars.yml", "-e@more.yml", "a.yml"], "play -e @vars.yml -e@more.yml a.yml"),
        (["play", "-lweb", "-i", "-", "a.yml"], "play -lweb -i - a.yml"),
        (["run", "all", "-ba", "login secret", "-m", "shell"], "run all -ba ... -m shell"),
        (["run", "all", "--args=login secret"], "run all --args=..."),
        (["vault", "encrypt_string", "-n", "pw", "secret", "more"], "vault encrypt_string -n ... ... ..."),
    ],
)
def test_what_may_be_a_password_is_left_out(words: list[str], kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is written."""
    monkeypatch.setattr(sys, "argv", ["hotdesk", *words])
    assert " ".join(command_line()) == f"hotdesk {kept}"


def test_ps_shows_dots_and_the_program_sees_the_words(tmp_path: Path) -> None:
    """The words of the process are overwritten, not what Python has read of them."""
    program = (
        "import sys; from hotdesk.cli.command_line import hide_from_ps; hide_from_ps();"
        "print(open('/proc/self/cmdline').read(), sys.argv[1:])"
    )
    words = ["play", "-e", "pw=hunter2é", "-vepw=x", "a.yml"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    shown, _, seen = done.stdout.rpartition("\0")
    assert shown.split("\0")[-5:] == ["play", "-e", "." * 12, "-ve....", "a.yml"]
    assert seen.strip() == str(words)


def test_hotdesk_hides_them_before_anything_else(place: Path) -> None:
    """Looked at from outside while its command waits."""
    os.mkfifo(place / "fifo")
    words = ["run", "here", "-i", "inventory", "-a", "cat fifo", "-e", "pw=hunter22", "--output=plain"]
    with subprocess.Popen([sys.executable, "-m", "hotdesk", *words], stdout=subprocess.DEVNULL) as process:
        with (place / "fifo").open("w"):  # opens when it is read
            shown = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
        assert process.wait(30) == 0
    assert shown[-9:-1] == ["run", "here", "-i", "inventory", "-a", "." * 8, "-e", "." * 11, "--output=plain"][1:]
