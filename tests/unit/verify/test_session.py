"""Verification with the real pytest and testinfra, over machines that run commands here."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.machines import RUN

from hotdesk.connections.base import Endpoint
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LinkLost, PlaybookError
from hotdesk.events import Event, Verified
from hotdesk.jobs.machine import Machine
from hotdesk.verify.session import Verification, find_tests, verify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


@asynccontextmanager
async def verification(
    tests: Path, hosts: tuple[str, ...], seen: list[Event], **changes: Any
) -> AsyncIterator[Verification]:
    """A verification whose hosts are all this machine."""
    connection = LocalConnection(Endpoint(host="localhost", kind="local"))
    link = await Link.start(connection, run=RUN)
    try:
        machine = Machine(link, host="localhost", task="verify", check=False, emit=seen.append)

        async def machine_for(host: str) -> Machine:
            if host == "gone":
                raise LinkLost("the link is gone")
            return machine

        async def variables_for(host: str) -> Mapping[str, Any]:
            return {"wanted": f"value of {host}"}

        yield Verification(
            files=(tests,),
            hosts=hosts,
            control=machine,
            machine_for=machine_for,
            variables_for=variables_for,
            emit=seen.append,
            **changes,
        )
    finally:
        await link.aclose()
        await connection.aclose()


def write(directory: Path, text: str) -> Path:
    """A test file."""
    path = directory / "test_state.py"
    path.write_text(text)
    return path


def outcomes(seen: list[Event]) -> set[tuple[str, str, str]]:
    """(host, test, outcome) of each."""
    return {(event.host, event.test.partition("::")[2], event.outcome) for event in seen if isinstance(event, Verified)}


async def test_each_test_on_each_host_is_an_event(tmp_path: Path) -> None:
    """passed, failed with the reason, skipped, error in a fixture; commands run over the machine given."""
    tests = write(
        tmp_path,
        """
import pytest

def test_good(host):
    assert host.check_output("echo %s", "it's here") == "it's here"

def test_bad(host):
    assert host.file("/nonexistent").exists, "it is not there"

def test_not_now(host):
    pytest.skip("later")

@pytest.fixture
def broken():
    raise RuntimeError("no set-up")

def test_never(host, broken):
    pass

@pytest.mark.parametrize("case", ["a", "b"])
def test_variables(host, variables, case):
    assert variables["wanted"].startswith("value of ")
""",
    )
    seen: list[Event] = []
    async with verification(tests, ("vega", "lyra"), seen) as this:
        await verify(this)
    expected = {("test_good", "passed"), ("test_bad", "failed"), ("test_not_now", "skipped"), ("test_never", "error")}
    expected |= {("test_variables[a]", "passed"), ("test_variables[b]", "passed")}
    assert outcomes(seen) == {(host, *one) for host in ("vega", "lyra") for one in expected}
    assert all(
        "it is not there" in event.detail for event in seen if isinstance(event, Verified) and event.outcome == "failed"
    )


async def test_a_lost_host_is_an_error_of_its_tests_alone(tmp_path: Path) -> None:
    """Others are green."""
    tests = write(tmp_path, "def test_x(host):\n    assert host.run('true').rc == 0\n")
    seen: list[Event] = []
    async with verification(tests, ("vega", "gone"), seen) as this:
        await verify(this)
    assert outcomes(seen) == {("vega", "test_x", "passed"), ("gone", "test_x", "failed")}


@pytest.mark.parametrize("text", ["", "this is no python", "import nothing_of_that_name\n"])
async def test_files_without_a_test_that_runs_do_not_pass(tmp_path: Path, text: str) -> None:
    """Empty, broken or missing imports: each host has an error."""
    seen: list[Event] = []
    async with verification(write(tmp_path, text), ("vega",), seen) as this:
        await verify(this)
    assert {(event.host, event.outcome) for event in seen if isinstance(event, Verified)} == {("vega", "error")}


async def test_a_verification_that_hangs_is_ended_by_its_limit(tmp_path: Path) -> None:
    """The limit makes errors, and neither pytest nor the command it ran is left."""
    tests = write(
        tmp_path,
        f"import os\ndef test_x(host):\n    open('{tmp_path}/pid','w').write(str(os.getpid()))\n    host.run('sleep 600')\n",
    )
    seen: list[Event] = []
    async with verification(tests, ("vega",), seen, limit=3.0) as this:
        await verify(this)
    assert outcomes(seen) == {("vega", "", "error")}
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


async def test_a_cancel_ends_it_at_once(tmp_path: Path) -> None:
    """The pytest process is gone when the cancel has come through."""
    tests = write(
        tmp_path,
        f"import os\ndef test_x(host):\n    open('{tmp_path}/pid','w').write(str(os.getpid()))\n    host.run('sleep 600')\n",
    )
    seen: list[Event] = []
    async with verification(tests, ("vega",), seen) as this, asyncio.TaskGroup() as group:
        task = group.create_task(verify(this))
        while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
        task.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


def test_a_missing_test_file_is_named(tmp_path: Path) -> None:
    """Before any host is touched, with the places looked at."""
    with pytest.raises(PlaybookError, match="no verification test") as caught:
        find_tests(["tests/x.py"], [tmp_path])
    assert str(tmp_path) in caught.value.remedy


async def test_a_long_directory_for_temporary_files_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's path is short by nature (unix(7)); TMPDIR need not be."""
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    write(tmp_path, "def test_here(host):\n    assert host.file('/').exists\n")
    seen: list[Event] = []
    async with verification(tmp_path, ("here",), seen) as wanted:
        await verify(wanted)
    assert [event.outcome for event in seen if isinstance(event, Verified)] == ["passed"]
