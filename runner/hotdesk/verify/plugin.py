"""The pytest plugin of a verification: registers the backend, reports each outcome to the runner, gives tests their fixtures.

Loaded with ``-p hotdesk.verify.plugin`` in a pytest process that the control node's agent started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import testinfra
from testinfra.backend import BACKENDS

from hotdesk.verify.backend import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKENDS["hotdesk"] = "hotdesk.verify.backend.HotdeskBackend"


@pytest.fixture
def variables(host: Any) -> Mapping[str, Any]:
    """The host's variables in the play: inventory, group and play vars, rendered where they can be."""
    answer = Runner.connected().ask({"kind": "variables", "host": host.backend.name})
    found: Mapping[str, Any] = answer["variables"]
    return found


@pytest.fixture
def source(variables: Mapping[str, Any]) -> Any:
    """The PC that the play's sync jobs copy from (``hotdesk_source``, else the control node), as a testinfra host."""
    return testinfra.get_host(f"hotdesk://{variables.get('hotdesk_source') or 'localhost'}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One outcome for each test: of its call, or of the set-up or tear-down that broke."""
    broken = report.failed and report.when != "call"
    if report.when != "call" and not broken and not (report.when == "setup" and report.skipped):
        return
    outcome = "error" if broken else report.outcome
    name, _, parameter = report.nodeid.partition("[")
    detail = "" if outcome == "passed" else str(report.longrepr if outcome != "skipped" else _reason(report.longrepr))
    message = {"kind": "outcome", "test": name, "outcome": outcome, "detail": detail, "seconds": report.duration}
    Runner.connected().send({**message, "parameter": parameter.removesuffix("]")})


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A test file that cannot be loaded is an error of the verification, not a silence."""
    if report.failed:
        Runner.connected().send({"kind": "broken", "test": report.nodeid, "detail": str(report.longrepr)})


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The last word: how many tests there were."""
    Runner.connected().send({"kind": "finished", "tests": session.testscollected, "status": int(exitstatus)})
    Runner.connected().close()
