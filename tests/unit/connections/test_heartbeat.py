"""Heartbeat: when a link says something only to be heard, and when its agent is given up. By a clock that is turned on, not waited for."""

from __future__ import annotations

import asyncio
import selectors
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hotdesk.connections.heartbeat import BEATS, TICKS, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

LEASE = 8.0
BEAT = LEASE / BEATS
TICK = BEAT / TICKS


class Jumping(selectors.DefaultSelector):
    """Nothing is waited for: the time is over at once."""

    at = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.at += timeout or 0.0
        return super().select(0)


class ByClock(asyncio.SelectorEventLoop):
    """An event loop whose hours take no time."""

    def __init__(self) -> None:
        self.selector = Jumping()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.at


def by_clock(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=ByClock) as runner:
        runner.run(main)


class Agent:
    """A link's heartbeat, and an agent that answers a ping at once, or never."""

    def __init__(self, *, answers: bool = True) -> None:
        self.pinged: list[float] = []
        self.given_up: list[float] = []
        self._answers = answers
        self.heartbeat = Heartbeat(LEASE, ping=self._ping, silent=lambda: self.given_up.append(self._time()))

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    def _ping(self) -> None:
        self.pinged.append(self._time())
        if self._answers:
            self.heartbeat.heard()

    async def lives(self, seconds: float, each_second: Callable[[], None] = lambda: None) -> None:
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            each_second()
        self.heartbeat.stop()


def test_a_link_on_which_nothing_is_said_has_a_ping_in_each_beat() -> None:
    """No later, or the agent's own lease would be over sooner than it is told."""

    async def idle() -> None:
        agent = Agent()
        await agent.lives(100)
        assert 100 / (BEAT + TICK) - 1 <= len(agent.pinged) <= 100 / BEAT
        assert all(after - before <= BEAT + 1.01 * TICK for before, after in pairwise([0.0, *agent.pinged]))
        assert not agent.given_up

    by_clock(idle())


def test_a_link_that_is_at_work_needs_no_ping() -> None:
    """What is said to the agent keeps it, and what it says tells that it is there."""

    async def at_work() -> None:
        agent = Agent()

        def answer_and_question() -> None:
            agent.heartbeat.spoke()
            agent.heartbeat.heard()

        await agent.lives(100, answer_and_question)
        assert not agent.pinged
        assert not agent.given_up

    by_clock(at_work())


def test_what_only_one_end_says_is_no_sign_of_life_of_the_other() -> None:
    """The agent that only talks hears nothing of us; the one that is only talked to may be gone."""

    async def one_way(which: str) -> None:
        agent = Agent()
        await agent.lives(100, getattr(agent.heartbeat, which))
        assert len(agent.pinged) >= 100 / (BEAT + TICK) - 1

    for which in ("heard", "spoke"):
        by_clock(one_way(which))


def test_an_agent_that_says_nothing_is_given_up_once_and_at_the_end_of_its_lease() -> None:
    """It was asked before, and is not asked any more."""

    async def silent() -> None:
        agent = Agent(answers=False)
        await agent.lives(100, agent.heartbeat.spoke)
        assert len(agent.pinged) == BEATS - 1
        assert [round(at, 3) for at in agent.given_up] == [LEASE]

    by_clock(silent())


def test_a_shorter_lease_holds_at_once() -> None:
    """Although the next look was planned for later."""

    async def shortened() -> None:
        agent = Agent(answers=False)
        agent.heartbeat.lease = 1.0
        await agent.lives(100)
        assert [round(at, 3) for at in agent.given_up] == [1.0]

    by_clock(shortened())


def test_the_pings_of_many_links_leave_together() -> None:
    """However their beginnings are spread: one write carries many, and the event loop turns a few times only."""

    async def many() -> None:
        agents = []
        for _ in range(1000):
            agents.append(Agent())
            await asyncio.sleep(BEAT / 1000)
        await asyncio.sleep(3 * BEAT)
        at = {time for agent in agents for time in agent.pinged if time >= 2 * BEAT}
        assert all(agent.pinged for agent in agents)
        assert len(at) <= 2 * TICKS + 2
        for agent in agents:
            agent.heartbeat.stop()

    by_clock(many())
