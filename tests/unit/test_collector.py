"""The collector is off only inside, and is on again afterwards only if it was on before."""

from __future__ import annotations

import gc

import pytest

from hotdesk.collector import collector_paused


@pytest.mark.parametrize("before", [True, False])
def test_it_is_afterwards_as_it_was(before: bool) -> None:
    """Also when what is inside fails."""
    inside = []

    def fail() -> None:
        with collector_paused():
            inside.append(gc.isenabled())
            raise KeyError

    (gc.enable if before else gc.disable)()
    try:
        with pytest.raises(KeyError):
            fail()
        assert gc.isenabled() == before
    finally:
        gc.enable()
    assert inside == [False]
