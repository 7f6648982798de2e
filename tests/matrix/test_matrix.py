"""A fair sample of the fault matrix; ``make matrix`` runs all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import lab, whole_lab
from tests.matrix.cells import Cell, play_out, sample

if TYPE_CHECKING:
    from tests.lab.lab import Lab

__all__ = ["lab", "whole_lab"]
pytestmark = pytest.mark.lab
SLACK = 3.0
"""Tests run beside each other: what is left after three times its bound stays. The bounds themselves are judged by ``make matrix``."""


@pytest.mark.parametrize("cell", sample(), ids=lambda cell: cell.name)
def test_cell(lab: Lab, cell: Cell) -> None:
    """Nothing outlives its bound, nothing is reported that was not seen, nothing is half, and the next run needs no help."""
    outcome = play_out(cell, lab, slack=SLACK)
    assert outcome.ok, "\n".join([*outcome.problems, outcome.shown])
