"""The question before a sync: only of what nobody has allowed, and only of a person; without one it is a refusal by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import events as ev
from hotdesk.jobs.history import Finding
from hotdesk.jobs.topology import Consent, Topology
from hotdesk.supervise.topology_gate import gate

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = Finding("first", "atlas and vega meet for the first time")
ORDER = Finding("order", "vega was itself worked on\x1b[2J")
CLONE = Finding("identity", "vega and lyra have one machine-id")


class Gate:
    """A batch of vega and lyra, of which something was found."""

    def __init__(self, consent: Consent, prompt: Callable[..., Any] | None = None, check: bool = False) -> None:
        self.told: list[ev.Event] = []
        topology = Topology("run-1")
        topology.consent = consent
        self.found = {"vega": [FIRST, ORDER], "elsewhere": [FIRST]}
        topology.found = lambda: self.found  # type: ignore[method-assign]
        self.states = {name: SimpleNamespace(failed=False) for name in ("vega", "lyra")}
        run = SimpleNamespace(
            jobs=SimpleNamespace(topology=topology), settings=SimpleNamespace(check=check), prompt=prompt,
            state=self.states.__getitem__, emit=self.told.append, warn=lambda text, host: self.told.append(ev.Warned(text=text, host=host)),
        )  # fmt: skip
        self.batch: Any = SimpleNamespace(run=run, hosts=("vega", "lyra"), failed=set())

    async def refused(self) -> set[str]:
        await gate(self.batch)
        assert {name for name, state in self.states.items() if state.failed} == self.batch.failed
        return set(self.batch.failed)


def asked(answer: str | Exception) -> tuple[list[str], Callable[..., Any]]:
    """What the person was shown, and who answers so."""
    shown: list[str] = []

    async def prompt(text: str, timeout: float) -> str:
        shown.append(text)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return shown, prompt


async def test_without_a_person_a_host_is_refused_by_name() -> None:
    """With all that was found, and the options that would allow it; the others go on."""
    one = Gate(Consent())
    assert await one.refused() == {"vega"}
    [told] = one.told
    assert isinstance(told, ev.Problems)
    assert [text for text, _ in told.problems] == [FIRST.text, ORDER.text]
    assert "--allow-first-sync=vega --allow-out-of-order=vega" in told.problems[-1][1]


@pytest.mark.parametrize(
    ("consent", "refused"),
    [
        (Consent(first=["vega"], order=["vega"]), set()),
        (Consent(first=["vega"]), {"vega"}),
        (Consent(order=["vega"], first=["lyra"]), {"vega"}),
        (Consent(planned={"vega": [FIRST.text, ORDER.text]}), set()),
        (Consent(planned={"vega": [FIRST.text]}), {"vega"}),
    ],
)
async def test_each_finding_needs_its_own_consent(consent: Consent, refused: set[str]) -> None:
    """What a plan has approved is what was found then, and no more."""
    assert await Gate(consent).refused() == refused


@pytest.mark.parametrize(
    ("answer", "refused"), [("y", set()), ("", {"vega"}), ("n", {"vega"}), (TimeoutError(), {"vega"})]
)
async def test_a_person_is_asked_and_enter_does_no_harm(answer: Any, refused: set[str]) -> None:
    """Only about what is not allowed yet; what a PC says of itself draws nothing on the screen."""
    shown, prompt = asked(answer)
    one = Gate(Consent(first=["vega"]), prompt)
    assert await one.refused() == refused
    left = one.batch.run.jobs.topology.refused("vega", one.found["vega"])  # what the job itself asks once more
    assert left == ([ORDER] if refused else [])
    assert len(shown) == 1
    assert FIRST.text not in shown[0]
    assert "\x1b" not in shown[0]
    assert "[y/N]" in shown[0]


async def test_pcs_that_cannot_be_told_apart_are_no_question() -> None:
    """No answer makes that right, and no option."""
    shown, prompt = asked("y")
    one = Gate(Consent(first=["vega"], order=["vega"], planned={"vega": [CLONE.text]}), prompt)
    one.found = {"vega": [CLONE]}
    assert await one.refused() == {"vega"}
    assert shown == []


async def test_who_has_decided_in_a_plan_is_not_asked_again() -> None:
    """What came up since is refused, as everything is that a plan does not approve."""
    shown, prompt = asked("y")
    assert await Gate(Consent(planned={"vega": [FIRST.text]}, ask=False), prompt).refused() == {"vega"}
    assert shown == []


async def test_check_mode_says_it_and_goes_on() -> None:
    """What would be refused is what one wants to know."""
    one = Gate(Consent(), check=True)
    assert await one.refused() == set()
    assert [each.text for each in one.told if isinstance(each, ev.Warned)] == [FIRST.text, ORDER.text]
