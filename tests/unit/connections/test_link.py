"""Link: commands, their input and output, with real processes on this PC."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.bulk import opening

from .conftest import marked, until

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.connections.link import Link


async def test_a_background_child_that_holds_the_pipe_does_not_hold_the_task(link: Link) -> None:
    """The exit is the process's, not the pipe's."""
    began = time.monotonic()
    done = await link.run(["sh", "-c", "sleep 20 & echo out; exit 3"], task="t")
    assert (done.rc, done.stdout) == (3, b"out\n")
    assert time.monotonic() - began < 10
    await link.stop("t")


async def test_output_arrives_as_it_was_written(link: Link) -> None:
    """A line of 3 MB, carriage returns, NUL, bytes that are no UTF-8, no newline at the end."""
    code = (
        "import sys; o=sys.stdout.buffer; o.write(b'x'*3000000+b'\\n'+b'1%\\r2%\\r'+b'\\0\\xff\\xfe'+b'end'); o.flush()"
    )
    done = await link.run([sys.executable, "-c", code], task="t")
    assert done.stdout == b"x" * 3000000 + b"\n1%\r2%\r\0\xff\xfeend"
    assert not done.truncated


async def test_a_flood_on_stderr_does_not_block(link: Link) -> None:
    """10 MB on stderr while stdout is idle."""
    done = await link.run(["sh", "-c", "head -c 10000000 /dev/zero >&2; echo done"], task="t")
    assert (len(done.stderr), done.stdout) == (10000000, b"done\n")


async def test_one_commands_flood_does_not_delay_anothers_lines(link: Link) -> None:
    """While one task prints without end, a ping and another task's output come through."""
    flood = asyncio.ensure_future(link.run(["cat", "/dev/zero"], task="flood"))
    try:
        slowest = max([await link.ping() for _ in range(50)])
        done = await link.run(["echo", "line"], task="quiet")
    finally:
        flood.cancel()
        await asyncio.wait({flood})
    assert done.stdout == b"line\n"
    assert slowest < 1.0


async def test_output_beyond_the_cap_loses_its_middle(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded; first and last bytes stay."""
    monkeypatch.setattr("hotdesk.connections.streams.Capture.__init__.__defaults__", (200000,))
    done = await link.run(["sh", "-c", "echo first; head -c 5000000 /dev/zero; echo last"], task="t")
    assert done.truncated
    assert done.stdout.startswith(b"first\n")
    assert done.stdout.endswith(b"last\n")
    assert len(done.stdout) < 400000


async def test_arguments_that_are_no_utf8_work(link: Link) -> None:
    """argv items may be bytes, or str with surrogates."""
    assert (await link.run(["printf", "%s", b"a\xff"], task="t")).stdout == b"a\xff"
    assert (await link.run(["printf", "%s", "a\udcff"], task="t")).stdout == b"a\xff"


async def test_environment_directory_umask_and_input(link: Link, tmp_path: Path) -> None:
    """env, cwd, umask and stdin are what was asked; stdin is otherwise empty."""
    script = 'echo "$COLOUR"; pwd; umask; cat'
    done = await link.run(
        ["sh", "-c", script], task="t", env={"COLOUR": "blue"}, cwd=str(tmp_path), umask=0o27, stdin=b"in"
    )
    assert done.stdout.decode() == f"blue\n{tmp_path}\n0027\nin"
    assert (await link.run(["cat"], task="t")).stdout == b""


async def test_input_longer_than_a_window_is_fed(link: Link) -> None:
    """2 MB through stdin and back."""
    data = os.urandom(2 << 20)
    assert (await link.run(["cat"], task="t", stdin=data)).stdout == data
    assert (await link.run(["true"], task="t", stdin=data)).rc == 0


async def test_what_cannot_be_started_is_an_oserror(link: Link, tmp_path: Path) -> None:
    """errno and name of the program or directory."""
    with pytest.raises(FileNotFoundError) as caught:
        await link.run(["/no/such/program"], task="t")
    assert caught.value.filename == "/no/such/program"
    plain = tmp_path / "plain"
    plain.write_text("no program")
    with pytest.raises(PermissionError):
        await link.run([str(plain)], task="t")
    with pytest.raises(FileNotFoundError) as caught:
        await link.run(["true"], task="t", cwd="/no/such/folder")
    assert caught.value.filename == "/no/such/folder"


async def test_a_command_starts_clean(link: Link) -> None:
    """Own session, default signals, nothing open but 0, 1 and 2."""
    lines = (await link.run(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"], task="t")).stdout.decode().split()
    assert lines[:3] == ["SigBlk:", "0" * 16, "SigIgn:"]
    assert int(lines[3], 16) & ~0x180000000 == 0  # 32 and 33 are the C library's own
    found = (await link.run(["ls", "/proc/self/fd"], task="t")).stdout.split()
    assert found == [b"0", b"1", b"2", b"3"]  # 3 is the listing itself
    found = (await link.run(["sh", "-c", "ps -o sid= -p $$; echo $$"], task="t")).stdout.split()
    assert found[0] == found[1]


async def test_death_by_signal_is_reported(link: Link) -> None:
    """rc is 128 + n, and the signal stands beside it."""
    done = await link.run(["sh", "-c", "kill -9 $$"], task="t")
    assert (done.rc, done.signal) == (137, 9)


async def test_hundreds_of_runs_at_once(link: Link) -> None:
    """Interleaved runs get their own outputs."""
    done = await asyncio.gather(*(link.run(["echo", str(n)], task=f"t{n}") for n in range(200)))
    assert [int(each.stdout) for each in done] == list(range(200))


async def test_bulk_gives_a_command_its_own_channel(link: Link) -> None:
    """Bytes go straight through; exit and stderr come by the agent."""
    async with (
        opening(link) as bridge,
        await link.bulk(["sh", "-c", "echo problem >&2; cat; exit 5"], bridge, task="t") as bulk,
    ):
        await bulk.channel.write(b"through")
        await bulk.channel.write_eof()
        got = b""
        while data := await bulk.channel.read():
            got += data
        done = await bulk.wait()
    assert (got, done.rc, done.stderr) == (b"through", 5, b"problem\n")


async def test_leaving_bulk_ends_its_command(link: Link, run_id: str) -> None:
    """An unfinished bulk command does not outlive its context."""
    async with opening(link) as bridge, await link.bulk(["sleep", "300"], bridge, task="bulk"):
        await until(lambda: marked(run_id, task="bulk"))
    assert marked(run_id, task="bulk") == []


async def test_bulk_of_a_missing_program(link: Link) -> None:
    """Its OSError comes out of wait()."""
    async with opening(link) as bridge, await link.bulk(["/no/such"], bridge, task="t") as bulk:
        with pytest.raises(FileNotFoundError):
            await bulk.wait()
