from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import asyncssh
import pytest

from hotdesk.demo import embedded
from hotdesk.demo.session import marked
from hotdesk.errors import HotdeskError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hotdesk.demo.embedded import EmbeddedPCs


async def connect(pcs: EmbeddedPCs, name: str) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(name, config=[str(pcs.ssh_config)])


async def gone(find: Callable[[], list[int]]) -> None:
    """Wait until ``find`` finds nothing."""
    async with asyncio.timeout(15):
        while find():  # noqa: ASYNC110 - processes of another process's children send us no event
            await asyncio.sleep(0.02)


async def test_every_pc_has_a_home_of_its_own(pcs: EmbeddedPCs) -> None:
    """A command runs in the home of its PC and its exit code comes back."""
    async with await connect(pcs, "pc1") as connection:
        done = await connection.run("pwd; echo $HOTDESK_PC; echo $HOME; exit 3")
    assert done.stdout == f"{pcs.homes['pc1']}\npc1\n{pcs.homes['pc1']}\n"
    assert done.exit_status == 3


async def test_the_tail_of_long_output_arrives(pcs: EmbeddedPCs) -> None:
    """All of it, however fast the process ends after writing."""
    async with await connect(pcs, "pc2") as connection:
        for _ in range(5):
            done = await connection.run("head -c 3000000 /dev/zero; echo end", encoding=None)
            assert isinstance(done.stdout, bytes)
            assert len(done.stdout) == 3_000_004
            assert done.stdout.endswith(b"end\n")


async def test_input_and_signals_arrive(pcs: EmbeddedPCs) -> None:
    """stdin to its end; death by a signal is reported as one."""
    async with await connect(pcs, "pc1") as connection:
        done = await connection.run("wc -c", input="x" * 500_000)
        assert str(done.stdout).strip() == "500000"
        killed = await connection.run("kill -TERM $$")
        assert killed.exit_signal is not None
        assert killed.exit_signal[0] == "TERM"


async def test_a_vanished_client_leaves_nothing(pcs: EmbeddedPCs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command gets the end of its input, and KILL when that does not end it."""
    connection = await connect(pcs, "pc1")
    process = await connection.create_process("export MARK_OF_TEST=vanish; exec sh -c 'cat; setsid sleep 1000'")
    connection.abort()
    await connection.wait_closed()
    assert process.exit_status is None
    await gone(lambda: list(marked("MARK_OF_TEST", "vanish")))


async def test_the_end_of_the_block_ends_everything(
    make_pcs: Callable[..., Awaitable[EmbeddedPCs]], tmp_path: Path
) -> None:
    """Also what has left its session with setsid."""
    pcs = await make_pcs("desk")
    connection = await connect(pcs, "desk")
    await connection.run("MARK_OF_TEST=setsid setsid sleep 1000 >/dev/null 2>&1 </dev/null & sleep 0.1")
    assert list(marked("MARK_OF_TEST", "setsid"))
    os.kill(pcs.pid, signal.SIGTERM)
    await connection.wait_closed()
    await gone(lambda: list(marked("MARK_OF_TEST", "setsid")))


async def test_a_failed_start_says_so(make_pcs: Callable[..., Awaitable[EmbeddedPCs]], tmp_path: Path) -> None:
    """A directory that cannot be made."""
    (tmp_path / "pcs1").write_text("a file")
    with pytest.raises(HotdeskError, match="did not start"):
        await make_pcs("desk")


async def test_pcs_that_hang_are_killed_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine too busy to end them in time is no fault of whoever leaves."""
    monkeypatch.setattr(embedded, "STOP_LIMIT", 0.2)
    async with embedded.embedded_pcs(["pc1"], tmp_path) as pcs:
        os.kill(pcs.pid, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(pcs.pid, 0)
