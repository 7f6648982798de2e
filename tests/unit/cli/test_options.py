"""Command line options become settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options, settings_from

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.settings import Settings


def given(*words: str) -> Settings:
    """The settings that these words come to."""
    found = []

    @click.command()
    @options(INVENTORY, CONNECTION, RUN)
    def command(**values: Any) -> None:
        found.append(settings_from(values))

    CliRunner().invoke(command, list(words), catch_exceptions=False)
    return found[0]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (("-f", "7"), "forks", 7),
        (("-u", "ann"), "remote_user", "ann"),
        (("-b",), "become", True),
        (("-K",), "become_ask_pass", True),
        (("--become-user", "bob"), "become_user", "bob"),
        (("-C",), "check", True),
        (("-D",), "diff", True),
        (("-T", "2.5"), "connect_timeout", 2.5),
        (("-vvv",), "verbosity", 3),
        (("--accept-new",), "host_key_checking", "accept-new"),
        (("--ssh-common-args", "-o A=b", "--ssh-extra-args", "-o C=d"), "ssh_args", "-o A=b -o C=d"),
        (("--output", "json"), "output", "json"),
        (("-c", "local"), "connection", "local"),
    ],
)
def test_an_option_sets_its_setting(words: tuple[str, ...], name: str, value: object, place: Path) -> None:
    """ansible-playbook's names and meanings."""
    assert getattr(given(*words), name) == value


def test_the_command_line_beats_the_environment_and_that_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its turn; what is not said stays as the one below has it."""
    (place / "ansible.cfg").write_text(
        "[defaults]\nforks = 3\nremote_user = cfg\n[privilege_escalation]\nbecome = true\n"
    )
    monkeypatch.setenv("ANSIBLE_FORKS", "4")
    settings = given("-u", "line")
    assert (settings.forks, settings.remote_user, settings.become) == (4, "line", True)


def test_files_are_taken_from_the_working_directory(place: Path) -> None:
    """Inventories and password files, in the order they were given."""
    settings = given("-i", "a", "-i", "b", "--vault-id", "me@f", "--vault-password-file", "g")
    assert settings.inventory == (f"{place}/a", f"{place}/b")
    assert settings.vault_password_files == (f"me@{place}/f", f"{place}/g")
