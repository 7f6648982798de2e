"""``python measured.py REPORT COMMAND...``: run a command; its exit code and the most memory it had (KiB) go to REPORT, as JSON.

In a process of its own, since the kernel counts what a process had before ``exec`` as the program's.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, check=False)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
Path(sys.argv[1]).write_text(json.dumps({"code": done.returncode, "peak": peak}))
