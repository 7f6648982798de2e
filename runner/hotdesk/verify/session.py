"""Run testinfra tests against hosts over their live links; every outcome is an event.

pytest runs in processes of its own, started by the control node's agent (R3): it can be ended like any command, its output capture does not
touch our screen, and its imports leave nothing behind. Each process takes a share of the hosts and talks to us over a unix socket.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import aio
from hotdesk.errors import HostError, PlaybookError
from hotdesk.events import Verified, VerifyStarted, Warned, plain
from hotdesk.frozen import frozen
from hotdesk.paths import exists, expanded, is_dir
from hotdesk.results import EMPTY
from hotdesk.verify.wire import EXPECTED_TEST, LENGTH, MOST, SOCKET, pack, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from hotdesk.events import Event
    from hotdesk.jobs.machine import Machine

COMMAND_LIMIT = 600.0
"""Seconds one command of a test may take."""
OPTIONS = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "testinfra.plugin",
    "-p",
    "hotdesk.verify.plugin",
    "--import-mode=importlib",
    "-c",
    os.devnull,
)


@frozen(kw_only=True)
class Verification:
    """What a verification needs of the run."""

    files: tuple[Path, ...]
    hosts: tuple[str, ...]
    control: Machine
    machine_for: Callable[..., Awaitable[Machine]]
    """The machine of any host of the inventory, by name ("localhost": the control node); ``user``: as whom, if not as a test's own."""
    variables_for: Callable[[str], Awaitable[Mapping[str, Any]]]
    """What the fixture ``variables`` gives: plain JSON values."""
    emit: Callable[[Event], None]
    steps: Mapping[str, Sequence[Mapping[str, Any]]] = EMPTY
    """Host -> what sync jobs left to be expected there (for verify/expected.py)."""
    limit: float = 1800.0
    """Seconds for all of it."""
    workers: int = max(2, os.cpu_count() or 1)
    """pytest processes side by side."""


def find_tests(names: Sequence[str], search: Sequence[Path]) -> tuple[Path, ...]:
    """The files or directories named, looked for in ``search``. Raises PlaybookError naming the first that is not there."""
    found = []
    for name in names:
        candidates = [expanded(name)] if Path(name).is_absolute() else [base / name for base in search]
        path = next((candidate for candidate in candidates if exists(candidate)), None)
        if path is None:
            tried = ", ".join(map(str, candidates))
            raise PlaybookError(f"there is no verification test {name!r}", remedy=f"looked for {tried}")
        found.append(path.resolve())
    return tuple(found)


async def verify(verification: Verification) -> None:
    """Run the tests; bounded by ``limit``; a cancel ends the pytest processes and the commands they run."""
    names = ["what sync jobs left"] if verification.steps else [path.name for path in verification.files]
    verification.emit(VerifyStarted(files=tuple(names), hosts=verification.hosts))
    shares = [verification.hosts[number :: verification.workers] for number in range(verification.workers)]
    try:
        async with (
            asyncio.timeout(verification.limit) as deadline,
            _socket() as (path, connections),
            aio.TaskGroup() as group,
        ):
            server = group.create_task(_serve(verification, connections))
            async with aio.TaskGroup() as pytest_group:
                for share in filter(None, shares):
                    pytest_group.create_task(_pytest(verification, share, path))
            server.cancel()
    except TimeoutError:
        if not deadline.expired():
            raise
        detail = f"not done in {verification.limit:g} s"
        for host in verification.hosts:
            verification.emit(Verified(host=host, test="verification", outcome="error", detail=detail))


LONGEST_PLACE = 70
"""Characters of TMPDIR: a socket's whole path may have 107 (unix(7))."""


@asynccontextmanager
async def _socket() -> AsyncIterator[tuple[str, asyncio.Queue[Connection]]]:
    """A listening unix socket in a directory of its own (0700), and the queue of who connects."""
    place = None if len(tempfile.gettempdir()) <= LONGEST_PLACE else "/tmp"
    directory = await aio.in_thread(tempfile.mkdtemp, "", "hotdesk-verify-", place)
    try:
        queue: asyncio.Queue[Connection] = asyncio.Queue()
        server = await asyncio.start_unix_server(
            lambda reader, writer: queue.put_nowait((reader, writer)), f"{directory}/socket"
        )
        async with server:
            yield f"{directory}/socket", queue
    finally:
        await aio.in_thread(shutil.rmtree, directory, True)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _pytest(verification: Verification, hosts: Sequence[str], socket: str) -> None:
    """One pytest process over its share of the hosts. That it ended without a word is an error on each of them."""
    targets = ",".join(f"hotdesk://{host}" for host in hosts)
    roots = [str(path if is_dir(path) else path.parent) for path in verification.files]
    argv = [
        sys.executable,
        "-m",
        "pytest",
        *OPTIONS,
        f"--rootdir={os.path.commonpath(roots)}",
        f"--hosts={targets}",
        *map(str, verification.files),
    ]
    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    environment = {
        SOCKET: socket,
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = await verification.control.run(argv, change=False, env=environment, cwd=roots[0])
    if done.rc not in (0, 1):  # https://docs.pytest.org/en/stable/reference/exit-codes.html
        words = (done.stdout + done.stderr).decode(errors="replace").strip()[-4000:]
        detail = "there is no test in the files" if done.rc == 5 else words
        for host in hosts:
            verification.emit(
                Verified(
                    host=host, test="verification", outcome="error", detail=f"pytest ended with {done.rc}: {detail}"
                )
            )


async def _serve(verification: Verification, connections: asyncio.Queue[Connection]) -> None:
    async with aio.TaskGroup() as group:
        while True:
            group.create_task(_converse(verification, *await connections.get()))


async def _converse(verification: Verification, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one pytest process until it goes."""
    try:
        while True:
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            if length > MOST:
                return
            message = unpack(await reader.readexactly(length))
            answer = await _answer(verification, message)
            if answer is not None:
                writer.write(pack(answer))
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def _answer(verification: Verification, message: Mapping[str, Any]) -> dict[str, Any] | None:
    match message["kind"]:
        case "run":
            return await _run(verification, message["host"], message["command"], message.get("user", ""))
        case "expectations":
            return {"steps": plain(verification.steps.get(message["host"], ()))}
        case "variables":
            return {"variables": plain(await verification.variables_for(message["host"]))}
        case "outcome":
            host, name = _host_of(verification, message["parameter"])
            expected = message["test"].endswith(EXPECTED_TEST)
            test = name if expected else f"{message['test']}[{name}]" if name else message["test"]
            verification.emit(
                Verified(
                    host=host, test=test, outcome=message["outcome"], detail=message["detail"], seconds=message["seconds"],
                    expected=expected,
                )
            )  # fmt: skip
        case "broken":
            for host in verification.hosts:
                verification.emit(Verified(host=host, test=message["test"], outcome="error", detail=message["detail"]))
        case "finished" if message["tests"] == 0:
            verification.emit(Warned(text="the verification found no test"))
    return None


def _host_of(verification: Verification, parameter: str) -> tuple[str, str]:
    """``hotdesk://vega-case`` -> the host and the test's own parameters."""
    name = parameter.removeprefix("hotdesk://")
    for host in sorted(verification.hosts, key=len, reverse=True):
        if name == host or name.startswith(f"{host}-"):
            return host, name[len(host) + 1 :]
    return (verification.hosts[0] if len(verification.hosts) == 1 else "localhost"), name


async def _run(verification: Verification, host: str, command: str, user: str) -> dict[str, Any]:
    """A command of a test on a host, as a POSIX shell command line (testinfra quotes its arguments)."""
    try:
        machine = await (verification.machine_for(host, user) if user else verification.machine_for(host))
        done = await machine.run(["/bin/sh", "-c", command], change=False, timeout=COMMAND_LIMIT)
    except (HostError, OSError) as exc:
        return {"error": str(exc)}
    return {"rc": done.rc, "stdout": done.stdout.decode("latin-1"), "stderr": done.stderr.decode("latin-1")}
