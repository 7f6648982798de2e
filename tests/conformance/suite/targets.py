"""Running targets, and what is known of them: ansible-playbook's recaps, which ones passed before, why the others do not."""

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

HERE = Path(__file__).parent
LIMIT = 480
"""Seconds for a target; the longest takes 75 under ansible-playbook, on a machine that is busy with more four times as long."""
AROUND = 400
"""Seconds more for what it needs before it."""
RECAP = re.compile(
    r"^\S+ +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+) +skipped=(\d+) +rescued=(\d+) +ignored=(\d+)",
    re.M,
)
COLUMNS = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")
OWN_NETWORK = frozenset({"iptables"})
"""Targets that would change the machine's network."""

LISTENERS = frozenset({"needs/ssh", "needs/httptester"})
"""What a target notes when something must listen for it: an SSH server, a web server."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a target. A role target passes only with ansible-playbook's recap: an engine that does nothing exits 0 too."""

    target: str
    passed: bool
    why: str = ""
    log: Path | None = None


def known() -> dict[str, dict[str, int] | None]:
    """Target -> ansible-playbook's recap (None: a script, whose exit code decides)."""
    found: dict[str, dict[str, int] | None] = json.loads((HERE / "targets.json").read_text(encoding="utf-8"))
    return found


def names_in(file: Path) -> set[str]:
    """Names in a file, one a line; # begins a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name for line in lines if (name := line.partition("#")[0].strip())}


def run(target: str, suite: Suite, engine: str, limit: float = LIMIT) -> Outcome:
    """One target in a sandbox of its own, for ``limit`` seconds; ``engine`` empty: ansible-playbook."""
    recap, logs = known()[target], CACHE / "logs"
    aliases = suite.targets / target / "aliases"
    needs = names_in(aliases) if aliases.exists() else set()
    net = target in OWN_NETWORK or not needs.isdisjoint(LISTENERS)
    order = {"target": target, "source": str(suite.source), "venv": sys.prefix, "engine": engine, "limit": limit}
    command = [sys.executable, str(HERE / "inside.py"), json.dumps(order)]
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder)
        with (out / "harness").open("wb") as harness:
            code = Sandbox(CACHE, suite.archive).run(command, out, harness, limit=limit + AROUND, net=net)
        log, result = out / "log", out / "result.json"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        (logs / f"{target}.log").write_text(text, encoding="utf-8")
        if code != 0 or not result.exists():
            said = (out / "harness").read_text(encoding="utf-8", errors="replace").strip()
            return Outcome(target, False, f"the sandbox failed: {said[-300:]}", logs / f"{target}.log")
        answer = json.loads(result.read_text(encoding="utf-8"))
    return Outcome(target, *outcome_of(answer, text, recap), logs / f"{target}.log")


def outcome_of(answer: dict[str, object], text: str, recap: dict[str, int] | None) -> tuple[bool, str]:
    """(passed, why not)."""
    if answer["code"] is None:
        return False, "took longer than its limit"
    if answer["code"] != 0:
        return False, str(answer.get("why") or f"exit code {answer['code']}")
    if recap is None:
        return True, ""
    lines = RECAP.findall(re.sub(r"\x1b\[[0-9;]*m", "", text))
    ours = dict(zip(COLUMNS, map(int, lines[-1]), strict=True)) if lines else None
    return (True, "") if ours == recap else (False, f"recap {ours}, ansible-playbook has {recap}")


def engine_of_this_venv() -> str:
    """``hotdesk play`` as it is installed beside this interpreter."""
    return f"{shlex.quote(str(Path(sys.prefix) / 'bin' / 'hotdesk'))} play"
