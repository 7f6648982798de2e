"""What the benchmark says of what it has measured."""

from __future__ import annotations

import pytest

from tests.bench import table
from tests.bench.__main__ import PARTS, _compared
from tests.bench.measured import Measured, run
from tests.bench.works import commands
from tests.pages import replaced

RECAP = "h1 : ok={}   changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0\n"


def test_the_page_has_a_place_for_each_part() -> None:
    """Between markers of its name."""
    page = table.PAGE.read_text(encoding="utf-8")
    for part in PARTS:
        assert "\nNEW\n" in replaced(page, {f"make bench {part}": "NEW"})


def test_a_missed_aim_is_told() -> None:
    """In bold, with whom; one that is met is just named; nothing where nothing is aimed at."""
    assert table.judged(9.9, 10, "pyinfra") == "**10x pyinfra: missed**"
    assert table.judged(10.0, 10, "pyinfra") == "10x pyinfra"
    assert table.judged(0.1, None) == ""


def test_a_table_is_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines are also printed as they come."""
    made = table.Table(("what", "seconds"), "Of one run.")
    made.add("all", "1.0")
    assert made.text == "| what | seconds |\n| --- | --- |\n| all | 1.0 |\n\nOf one run."
    assert "| all | 1.0 |" in capsys.readouterr().out


def test_who_has_done_something_else_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A peer with another recap, and hotdesk itself when it has not done all of the work."""
    work = commands(2, (1,), {})
    good, other = (Measured(1.0, 1.0, 1.0, RECAP.format(count)) for count in (2, 1))
    assert _compared(work, {"hotdesk": good, "ansible": good, "bare": Measured(1.0, 1.0, 1.0, "")}) == 0
    assert _compared(work, {"hotdesk": good, "ansible": other}) == 1
    assert _compared(work, {"hotdesk": other, "ansible": other}) == 1
    assert "ANOTHER RECAP: ansible" in capsys.readouterr().out


def test_a_process_is_measured_alone() -> None:
    """Its memory is not that of whoever started it; a failure has its words."""
    done = run(["sh", "-c", "echo out; echo err >&2"])
    assert done.output == "out\nerr\n"
    assert 0 < done.memory < 20  # MiB; this process has more
    with pytest.raises(SystemExit, match=r"(?s)ended with 3:\nno"):
        run(["sh", "-c", "echo no; exit 3"])
