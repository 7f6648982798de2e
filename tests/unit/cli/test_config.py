"""``hotdesk config`` shows settings and where they come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hotdesk.cli.config import command
from hotdesk.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with an ansible.cfg."""
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 7\ncow_selection = bunny\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)


def run(*arguments: str) -> str:
    """What the command prints."""
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False).stdout


def test_every_setting_is_shown_with_its_origin(tmp_path: Path) -> None:
    """One per line, with the unit."""
    out = run()
    assert f"forks = 7 hosts  ({tmp_path}/ansible.cfg [defaults] forks)" in out
    assert "lease = 30 s  (default)" in out


def test_only_what_was_changed() -> None:
    """--changed leaves defaults out."""
    out = run("--changed")
    assert "forks" in out
    assert "lease" not in out


def test_spellings_and_what_was_ignored() -> None:
    """-v and -vv."""
    assert "hotdesk.lease, HOTDESK_LEASE" in run("lease", "-v")
    assert "[defaults] cow_selection" in run("-vv")


def test_json_for_tools() -> None:
    """Value, unit and origin."""
    assert json.loads(run("stop_grace", "--json")) == {"stop_grace": {"value": 3.0, "unit": "s", "origin": "default"}}


def test_an_unknown_name_is_an_error_with_the_nearest() -> None:
    """As everywhere."""
    with pytest.raises(UsageError) as found:
        run("laese")
    assert "lease" in found.value.remedy
