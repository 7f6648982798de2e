"""The test of what sync jobs have left to be expected of a host (``Expectation``, docs/writing-a-job.md): run by ``hotdesk verify --jobs``.

Everything of one kind is looked at together, by a few commands on each host: there are thousands of expectations.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from testinfra.host import Host

from hotdesk.verify.backend import HotdeskBackend, Runner
from hotdesk.verify.looking import KINDS, differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case for each expectation of each host, the host in front of its id as testinfra has it."""
    cases = []
    for url in metafunc.config.getoption("hosts").split(","):
        host = url.removeprefix("hotdesk://")
        for user, kind, expectations in _of(host):
            cases += [
                pytest.param(host, user, kind, each, id=f"{url}-{kind} {each['subject']}") for each in expectations
            ]
    metafunc.parametrize(("host_name", "user", "kind", "expectation"), cases)


def test_expected(host_name: str, user: str, kind: str, expectation: Mapping[str, Any]) -> None:
    """It is as the sync left it."""
    found = _found(host_name, user, kind)[expectation["subject"]]
    if drift := differences(expectation["value"], found):
        pytest.fail("; ".join(drift), pytrace=False)


@functools.cache
def _of(host: str) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """(user, kind, expectations) of a host."""
    out: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for step in Runner.connected().ask({"kind": "expectations", "host": host})["steps"]:
        for each in step["expectations"]:
            out.setdefault((step["user"], each["kind"]), []).append(each)
    return [(user, kind, each) for (user, kind), each in out.items()]


@functools.cache
def _found(host: str, user: str, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Subject -> what is there now."""
    if kind not in KINDS:
        pytest.fail(f"{kind!r} is no kind of expectation; there are {', '.join(KINDS)}", pytrace=False)
    wanted: Sequence[Mapping[str, Any]] = next(each for u, k, each in _of(host) if (u, k) == (user, kind))
    try:
        return KINDS[kind](Host(HotdeskBackend(host, user=user)), wanted)
    except RuntimeError as exc:  # the host cannot be asked
        pytest.fail(str(exc), pytrace=False)
