"""``python -m tests.conformance.suite [--of SET] [TARGET ...]``: run targets, print the table, hold it against what passed before.

Exit code 1 when a target that passed before (expected.txt) does not now. ``--accept`` writes what passes now into expected.txt; the page
(docs/compatibility.md) is written in any case. ``--peer`` runs ansible-playbook itself, to see that the machine is fit for it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.conformance.suite import page
from tests.conformance.suite.fetch import fetched
from tests.conformance.suite.sets import SETS, TargetSet
from tests.conformance.suite.targets import LIMIT, Outcome, engine_of_this_venv, run

HEAD = "# Of {}: what passes, and has the same recap if it is no script. One that is lost is a regression.\n"


def main() -> int:
    """Fetch, run, compare, write."""
    given = _arguments()
    if os.geteuid() != 0:
        print(f"make {given.of} needs root: targets run in a sandbox of namespaces and an overlay", file=sys.stderr)
        return 2
    of = SETS[given.of]
    suite = fetched(of)
    names = given.targets or sorted(of.known())
    if unknown := {name for name in names if not (suite.targets / name).is_dir()}:
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
    if given.peer:
        if given.accept:
            _measured(of, outcomes)
        return 0
    return _compared(of, passed, set(names), accept=given.accept)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance TARGETS=...")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--of", choices=sorted(SETS), default="conformance", help="the set of targets")
    parser.add_argument("--engine", help="a command line in the place of this venv's 'hotdesk play'")
    parser.add_argument("--peer", action="store_true", help="ansible-playbook itself")
    parser.add_argument(
        "--accept",
        action="store_true",
        help="what passes now is what is expected from now on; with --peer: its recaps are the measure",
    )
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a target")
    return parser.parse_args()


def _tell(outcome: Outcome) -> None:
    print(f"{'pass' if outcome.passed else 'FAIL'}  {outcome.target:32} {outcome.why}", flush=True)


def _compared(of: TargetSet, passed: set[str], ran: set[str], *, accept: bool) -> int:
    before = of.passing()
    lost, won = (before & ran) - passed, passed - before
    if accept:
        names = sorted((before - lost) | won)
        of.expected.write_text(HEAD.format(of.what) + "".join(f"{name}\n" for name in names), encoding="utf-8")
    elif won:
        print(f"pass now (--accept notes it): {', '.join(sorted(won))}")
    page.write(of)
    if lost:
        print(f"LOST: {', '.join(sorted(lost))} (logs in .cache/conformance/logs/{of.name})", file=sys.stderr)
    return 1 if lost and not accept else 0


def _measured(of: TargetSet, outcomes: list[Outcome]) -> None:
    """Note ansible-playbook's recaps; a target that it does not pass itself is no measure and leaves the set."""
    known = of.known()
    for outcome in outcomes:
        known.pop(outcome.target, None)
        if outcome.passed:
            known[outcome.target] = outcome.recaps
    lines = (f"  {json.dumps(name)}: {json.dumps(recaps)}" for name, recaps in sorted(known.items()))
    (of.folder / "targets.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
