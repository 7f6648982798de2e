"""Running targets in sandboxes, and what counts as a pass."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.suite.fetch import CACHE, Suite
from tests.conformance.suite.sandbox import Sandbox
from tests.conformance.suite.sets import names_in

INSIDE = Path(__file__).parent / "inside.py"
LIMIT = 480
"""Seconds for a target; the longest takes 75 under ansible-playbook, on a machine that is busy with more four times as long."""
AROUND = 400
"""Seconds more for what it needs before it."""
RECAP = re.compile(
    r"^\S+ +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+) +skipped=(\d+) +rescued=(\d+) +ignored=(\d+)",
    re.M,
)
COLUMNS = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")

LISTENERS = frozenset({"needs/ssh", "needs/httptester"})
"""What a target notes when something must listen for it: an SSH server, a web server."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a target. A role target passes only with ansible-playbook's recap: an engine that does nothing exits 0 too."""

    target: str
    passed: bool
    why: str = ""
    log: Path | None = None
    recap: dict[str, int] | None = None
    """Of its last play."""


def run(target: str, suite: Suite, engine: str, limit: float = LIMIT) -> Outcome:
    """One target in a sandbox of its own; ``engine`` empty: ansible-playbook."""
    recap, logs = suite.of.known().get(target), CACHE / "logs" / suite.of.name
    aliases = suite.targets / target / "aliases"
    needs = names_in(aliases) if aliases.exists() else set()
    net = target in suite.of.own_network or not needs.isdisjoint(LISTENERS)
    order = {
        "target": target, "source": str(suite.source), "collections": str(suite.collections or ""),
        "venv": sys.prefix, "engine": engine, "limit": limit,
    }  # fmt: skip
    command = [sys.executable, str(INSIDE), json.dumps(order)]
    logs.mkdir(parents=True, exist_ok=True)
    kept = logs / (f"{target}.log" if engine else f"{target}.peer.log")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder)
        with (out / "harness").open("wb") as harness:
            code = Sandbox(CACHE, suite.archive).run(command, out, harness, limit=limit + AROUND, net=net)
        log, result = out / "log", out / "result.json"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        kept.write_text(text, encoding="utf-8")
        if code != 0 or not result.exists():
            said = (out / "harness").read_text(encoding="utf-8", errors="replace").strip()
            return Outcome(target, False, f"the sandbox failed: {said[-300:]}", kept)
        answer = json.loads(result.read_text(encoding="utf-8"))
    if not engine:  # ansible-playbook itself: its recap is the measure
        recap = recap_in(text)
    return Outcome(target, *outcome_of(answer, text, recap), kept, recap_in(text))


def outcome_of(answer: dict[str, object], text: str, recap: dict[str, int] | None) -> tuple[bool, str]:
    """(passed, why not)."""
    if answer["code"] is None:
        return False, "took too long"
    if answer["code"] != 0:
        return False, str(answer.get("why") or f"exit code {answer['code']}")
    if recap is None:
        return True, ""
    ours = recap_in(text)
    return (True, "") if ours == recap else (False, f"recap {ours}, ansible-playbook has {recap}")


def recap_in(text: str) -> dict[str, int] | None:
    """The last recap's line of a host in an engine's output."""
    lines = RECAP.findall(re.sub(r"\x1b\[[0-9;]*m", "", text))
    return dict(zip(COLUMNS, map(int, lines[-1]), strict=True)) if lines else None


def engine_of_this_venv() -> str:
    """``hotdesk play`` as it is installed beside this interpreter."""
    return f"{shlex.quote(str(Path(sys.prefix) / 'bin' / 'hotdesk'))} play"
