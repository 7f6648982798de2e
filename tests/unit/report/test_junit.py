"""The JUnit report."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hotdesk import events as ev
from hotdesk.redaction import Redaction
from hotdesk.report.junit import JUnit
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from pathlib import Path


def test_tasks_and_verification_become_cases_of_their_host(tmp_path: Path) -> None:
    """A suite per host counts failures and skips; control characters do not break the XML."""
    report = JUnit(Redaction())
    report(ev.TaskStarted(task="t", name="do", action="x"))
    report(ev.TaskFinished(task="t", host="a", result=failure("no \x00 way"), duration=1.5))
    report(ev.TaskFinished(task="t", host="b", result=Result(skipped=True)))
    report(ev.Verified(host="b", test="test_x", outcome="failed", detail="assert 1 == 2", seconds=0.1))
    report.write(tmp_path / "out.xml")
    suites = {suite.get("name"): suite for suite in ElementTree.parse(tmp_path / "out.xml").getroot()}
    assert (suites["a"].get("tests"), suites["a"].get("failures")) == ("1", "1")
    assert (suites["b"].get("tests"), suites["b"].get("failures"), suites["b"].get("skipped")) == ("2", "1", "1")
