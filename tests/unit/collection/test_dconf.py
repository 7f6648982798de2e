from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.jobs import Change
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/dconf.py")
parse = sys.modules[CLASS.__module__].parse
HERE = "[org/lab]\nname='a=b'\nauth-password='secret'\nlist=['[x]']\n\n[/]\ntop=1\n"


@pytest.fixture
def changes(jobs: JobRun, make_machine: MakeMachine) -> Callable[..., list[Change]]:
    """``changes(here, there, locks, ...)``: what the job would do to anna's settings, given two dumps."""

    def make(here: str, there: str, locks: tuple[str, ...] = (), **args: Any) -> list[Change]:
        job: Any = jobs.job(CLASS, {"system": False, **args}, make_machine("atlas"), make_machine("vega"))
        job._own, job._warnings = {"anna": (parse(here), parse(there), frozenset(locks))}, []
        return [change for change, _ in job._changes()]

    return make


def test_a_dump_is_read_as_dconf_writes_it() -> None:
    """Values may hold brackets and equals signs; the topmost folder is /."""
    assert parse(HERE) == {
        "/org/lab/": {"name": "'a=b'", "auth-password": "'secret'", "list": "['[x]']"},
        "/": {"top": "1"},
    }


def test_what_differs_is_set_folder_by_folder(changes: Callable[..., list[Change]]) -> None:
    """Old and new values are told, except of keys that are named like secrets."""
    found = changes(HERE, "[org/lab]\nname='old'\n")
    assert [change.id for change in found] == ["set anna /", "set anna /org/lab/"]
    assert "name 'old' -> 'a=b'" in found[1].detail
    assert "auth-password unset -> (hidden)" in found[1].detail
    assert "secret" not in repr(found)
    assert changes(HERE, HERE) == []


def test_a_secret_is_in_no_digest(changes: Callable[..., list[Change]]) -> None:
    """Two passwords give the same digest."""
    (one,) = changes("[a]\npassword='x'\n", "")
    (other,) = changes("[a]\npassword='y'\n", "")
    assert one.after == other.after


@pytest.mark.parametrize("pattern", ["/org/lab/", "/org/", "/org/lab/name", "*/na*"])
def test_what_is_excluded_is_neither_set_nor_reset(changes: Callable[..., list[Change]], pattern: str) -> None:
    """A folder, one above it, a key, a pattern."""
    assert changes("[org/lab]\nname=1\n", "", exclude=[pattern]) == []
    assert changes("", "[org/lab]\nname=1\n", exclude=[pattern], delete=True) == []


def test_locked_keys_stay(changes: Callable[..., list[Change]]) -> None:
    """Neither set nor reset."""
    assert changes("[a]\nb=1\n", "[a]\nb=2\n", ("/a/b",)) == []
    assert changes("", "[a]\nb=2\n", ("/a/b",), delete=True) == []


def test_what_only_the_target_sets_is_reset_on_request(changes: Callable[..., list[Change]]) -> None:
    """As a change that takes something away."""
    assert changes("", "[a]\nb=2\n") == []
    (found,) = changes("", "[a]\nb=2\n", delete=True)
    assert (found.id, found.destructive) == ("reset anna /a/", True)
