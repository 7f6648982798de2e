"""``hotdesk verify``: tests against hosts, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(("path", "code", "line"), [("/", 0, "ok: [here] => "), ("/nowhere", 3, "failed: [here] => ")])
def test_the_outcome_is_the_exit_code(
    path: str, code: int, line: str, place: Path, hotdesk: Callable[..., Any]
) -> None:
    """0 when all hold, 3 when one does not."""
    (place / "test_it.py").write_text(f"def test_it(host):\n    assert host.file({path!r}).exists\n")
    done = hotdesk("verify", "-i", "inventory", "--hosts", "here", "test_it.py")
    assert done.returncode == code, done.stdout + done.stderr
    assert line in done.stdout


def test_tests_that_are_not_there_are_4(hotdesk: Callable[..., Any]) -> None:
    """Before any host is touched."""
    done = hotdesk("verify", "-i", "inventory", "test_nowhere.py")
    assert done.returncode == 4
    assert "test_nowhere.py" in done.stderr
