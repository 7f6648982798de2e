"""Starting an agent: from an open connection to its hello, past chatty login shells and sudo's question."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import FrameError
from hotdesk.aio import TaskGroup, first, in_thread, patient
from hotdesk.connections import protocol, shipping
from hotdesk.connections.base import Far
from hotdesk.errors import BecomeError, ConnectError, HostError, LinkLost
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.agent.frames import Decoder
    from hotdesk.connections.base import Channel, Connection, Endpoint, Escalation

REMEDIES = {
    "password is required": "Give the become password (--ask-become-pass or ansible_become_password).",
    "must have a tty": "Take requiretty out of sudoers there, at least for this user: Defaults:NAME !requiretty",
}
"""What sudo says -> what helps (sudoers(5))."""
NOISE = 1 << 16
"""Bytes that a login shell may print before the agent's first."""


async def start_agent(
    connection: Connection, escalation: Escalation | None, config: dict[str, Any], *, limit: float
) -> tuple[Channel, Decoder, dict[str, Any], bytearray]:
    """(its channel, the frames' decoder, its hello, what it says on stderr). Raises BecomeError, ConnectError or LinkLost."""
    if isinstance(connection, Far):
        return await connection.start_agent(escalation, config, limit=limit)
    endpoint = connection.endpoint
    try:
        return await _attempt(connection, escalation, config, limit, None)
    except _TooOld as exc:
        if not endpoint.python.startswith("auto"):
            raise _too_old(endpoint, str(exc)) from None
    try:
        return await _attempt(connection, escalation, config, limit, shipping.NEWEST_FIRST)
    except (_TooOld, ConnectError) as exc:
        raise _too_old(endpoint, str(exc)) from None


class _TooOld(Exception):
    """The interpreter there is older than 3.8."""


async def _attempt(
    connection: Connection,
    escalation: Escalation | None,
    config: dict[str, Any],
    limit: float,
    interpreters: Sequence[str] | None,
) -> tuple[Channel, Decoder, dict[str, Any], bytearray]:
    if not shipping.is_packed():
        await in_thread(shipping.pack)
    start = shipping.build(
        connection.endpoint, escalation, config=config, token=secrets.token_hex(16), interpreters=interpreters
    )
    channel = await connection.open(start.command)
    handshake = _Handshake(connection.endpoint, channel, start, escalation)
    try:
        async with patient(limit):
            hello = await handshake.run()
    except TimeoutError:
        await channel.aclose()
        said = handshake.said()
        raise ConnectError(
            f"{connection.endpoint.host}: the agent did not start within {limit:g} s"
            + (f"; so far it said: {said}" if said else ""),
            remedy="The login shell or sudo may be waiting for something: try the login by hand.",
        ) from None
    except BaseException:
        await channel.aclose()
        raise
    return channel, handshake.decoder, hello, handshake.stderr


class _Handshake:
    def __init__(
        self, endpoint: Endpoint, channel: Channel, start: shipping.Start, escalation: Escalation | None
    ) -> None:
        self.endpoint, self.channel, self.start, self.escalation = endpoint, channel, start, escalation
        self.decoder = protocol.decoder()
        self.stderr = bytearray()
        self._noise = b""
        self._answered = False

    def said(self) -> str:
        """What came on stderr, without our own prompt."""
        text = bytes(self.stderr)
        if self.start.prompt:
            text = text.replace(self.start.prompt, b"")
        return brief(text.decode("utf-8", "replace"))

    async def run(self) -> dict[str, Any]:
        """Through to the hello."""
        hello: dict[str, Any] | None = None
        try:
            async with TaskGroup() as group:
                ears = group.create_task(self._listen())
                hello = await self._until_hello(group)
                ears.cancel()
        except BaseExceptionGroup as group:  # no except*: Debian 12's Python wraps what is raised in one into a group
            raise first(group.subgroup(HostError) or group) from None
        if hello is None:
            raise await self._why_not()
        return hello

    async def _until_hello(self, group: asyncio.TaskGroup) -> dict[str, Any] | None:
        # With escalation the payload waits for the token: whatever asks a question must not be answered with it.
        waits = self.escalation is not None
        if not waits:
            group.create_task(self._send_payload())
        seen = False
        while data := await self.channel.read():
            if not seen:
                self._noise += data
                at = self._noise.find(self.start.token)
                if at < 0:
                    if len(self._noise) > NOISE:
                        raise ConnectError(
                            f"{self.endpoint.host}: the login shell prints without end before it runs the command",
                            remedy="Make its start files print only when the shell is interactive.",
                        )
                    continue
                seen, data = True, self._noise[at + len(self.start.token) :]
                self._noise = self._noise[:at]
                if waits:
                    group.create_task(self._send_payload())
            try:
                frames = self.decoder.feed(data)
                for hello, _ in frames:
                    protocol.check(hello, "hello")
                    return hello
            except FrameError as exc:
                raise ConnectError(f"{self.endpoint.host}: the agent's output is broken: {exc}") from exc
        return None

    async def _send_payload(self) -> None:
        with contextlib.suppress(LinkLost):  # it has ended already; its exit status and words say why
            await self.channel.write(self.start.payload)

    async def _listen(self) -> None:
        while data := await self.channel.read_stderr():
            self.stderr += data
            del self.stderr[:-NOISE]
            await asyncio.sleep(0)
            if self.start.prompt:
                await self._answer()
            elif self.escalation is not None and self.escalation.method == "su" and b"assword:" in self.stderr:
                raise BecomeError(
                    f"{self.endpoint.host}: su wants a password", remedy="Use become_method: sudo, or connect as root."
                )

    async def _answer(self) -> None:
        asked = bytes(self.stderr).count(self.start.prompt)
        if asked > 1:
            raise self._refused("the become password is wrong")
        if asked and not self._answered and self.escalation is not None and self.escalation.password is not None:
            self._answered = True
            await self.channel.write(self.escalation.password.value.encode() + b"\n")

    def _refused(self, what: str) -> BecomeError:
        assert self.escalation is not None
        said = self.said()
        message = f"{self.endpoint.host}: cannot become {self.escalation.user}: {what}"
        return BecomeError(message + (f" ({said})" if said and said != what else ""))

    async def _why_not(self) -> Exception:
        """Why it ended without a hello."""
        status = await self._status()
        said, host = self.said(), self.endpoint.host
        if status is None:
            return LinkLost(
                f"{host}: the connection ended while the agent was starting" + (f": {said}" if said else "")
            )
        if status == shipping.TOO_OLD:
            return _TooOld(said.rpartition("hotdesk: ")[2])
        if "hotdesk: no python" in said:
            wanted = "" if self.endpoint.python.startswith("auto") else f" ({self.endpoint.python})"
            return ConnectError(
                f"{host}: no Python was found there{wanted}",
                remedy="Install python3 (3.8 or newer) on it, or set ansible_python_interpreter.",
            )
        if status == shipping.NO_ESCALATION and self.escalation is not None:
            return BecomeError(
                f"{host}: {said.rpartition('hotdesk: ')[2]}",
                remedy="Install it, or connect as that user without become.",
            )
        if "Unknown option: -I" in said:
            return _TooOld(f"{self.endpoint.python} is Python 2")
        if self.escalation is not None:
            refused = self._refused(said or f"{self.escalation.exe} ended with status {status}")
            refused.remedy = next((remedy for word, remedy in REMEDIES.items() if word in said), "")
            return refused
        noise = brief(self._noise.decode("utf-8", "replace"))
        return ConnectError(f"{host}: the agent did not start (status {status}): {said or noise or 'nothing was said'}")

    async def _status(self) -> int | None:
        try:
            async with asyncio.timeout(3.0):
                while data := await self.channel.read_stderr():
                    self.stderr += data
                return await self.channel.wait()
        except TimeoutError:
            return None


def _too_old(endpoint: Endpoint, what: str) -> ConnectError:
    return ConnectError(
        f"{endpoint.host}: Python 3.8 or newer is needed there: {what}",
        remedy="Install a newer python3 on it, or set ansible_python_interpreter to one.",
    )
