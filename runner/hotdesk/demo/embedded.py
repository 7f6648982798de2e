"""Start and stop a process of embedded PCs from a program: the demo and the tests use SSH without root through it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.errors import HotdeskError
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

START_LIMIT = 60.0
STOP_LIMIT = 10.0
"""Seconds."""


@frozen(kw_only=True)
class EmbeddedPCs:
    """Running embedded PCs and the files that say how to reach them."""

    directory: Path
    inventory_path: Path
    ssh_config: Path
    known_hosts: Path
    identity: Path
    user: str
    address: str
    ports: Mapping[str, int]
    homes: Mapping[str, Path]
    pid: int
    """Of the serving process: killing it is what a crash of all these PCs at once looks like."""

    def variables(self, name: str) -> dict[str, object]:
        """The connection variables of one PC, as the inventory has them."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.ports[name],
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.identity),
            "ansible_ssh_common_args": f"-o IdentitiesOnly=yes -o 'UserKnownHostsFile=\"{self.known_hosts}\"'",
            "ansible_python_interpreter": sys.executable,
        }


@asynccontextmanager
async def embedded_pcs(names: Sequence[str], directory: Path) -> AsyncIterator[EmbeddedPCs]:
    """Serve PCs called ``names``, with their homes below ``directory``, for the length of the block.

    Nothing that ran on them is left afterwards. Raises HotdeskError when they do not come up.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hotdesk.demo.pcs",
        "--directory",
        str(directory),
        *names,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C ends the run first; the PCs go when their stdin ends
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_LIMIT):
            line = await process.stdout.readline()
        if not line:
            raise HotdeskError(f"the embedded PCs did not start (exit code {await process.wait()})")
        yield _parse(json.loads(line), process.pid)
    finally:
        process.stdin.close()
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        with contextlib.suppress(TimeoutError):  # it is killed then
            async with asyncio.timeout(STOP_LIMIT):
                await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _parse(ready: dict[str, object], pid: int) -> EmbeddedPCs:
    ports, homes = ready["ports"], ready["homes"]
    assert isinstance(ports, dict)
    assert isinstance(homes, dict)
    return EmbeddedPCs(
        directory=Path(str(ready["directory"])),
        inventory_path=Path(str(ready["inventory"])),
        ssh_config=Path(str(ready["ssh_config"])),
        known_hosts=Path(str(ready["known_hosts"])),
        identity=Path(str(ready["identity"])),
        user=str(ready["user"]),
        address="127.0.0.1",
        ports=ports,
        homes={name: Path(home) for name, home in homes.items()},
        pid=pid,
    )
