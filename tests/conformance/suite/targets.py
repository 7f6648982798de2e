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
    """What became of a target. One that is no script passes only with ansible-playbook's recaps: an engine that does nothing exits 0 too."""

    target: str
    passed: bool
    why: str = ""
    log: Path | None = None
    recaps: list[dict[str, int]] | None = None
    """Of its runs; None of a script."""


def run(target: str, suite: Suite, engine: str, limit: float = LIMIT) -> Outcome:
    """One target in a sandbox of its own; ``engine`` empty: ansible-playbook."""
    recaps, logs = suite.of.known().get(target), CACHE / "logs" / suite.of.name
    aliases = suite.targets / target / "aliases"
    needs = names_in(aliases) if aliases.exists() else set()
    net = target in suite.of.own_network or not needs.isdisjoint(LISTENERS)
    order = {
        "target": target, "source": str(suite.source), "targets": str(suite.targets), "collections": ":".join(suite.collections),
        "roles": ":".join(suite.roles), "libraries": ":".join(suite.libraries), "venv": sys.prefix, "engine": engine, "limit": limit,
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
    ours = None if (suite.targets / target / "runme.sh").exists() else recaps_in(text, target)
    if not engine:  # ansible-playbook itself: its recaps are the measure
        recaps = ours
    return Outcome(target, *outcome_of(answer, ours, recaps), kept, ours)


def outcome_of(
    answer: dict[str, object], ours: list[dict[str, int]] | None, recaps: list[dict[str, int]] | None
) -> tuple[bool, str]:
    """(passed, why not)."""
    if answer["code"] is None:
        return False, "took too long"
    if answer["code"] != 0:
        return False, str(answer.get("why") or f"exit code {answer['code']}")
    if recaps == []:
        return False, "no play of it finds a host"
    if recaps is None or ours == recaps:
        return True, ""
    return False, f"recap {ours}, ansible-playbook has {recaps}"


def recaps_in(text: str, target: str) -> list[dict[str, int]]:
    """The last line of a host in the recap of each run of the target; before them are those of what it needs (``### NAME: COMMAND``)."""
    _, *runs = re.split(rf"^### {re.escape(target)}: .*$", re.sub(r"\x1b\[[0-9;]*m", "", text), flags=re.M)
    found = (RECAP.findall(run) for run in runs)
    return [dict(zip(COLUMNS, map(int, lines[-1]), strict=True)) for lines in found if lines]


def engine_of_this_venv() -> str:
    """``hotdesk play`` as it is installed beside this interpreter."""
    return f"{shlex.quote(str(Path(sys.prefix) / 'bin' / 'hotdesk'))} play"
