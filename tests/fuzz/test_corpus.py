"""What was once a fault, and what is right, stay so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.doors import DOORS, envelope
from tests.fuzz.grammar import SAME_AS, seeds
from tests.fuzz.judge import judge

CORPUS = sorted(path for path in Path(__file__).with_name("corpus").glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_once_a_fault_is_none(path: Path, tmp_path: Path) -> None:
    """One of our errors, with a place, that a person can act on; or none."""
    judge(DOORS[path.parent.name], path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", sorted(DOORS.keys() - SAME_AS.keys() - {"vault", "frames", "template"}))
def test_what_is_right_is_read(name: str, tmp_path: Path) -> None:
    """The inputs that are spoiled are themselves in order: else only their first mistake would ever be met."""
    assert seeds(name)
    for text in seeds(name):
        assert judge(DOORS[name], text.encode(), tmp_path) is None


def test_the_right_vault_is_opened(tmp_path: Path) -> None:
    """As above, for what is not a file of ``seeds/``."""
    assert judge(DOORS["vault"], envelope().encode(), tmp_path) is None
