"""The fault matrix's table holds together: what the sample takes, and that nothing is left out silently."""

from __future__ import annotations

from tests.matrix.cells import CELLS, cells, sample
from tests.matrix.faults import DEFAULT_LEASE, FAULTS
from tests.matrix.works import WORKS


def test_the_sample_has_every_fault_and_every_kind_of_work() -> None:
    """Each once at least, and few cells more than that."""
    chosen = sample()
    assert {cell.fault.name for cell in chosen} == {fault.name for fault in FAULTS if fault.sampled}
    assert {cell.work.name for cell in chosen} == {work.name for work in WORKS}
    assert len(chosen) <= len(FAULTS) + len(WORKS)


def test_every_fault_and_every_kind_of_work_has_its_cells() -> None:
    """Names are unique, and a fault or kind of work that no cell has would be one that is never tried."""
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names)
    assert {cell.fault.name for cell in cells()} == {fault.name for fault in FAULTS + DEFAULT_LEASE}
    assert {cell.work.name for cell in cells()} == {work.name for work in WORKS}
