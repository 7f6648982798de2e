"""Run playbooks with hotdesk and print Ansible's lines: the engine as the comparison needs it."""

from __future__ import annotations

import argparse
import asyncio
import sys

from hotdesk import app
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.errors import HotdeskError
from hotdesk.playbook.model import TagSelection
from hotdesk.redaction import Redaction
from hotdesk.ui.choose import renderer


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", action="append", default=[])
    parser.add_argument("-e", action="append", default=[])
    parser.add_argument("-t", default="all")
    parser.add_argument("--skip-tags", default="")
    parser.add_argument("-C", dest="check", action="store_true")
    parser.add_argument("playbooks", nargs="+")
    given = parser.parse_args()
    settings = load_settings({"inventory": tuple(given.i), "output": "plain", "check": given.check or None})
    redaction = Redaction()
    skip = frozenset(filter(None, given.skip_tags.split(",")))
    options = app.PlayOptions(
        extra_vars=tuple(given.e), tags=TagSelection(only=frozenset(given.t.split(",")), skip=skip)
    )
    with renderer(settings, redaction) as screen:
        try:
            around = app.Around(bus=Bus(screen), redaction=redaction)
            return asyncio.run(app.play(settings, given.playbooks, options, around))
        except HotdeskError as problem:
            print(problem.explain(), file=sys.stderr)
            return problem.exit_code


if __name__ == "__main__":
    sys.exit(main())
