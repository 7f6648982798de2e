from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.configuration import load_settings
from hotdesk.errors import CheckModeError, InventoryError, Unreachable
from hotdesk.fleet import visit

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.jobs.machine import Machine
    from hotdesk.settings import Settings

INVENTORY = """\
here ansible_connection=local ansible_python_interpreter={python}
gone ansible_host=127.0.0.1 ansible_port=1
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An inventory of this machine and of one that does not answer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").write_text(INVENTORY.format(python=sys.executable))
    return load_settings({"inventory": (str(tmp_path / "inventory"),)})


async def word(machine: Machine) -> str:
    return (await machine.run(["echo", machine.host], change=False)).stdout.decode().strip()


async def test_each_pc_answers_for_itself(settings: Settings) -> None:
    """One that cannot be reached costs the others nothing; they are in the inventory's order."""
    answers: dict[str, Any] = await visit(settings, "all", word, warn=print)
    assert list(answers) == ["here", "gone"]
    assert answers["here"] == "here"
    assert isinstance(answers["gone"], Unreachable)


async def test_only_looking_is_possible(settings: Settings, tmp_path: Path) -> None:
    """Its machines are in check mode: nothing that changes a PC goes this way."""

    async def write(machine: Machine) -> None:
        await machine.write(str(tmp_path / "file"), b"")

    answers = await visit(settings, "here", write, warn=print)
    assert isinstance(answers["here"], CheckModeError)


async def test_a_wrong_pattern_is_told_before_any_pc_is_asked(settings: Settings) -> None:
    """With the nearest name; a limit narrows it."""
    with pytest.raises(InventoryError, match="heer"):
        await visit(settings, "heer", word, warn=print)
    assert list(await visit(settings, "all", word, limit="here", warn=print)) == ["here"]
