"""What SQLite must find in the editor's database on the target."""

from __future__ import annotations

import json
import shlex
from typing import Any

FILE = "/home/ada/.config/Code/User/globalStorage/state.vscdb"
READ = """
import json, sqlite3, sys
base = sqlite3.connect(sys.argv[1])
assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
print(json.dumps(dict(base.execute("SELECT key, value FROM ItemTable"))))
"""


def test_rows_are_merged_and_secrets_stay(host: Any) -> None:
    """The source's rows come, what only the target has stays, and so does what is secret to one machine."""
    held = json.loads(host.check_output(f"python3 -c {shlex.quote(READ)} {FILE}"))
    assert held == {"theme": "dark", "recent": "1", "only": "here", "secret://token": "of-pc2"}


def test_the_database_is_adas(host: Any) -> None:
    """Whoever wrote it."""
    assert host.file(FILE).user == "ada"
