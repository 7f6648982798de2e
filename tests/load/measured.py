"""The command line in a process that reports on itself: ``python -m tests.load.measured REPORT play ...``."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from hotdesk.cli.main import main as hotdesk
from tests.load.probe import memory, watched_loop


def main() -> None:
    """Run hotdesk with the words after the report's name; leave the report and its exit code."""
    report = Path(sys.argv.pop(1))
    try:
        with watched_loop() as seen:
            hotdesk()
    finally:
        found = {**asdict(seen), "memory": memory("self"), "cpu": time.process_time()}
        report.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
