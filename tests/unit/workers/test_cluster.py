"""Workers of a real Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hotdesk import events as ev
from hotdesk.errors import UsageError
from tests.unit.connections.conftest import until
from tests.unit.workers.conftest import as_process, below, both_at_work, comparable, play, written
from tests.unit.workers.test_ends import connected_to
from tests.unit.workers.test_equal import BOOK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from hotdesk.demo.embedded import EmbeddedPCs


@dataclass
class Dask:
    """A cluster: its scheduler's address, the pids of its workers."""

    address: str
    workers: list[int]


@asynccontextmanager
async def started(directory: Path, program: str, pattern: str, *words: str) -> AsyncIterator[tuple[int, str]]:
    """``dask PROGRAM``, with its pid, once it has said something that fits ``pattern``; what stands in its parentheses."""
    log = directory / f"{program}-{secrets.token_hex(4)}.log"
    environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn", "HOME": str(directory)}
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: ASYNC220 - asyncio's would be a child of the loop, which the test's plays have for themselves
            [sys.executable, "-P", "-m", f"distributed.cli.dask_{program}", *words, "--no-dashboard"], env=environment,
            cwd=directory, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    try:
        await until(lambda: re.search(pattern, log.read_text()) is not None or process.poll() is not None, limit=60)
        found = re.search(pattern, log.read_text())
        assert found is not None, log.read_text()
        yield process.pid, found[1]
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def cluster(folder: Path, workers: int, scheme: str = "tcp", *words: str) -> AsyncIterator[Dask]:
    """A scheduler with workers, on loopback ports that the kernel chose. Skips, by name, where Dask is not installed."""
    if find_spec("distributed") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Dask.distributed is not installed")
        pytest.skip("Dask.distributed is not installed: pip install 'hotdesk[cluster]'")
    folder.mkdir()  # noqa: ASYNC240
    here = ("--host", f"{scheme}://127.0.0.1", *words)
    async with AsyncExitStack() as stack:
        scheduler = started(folder, "scheduler", rf"Scheduler at:\s+({scheme}://\S+)", *here, "--port", "0")
        _, address = await stack.enter_async_context(scheduler)
        pids = []
        for _ in range(workers):
            pids.append(await stack.enter_async_context(another_worker(folder, address, *words)))
        yield Dask(address, pids)


@asynccontextmanager
async def another_worker(folder: Path, scheduler: str, *words: str) -> AsyncIterator[int]:
    """One more worker of that scheduler; its pid."""
    scheme = scheduler.partition("://")[0]
    options = (
        scheduler,
        "--host",
        f"{scheme}://127.0.0.1",
        *words,
        "--no-nanny",
        "--nthreads",
        "1",
        "--local-directory",
        str(folder),
    )
    async with started(folder, "worker", rf"Registered to:\s+({scheme}://\S+)", *options) as (pid, _):
        yield pid


@pytest.fixture
async def dask(tmp_path: Path) -> AsyncIterator[Dask]:
    """A cluster of two workers."""
    async with cluster(tmp_path / "dask", 2) as running:
        yield running


async def test_a_play_is_the_same_on_a_cluster(
    make_pcs: Callable[..., Awaitable[EmbeddedPCs]], dask: Dask, tmp_path: Path
) -> None:
    """As without workers, event by event; the cluster is there for the next run."""
    pcs = await make_pcs("pc1", "pc2", "pc3", "pc4")
    book = written(tmp_path, BOOK)
    await play(pcs, book)  # from now on nothing of it changes any more
    alone, shared = await play(pcs, book), await play(pcs, book, workers=dask.address)
    assert alone.code == shared.code == 2
    theirs, ours = comparable(alone), comparable(shared)
    for host in theirs.keys() | ours.keys():
        assert ours.get(host) == theirs.get(host), host


async def test_the_hosts_of_a_killed_dask_worker_are_unreachable(pcs: EmbeddedPCs, dask: Dask, tmp_path: Path) -> None:
    """kill -9: one line names it, its host is unreachable and the other one finishes."""
    running = await both_at_work(pcs, tmp_path, workers=dask.address)
    os.kill(dask.workers[0], signal.SIGKILL)
    (tmp_path / "go").touch()
    async with asyncio.timeout(60):
        played = await running
    lines = [event.text for event in played.of(ev.Warned) if "is gone" in event.text]
    results = {event.host: event.result for event in played.of(ev.TaskFinished)}
    assert played.code == 4
    assert len(lines) == 1
    assert "tcp://127.0.0.1" in lines[0]
    assert sorted(result.unreachable for result in results.values()) == [False, True]


TURNS = """
- hosts: all
  gather_facts: false
  serial: 1
  tasks: [{ansible.builtin.command: "sh -c 'until test -e %s/{{ inventory_hostname }}; do sleep 0.05; done'"}]
"""


async def test_a_worker_that_joins_later_is_given_who_has_not_begun(
    pcs: EmbeddedPCs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While pc1 is at work a second Dask worker comes: it is told of, and pc2, which has no connection yet, goes through it."""
    monkeypatch.setattr("hotdesk.workers.workers.LOOK", 0.2)
    at_work, joined = asyncio.Event(), asyncio.Event()
    given: list[str] = []

    def heard(event: ev.Event) -> None:
        if isinstance(event, ev.Changed):
            at_work.set()
        if isinstance(event, ev.Noted) and "has joined" in event.text:
            given.append(event.text)
            joined.set()

    async with cluster(tmp_path / "dask", 1) as dask, asyncio.timeout(120):
        book = written(tmp_path, TURNS % tmp_path)
        running = asyncio.ensure_future(play(pcs, book, heard, workers=dask.address))
        await at_work.wait()
        async with another_worker(tmp_path / "dask", dask.address) as pid:
            await joined.wait()
            (tmp_path / "pc1").touch()
            await until(lambda: pcs.ports["pc2"] in connected_to(pid), limit=60)
            (tmp_path / "pc2").touch()
            played = await running
    assert played.code == 0
    assert len(given) == 1
    assert "worker 2 (tcp://127.0.0.1:" in given[0]


async def test_a_cluster_that_is_not_there_is_told_before_any_host_is_touched(pcs: EmbeddedPCs, tmp_path: Path) -> None:
    """Exit code 5, and nobody is connected to."""
    pytest.importorskip("distributed")
    events: list[ev.Event] = []
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1"):
        await play(pcs, written(tmp_path, BOOK), events.append, workers="tcp://127.0.0.1:1")
    assert not [event for event in events if isinstance(event, ev.Connecting)]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["SIGINT", "kill -9"]
)
async def test_a_run_on_a_cluster_that_is_stopped_leaves_nothing(
    pcs: EmbeddedPCs, dask: Dask, tmp_path: Path, number: int, code: int
) -> None:
    """No process on any PC; the Dask workers, which end with nobody's run, have no connection left and serve the next run."""
    with as_process(pcs, tmp_path, dask.address) as process:
        await until(lambda: len(below(pcs.pid)) >= 4, limit=60)  # on each PC an agent and its command
        process.send_signal(number)
        await asyncio.to_thread(process.wait, 60)
        assert process.returncode == code
        await until(lambda: below(pcs.pid) == set(), limit=60)
    book = written(tmp_path, "- hosts: all\n  gather_facts: false\n  tasks: [{ansible.builtin.command: 'true'}]\n")
    assert (await play(pcs, book, workers=dask.address)).code == 0


def certificate(folder: Path) -> tuple[str, str]:
    """(certificate, key) files: one of its own for everybody, which is also the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(files[0]), str(files[1])


async def test_a_cluster_with_tls_is_trusted_with_passwords(pcs: EmbeddedPCs, tmp_path: Path) -> None:
    """The certificates are those of Dask's configuration; nothing is warned of, and a password goes to the worker."""
    config = pytest.importorskip("dask.config")
    made, key = certificate(tmp_path)
    words = ("--tls-ca-file", made, "--tls-cert", made, "--tls-key", key)
    book = written(
        tmp_path,
        "- hosts: all\n  gather_facts: false\n  vars: {ansible_password: not-needed}\n  tasks: [{ansible.builtin.command: 'true'}]\n",
    )
    own = {f"distributed.comm.tls.{name}": made for name in ("ca-file", "client.cert")} | {
        "distributed.comm.tls.client.key": key
    }
    async with cluster(tmp_path / "dask", 1, "tls", *words) as dask:
        with config.set(own):
            played = await play(pcs, book, workers=dask.address)
    assert played.code == 0, played.events
    assert not played.of(ev.Warned)
