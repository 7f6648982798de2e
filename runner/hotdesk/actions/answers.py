"""Between an action and its half on the target: the answer is a plain dict with Ansible's keys, and becomes a Result here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.jobs.shipping import bundle
from hotdesk.results import DIFF_TEXTS, EMPTY, Diff, Result, diff_text
from hotdesk.shapes import expect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from hotdesk.actions.base import Call


ANSWER: dict[str, Any] = {
    **dict.fromkeys(("changed?", "failed?", "skipped?"), bool),
    "msg?": str,
    "warnings?": [str],
    "diff?": ([{str: object}], {str: object}, None),
    "ansible_facts?": {str: object},
}
"""What every answer may have; anything else is the module's own."""


async def ask(
    call: Call, module: ModuleType, function: str, *, writes: bool, answers: Mapping[str, Any] = EMPTY, **kwargs: Any
) -> dict[str, Any]:
    """Run ``function`` of the on_target half ``module`` on the task's PC and return its answer, checked.

    ``writes``: it changes the machine when not in check mode; it is then also given ``check`` and must keep to it (R8). ``answers``: the
    shape (``hotdesk.shapes``) of what the caller itself reads of an answer that has not ``failed``. Raises TaskError.
    """
    answer: dict[str, Any]
    if writes:
        kwargs["check"] = call.check
    changes = writes and not call.check
    if call.background is not None:
        answer = expect(
            await call.background.answer(call, module, function, change=changes, **kwargs),
            ANSWER,
            call.machine.host,
            function,
        )
        return answer
    answer = await call.machine.call(bundle(module), function, change=changes, answers=ANSWER, **kwargs)
    if not answer.get("failed"):
        expect(answer, dict(answers), call.machine.host, f"{module.__name__.rpartition('.')[2]}.{function}")
    return answer


def result_of(answer: dict[str, Any], call: Call) -> Result:
    """The Result of an answer; ``diff`` is kept only when the task wants it. Facts are for ``setup`` alone to give."""
    data = {name: value for name, value in answer.items() if name not in NOT_OURS and not name.startswith("_ansible_")}
    diff = data.pop("diff", None)
    return Result(
        changed=bool(data.pop("changed", False)),
        failed=bool(data.pop("failed", False)),
        skipped=bool(data.pop("skipped", False)),
        warnings=tuple(data.pop("warnings", ())),
        diff=diffs(diff) if call.diff else (),
        data=data,
    )


NOT_OURS = frozenset({"ansible_facts", "unreachable", "results"})
"""Keys of a registered result that are the executor's to set."""


def diffs(found: Any) -> tuple[Diff, ...]:
    """What an answer has as its ``diff``: a mapping, a list of them, or nothing."""
    return tuple(_diff(one) for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict) and one)


def _diff(raw: dict[str, Any]) -> Diff:
    given = EMPTY if all(isinstance(value, str) for value in raw.values()) else raw
    return Diff(**{name: diff_text(raw.get(name, "")) for name in DIFF_TEXTS}, given=given)


def text(raw: bytes) -> str:
    """Output of a command as text. Bytes that are not UTF-8 become U+FFFD: what a host prints can never break a log or a screen."""
    return raw.decode("utf-8", errors="replace")
