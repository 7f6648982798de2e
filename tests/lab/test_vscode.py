"""The vscode job on real PCs with real SQLite databases: several editors, people, logs, running editors, damage, stops."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

CODE = ".config/Code/User/globalStorage/state.vscdb"
OSS = ".config/Code - OSS/User/profiles/1a2b/globalStorage/state.vscdb"
MAKE = """
import json, os, pwd, sqlite3, sys
path, person, how, rows = sys.argv[1], pwd.getpwnam(sys.argv[2]), sys.argv[3], json.load(sys.stdin)
os.setgid(person.pw_gid); os.setuid(person.pw_uid)
os.makedirs(os.path.dirname(path), exist_ok=True)
base = sqlite3.connect(path, isolation_level=None)
base.execute("PRAGMA journal_mode = " + ("wal" if how == "crashed" else "delete"))
base.execute("CREATE TABLE IF NOT EXISTS ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
base.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows.items())
os.chmod(path, 0o640)
if how == "crashed": os._exit(0)
"""
HELD = """
import json, sqlite3, sys
base = sqlite3.connect(sys.argv[1])
assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
print(json.dumps(dict(base.execute("SELECT key, value FROM ItemTable"))))
"""
TREE = """
find /home/*/.config -printf '%p %m %u %g %s %T@\\n' 2>/dev/null | sort; find /tmp -xdev | sort
find /home/*/.config -type f -exec sha256sum {} + 2>/dev/null; true
"""
EDITOR = """
import sqlite3, sys, time
base = sqlite3.connect(sys.argv[1]); base.execute("SELECT * FROM ItemTable").fetchone(); open("/run/lab-editor", "w"); time.sleep(600)
"""
CLEAN = "rm -rf /home/*/.config/Code* /home/*/.config/Cursor /run/lab-editor /var/lib/hotdesk"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source: ada works with Code, bob with Code - OSS, whose last session crashed."""
    for pc in lab:
        pc.run("sh", "-c", CLEAN)
    make(lab["pc1"], "ada", CODE, {"theme": "Übersicht → ß", "recent": "1" * 3000, "secret://ada": "kept-on-pc1-4711",
                                   "vscode.github-github-usages": "pc1", "mine.token": "row-4712"})  # fmt: skip
    make(lab["pc1"], "ada", f"{CODE}.backup", {"theme": "before"})
    make(lab["pc1"], "bob", OSS, {"zoom": "2"}, how="crashed")
    make(lab["pc2"], "ada", CODE, {"theme": "light", "secret://ada": "kept-on-pc2", "only": "here"})
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in lab:
        pc.run("sh", "-c", CLEAN)


def make(pc: PC, person: str, path: str, rows: Mapping[str, str], how: str = "") -> None:
    """Rows in a database, by the person."""
    pc.run("python3", "-c", MAKE, f"/home/{person}/{path}", person, how, stdin=json.dumps(rows).encode())


def held(pc: PC, person: str, path: str) -> dict[str, str]:
    """What SQLite says is in it."""
    found: dict[str, str] = json.loads(pc.run("python3", "-c", HELD, f"/home/{person}/{path}"))
    return found


def state(desk: Desk, *options: str, args: str = "", hosts: str = "pc2", lease: int = 30) -> Done:
    """Run the job from pc1."""
    return desk.play(book(desk, args, hosts, lease), *options)


def book(desk: Desk, args: str = "", hosts: str = "pc2", lease: int = 30) -> Path:
    tasks = f"- name: Editors\n  hotdesk.sync.vscode: {{source: pc1, {args}}}"
    return desk.playbook(tasks, hosts=hosts, head=f"become: true\nvars: {{hotdesk_lease: {lease}}}")


def result(done: Done, host: str = "pc2") -> dict[str, Any]:
    """The job's result on a host."""
    (found,) = done.results(host, "Editors")
    return found


def test_rows_come_and_what_is_bound_to_a_machine_stays(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """On a PC with a database and on one without; nothing in check mode; a second run does nothing; no value is told anywhere."""
    before = [pc.run("sh", "-c", TREE) for pc in lab]
    checked = state(desk, "--check", "--diff", hosts="pc2,pc3")
    assert checked.code == 0, checked.stdout[-3000:]
    assert [pc.run("sh", "-c", TREE) for pc in lab] == before
    assert "ItemTable theme" in checked.stdout
    done = state(desk, "--diff", hosts="pc2,pc3")
    assert done.code == 0, done.stdout[-3000:]
    for name in ("pc2", "pc3"):
        assert result(done, name)["items"] == result(checked, name)["items"]
        assert held(lab[name], "bob", OSS) == {"zoom": "2"}
        assert held(lab[name], "ada", f"{CODE}.backup") == {"theme": "before"}
    came = {"theme": "Übersicht → ß", "recent": "1" * 3000, "mine.token": "row-4712"}
    assert held(lab["pc2"], "ada", CODE) == {**came, "secret://ada": "kept-on-pc2", "only": "here"}
    assert held(lab["pc3"], "ada", CODE) == came
    told = lab["pc2"].run("stat", "-c", "%a %U %G", f"/home/ada/{CODE}", f"/home/bob/{OSS}")
    assert told == "640 ada ada\n640 bob bob\n"
    assert lab["pc2"].run("sh", "-c", "ls -A /home/ada/.config/Code/User/globalStorage").split() == [
        "state.vscdb", "state.vscdb.backup",
    ]  # fmt: skip
    again = state(desk, hosts="pc2,pc3")
    assert [result(again, name)["changed"] for name in ("pc2", "pc3")] == [False, False]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    for value in ("4711", "4712", "kept-on", "Übersicht", "\\u00dcbersicht"):
        assert value not in checked.stdout + done.stdout + done.stderr + written, value


@pytest.mark.thorough
def test_a_running_editor_is_named(desk: Desk, lab: Lab) -> None:
    """On either side, before anything is changed; what others use goes on when that is wanted; a damaged database fails alone."""
    start = f"setsid runuser -u ada -- python3 -c '{EDITOR.replace('/run', '/tmp')}' /home/ada/{CODE} >/dev/null 2>&1 </dev/null &"
    lab["pc2"].run("sh", "-c", start + " while [ ! -e /tmp/lab-editor ]; do sleep 0.1; done")
    make(lab["pc2"], "ada", f"{CODE}.backup", {"x": "1"})
    lab["pc2"].run("sh", "-c", f"echo broken >/home/ada/{CODE}.backup")
    try:
        refused = state(desk)
        assert refused.code == 2, refused.stdout[-3000:]
        assert f"{CODE} of ada is in use by python3 (process" in json.dumps(refused.events)
        assert held(lab["pc2"], "ada", CODE)["theme"] == "light"
        done = state(desk, args="running: skip")
        assert done.code == 2, done.stdout[-3000:]
        failed = result(done)["failed_changes"]
        assert list(failed) == [f"merge ada {CODE}.backup"]
        assert "damaged" in failed[f"merge ada {CODE}.backup"]
    finally:
        lab["pc2"].run("sh", "-c", "pkill -u ada -f lab-editor; rm -f /tmp/lab-editor")
    assert held(lab["pc2"], "ada", CODE)["theme"] == "light"
    assert held(lab["pc2"], "bob", OSS) == {"zoom": "2"}
    assert lab["pc2"].run("cat", f"/home/ada/{CODE}.backup") == "broken\n"


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_in_the_middle_leaves_it_old(desk: Desk, lab: Lab, signum: int) -> None:
    """Stopped while sixty megabytes of rows are merged into the copy: the old one is there, whole; the next run brings the new."""
    make(lab["pc1"], "ada", CODE, {f"row{n}": "x" * 100_000 for n in range(600)})
    with desk.playing(book(desk, lease=6)) as run:
        until(lambda: lab["pc2"].run("sh", "-c", "ls -d /home/ada/.config/Code/User/globalStorage/.state*", check=False),
              120, "the copy is being made")  # fmt: skip
        run.signal(signum)
        run.ended(60)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 60, "nothing is left of it")
    assert held(lab["pc2"], "ada", CODE)["theme"] in ("light", "Übersicht → ß")
    done = state(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert held(lab["pc2"], "ada", CODE)["row599"] == "x" * 100_000
    assert lab["pc2"].run("sh", "-c", "ls -A /home/ada/.config/Code/User/globalStorage").split() == [
        "state.vscdb", "state.vscdb.backup",
    ]  # fmt: skip
    assert not result(state(desk))["changed"]


@pytest.mark.thorough
def test_drift_is_found_later_and_rows_go_on_request(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync, and names the database that somebody changed."""
    done = state(desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    assert f"reset ada {CODE}" in result(done)["items"]
    assert "only" not in held(lab["pc2"], "ada", CODE)
    verified = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    make(lab["pc2"], "ada", CODE, {"secret://other": "1"})
    assert desk.run("verify", "--jobs", "--hosts", "pc2").returncode == 0
    make(lab["pc2"], "ada", CODE, {"theme": "other"})
    verified = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert verified.returncode == 3, verified.stdout + verified.stderr
    (line,) = [line for line in verified.stdout.splitlines() if line.startswith("drifted:")]
    assert f"rows of ada {CODE}" in line


@pytest.mark.thorough
def test_a_mirror_of_the_home_leaves_the_databases_alone(desk: Desk, lab: Lab) -> None:
    """Also one that begins below it, and with the log of the crashed session."""
    tasks = (
        "- hotdesk.sync.folder: {source: pc1, path: /home/ada/.config, delete: true}\n"
        "- hotdesk.sync.folder: {source: pc1, path: /home/bob/.config, delete: true}"
    )
    lab["pc1"].run("sh", "-c", "echo '{}' >/home/ada/.config/Code/User/settings.json")
    done = desk.play(desk.playbook(tasks, hosts="pc2", head="become: true"))
    assert done.code == 0, done.stdout[-3000:]
    assert lab["pc2"].run("cat", "/home/ada/.config/Code/User/settings.json") == "{}\n"
    assert held(lab["pc2"], "ada", CODE) == {"theme": "light", "secret://ada": "kept-on-pc2", "only": "here"}
    assert lab["pc2"].run("sh", "-c", f"ls '/home/bob/{OSS}'* 2>/dev/null; true") == ""


@pytest.mark.thorough
@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert held(lab["pc2"], "ada", CODE)["theme"] == "Übersicht → ß"
    assert held(lab["pc2"], "ada", CODE)["secret://ada"] == "kept-on-pc2"
    assert "4712" not in text
    assert not result(state(desk))["changed"]
