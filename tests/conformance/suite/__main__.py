"""``python -m tests.conformance.suite [TARGET ...]``: run targets, print the table, hold it against what passed before.

Exit code 1 when a target that passed before (expected.txt) does not now. ``--accept`` writes what passes now into expected.txt; the page
(docs/compatibility.md) is written in any case. ``--peer`` runs ansible-playbook itself, to see that the machine is fit for it.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.conformance.suite import page
from tests.conformance.suite.fetch import fetched
from tests.conformance.suite.targets import LIMIT, Outcome, engine_of_this_venv, known, names_in, run

EXPECTED = Path(__file__).parents[1] / "expected.txt"
HEAD = "# Targets of ansible-core 2.19.14's integration suite that pass, role targets with the same recap. One that is lost is a regression.\n"


def main() -> int:
    """Fetch, run, compare, write."""
    given = _arguments()
    if os.geteuid() != 0:
        print("make conformance needs root: targets run in a sandbox of namespaces and an overlay", file=sys.stderr)
        return 2
    suite, before, all_targets = fetched(), names_in(EXPECTED), known()
    names = given.targets or sorted(all_targets)
    if unknown := set(names) - all_targets.keys():
        print(f"no such target: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    engine = "" if given.peer else given.engine or engine_of_this_venv()
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for done in as_completed([pool.submit(run, name, suite, engine, given.limit) for name in names]):
            outcomes.append(done.result())
            _tell(outcomes[-1])
    passed = {outcome.target for outcome in outcomes if outcome.passed}
    print(f"{len(passed)} of {len(outcomes)} pass")
    return 0 if given.peer else _compared(passed, set(names), before, accept=given.accept)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance TARGETS=...")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--engine", help="a command line in the place of this venv's 'hotdesk play'")
    parser.add_argument("--peer", action="store_true", help="ansible-playbook itself")
    parser.add_argument("--accept", action="store_true", help="what passes now is what is expected from now on")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a target (more on a busy machine)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    return parser.parse_args()


def _tell(outcome: Outcome) -> None:
    print(f"{'pass' if outcome.passed else 'FAIL'}  {outcome.target:32} {outcome.why}", flush=True)


def _compared(passed: set[str], ran: set[str], before: set[str], *, accept: bool) -> int:
    lost, won = (before & ran) - passed, passed - before
    if accept:
        before = (before - lost) | won
        EXPECTED.write_text(HEAD + "".join(f"{name}\n" for name in sorted(before)), encoding="utf-8")
    elif won:
        print(f"pass now (--accept notes it): {', '.join(sorted(won))}")
    part = page.section(known(), before, page.reasons())
    page.PAGE.write_text(page.replaced(page.PAGE.read_text(encoding="utf-8"), part), encoding="utf-8")
    if lost:
        print(f"LOST: {', '.join(sorted(lost))} (logs in .cache/conformance/logs)", file=sys.stderr)
    return 1 if lost and not accept else 0


if __name__ == "__main__":
    sys.exit(main())
