"""A mirror whose source is hostile: its rsync asks the targets for other things, and sends names that lead out of the destination."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hotdesk.transfer.rsync import ability
from tests.hostile.cells import Cell
from tests.hostile.moves import AS_LONG, CANARY
from tests.hostile.running import HONEST
from tests.load.fleet import carrying

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hostile.running import Runs

pytestmark = pytest.mark.leaky  # the PCs are up for the whole session
TASK = (
    "- hotdesk.sync.folder: {source: evil, path: '{{ playbook_dir }}/tree', dest: '{{ hotdesk_demo_home }}/{{ cell }}'}"
)
DELETING = TASK.replace("dest:", "delete: true, dest:")
REHEARSED = f"{TASK}\n  check_mode: true"
REFUSED = "asked for something else than the agreed receiver"
RSYNC = """
rsync = [{rsync!r}, *sys.argv[1:]]
if "--server" not in sys.argv:
    rsync[1:1] = {options!r}
    shell = f"{{text}}.{{os.getpid()}}"
    with open(shell, "w") as file:
        file.write({shell!r})
    os.chmod(shell, 0o755)
    os.environ["RUNNERS_SHELL"], os.environ["RSYNC_RSH"] = os.environ["RSYNC_RSH"], shell
os.execv(rsync[0], rsync)
"""
"""In the place of the source's rsync: the real one, but its remote shell is ours, in front of the runner's."""
SHELL = """#!{python}
import os, shlex, subprocess, sys, threading
words, outside = sys.argv[1:], os.environ["HOME"] + "/outside"
{words}
talk = subprocess.Popen([*shlex.split(os.environ["RUNNERS_SHELL"]), *words], stdin=subprocess.PIPE)
def exchange():
    while data := os.read(0, 65536):
        for name, lie in {names!r}:
            data = data.replace(name.encode(), lie.encode())
        try:
            os.write(talk.stdin.fileno(), data)
        except BrokenPipeError:
            break
    talk.stdin.close()
threading.Thread(target=exchange, daemon=True).start()
status = talk.wait()
os._exit(status)
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """``words``: Python text over what the sender asks for at the other end. ``names``: what it exchanges in what it sends, for something of the
    same length. ``says``: what a target's failure must hold; empty: the mirror succeeds."""

    name: str
    says: str
    words: str = ""
    names: tuple[tuple[str, str], ...] = ()
    tree: tuple[str, ...] = ("file",)
    task: str = TASK
    since: tuple[int, ...] = ()
    """The first rsync that refuses it."""
    options: tuple[str, ...] = ()
    """What the source's rsync is told besides. Its filter rules go to the targets' when these delete."""


def adds(*options: str) -> str:
    return f"words[-2:-2] = {list(options)!r}"


WAS_LINK = "was-link/owned"
"""At the destination was-link is a symbolic link to somewhere else."""
NEVER = """import time
read, pieces = os.read, iter(range(3))
def endless():
    while True:
        os.write(2, b"nearly done\\n")
        time.sleep(0.2)
os.read = lambda fd, size: endless() if next(pieces, None) is None else read(fd, size)"""
"""After three pieces nothing more is sent, and there are signs of life for ever."""
UNSAFE = "rsync exit code"
PRIVATE = "do-not-quote-me"
"""In a file of each target's, inside the destination and beside it."""
ATTACKS = (
    Attack("nothing", "", tree=("file", WAS_LINK)),
    Attack("deletions that nobody wanted", REFUSED, adds("--delete")),
    Attack("another directory", REFUSED, "words[-1] = outside + '/'"),
    Attack("the directory above", REFUSED, "words[-1] += '../'"),
    Attack("another program", REFUSED, "words[1:] = ['touch', outside + '/owned']"),
    Attack("a program beside rsync", REFUSED, "words[-1] += '; touch ' + outside + '/owned'"),
    Attack("to write through links", REFUSED, adds("--keep-dirlinks"), tree=("file", WAS_LINK)),
    Attack("to write in place", REFUSED, adds("--inplace")),
    Attack("backups elsewhere", REFUSED, "words[-2:-2] = ['--backup', '--backup-dir=' + outside]"),
    Attack("temporary files elsewhere", REFUSED, "words[-2:-2] = ['--temp-dir=' + outside]"),
    Attack("the act for the rehearsal", REFUSED, "words = [w.replace('n', '', 1) if w[:1] == '-' != w[1:2] else w for w in words]", task=REHEARSED),
    Attack("a name that climbs", UNSAFE, names=(("QQQowned", "../owned"),), tree=("file", "QQQowned")),
    Attack("a name that climbs from below", UNSAFE, names=(("QQQQQQowned", "../../owned"),), tree=("file", "sub/QQQQQQowned")),
    Attack("a name from the root", UNSAFE, names=((AS_LONG, CANARY),), tree=("file", AS_LONG)),
    Attack("a name below a link", UNSAFE, names=(("Qowned", "/owned"),), tree=("file", "was-linkQowned"), since=(3, 4, 0)),
    Attack("a transfer that never ends", "Timed out after 8 second", NEVER, task=f"{TASK}\n  timeout: 8"),
    Attack("rules out of a file of the target's", UNSAFE, task=DELETING, since=(3, 5, 0), options=("--filter=: private",)),
    Attack("rules out of a file beside the destination", UNSAFE, task=DELETING, since=(3, 5, 0), options=("--filter=: ../outside/private",)),
)  # fmt: skip


def listing(folder: Path, without: Path | None = None) -> dict[str, str]:
    """Every entry below ``folder`` and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if without is None or (path != without and without not in path.parents):
            kind = f"-> {path.readlink()}" if path.is_symlink() else path.read_text() if path.is_file() else ""
            found[str(path.relative_to(folder))] = kind
    return found


def needs(attack: Attack) -> str:
    """The real rsync; a named skip where it is missing or has the hole that the attack is about."""
    rsync = shutil.which("rsync") or ""
    said = subprocess.run([rsync, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout if rsync else ""
    found = ability(said)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("rsync is not installed")
    if found.version < attack.since:
        wanted = ".".join(map(str, attack.since))
        pytest.skip(f"rsync here is older than {wanted}: see docs/security.md")
    return rsync


def arrange(runs: Runs, cell: Cell) -> dict[str, Path]:
    """A destination with a file and a link out of it on each target; host -> what is around it."""
    for host in (*HONEST, "evil"):
        dest = runs.dest(cell, host)
        outside = dest.parent / "outside"
        outside.mkdir(exist_ok=True)
        dest.mkdir()
        (dest / "kept").write_text("kept")
        for folder in (dest, outside):
            (folder / "private").write_text(PRIVATE)
        (dest / "was-link").symlink_to(outside)
    # What the source says of its own disk it also means on the targets: here all PCs have one.
    return {host: runs.dest(cell, host).parent for host in HONEST} | {
        "evil": runs.dest(cell, "evil").parent / "outside"
    }


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_a_hostile_source_changes_nothing_outside(attack: Attack, runs: Runs) -> None:
    """Whatever it asks for and sends: around the destination all is as it was, and nothing is deleted in it."""
    shell = SHELL.format(python=sys.executable, words=attack.words, names=attack.names)
    lies = RSYNC.format(rsync=needs(attack), shell=shell, options=list(attack.options))
    cell = Cell(name=f"source: {attack.name}", status="ok", tasks=attack.task, tree=attack.tree, rsync=lies)
    around = arrange(runs, cell)
    before = {host: listing(folder, runs.dest(cell, host)) for host, folder in around.items()}
    ran = runs.of(cell)
    shown = f"{attack.name}: exit code {ran.code}\n{ran.output[-3000:]}"
    assert {host: listing(folder, runs.dest(cell, host)) for host, folder in around.items()} == before, shown
    assert "owned" not in ran.found, shown
    assert "Traceback" not in ran.output, shown
    assert PRIVATE not in ran.output, shown
    for host in HONEST:
        dest = runs.dest(cell, host)
        assert (dest / "kept").read_text() == "kept", shown
        assert ran.recap(host)["failed" if attack.says else "ok"] == 1, shown
        (fatal,) = [line for line in ran.output.splitlines() if line.startswith(f"fatal: [{host}]")] or [""]
        assert attack.says in fatal, shown
        assert (dest / "file").exists() == (not attack.says), shown
        assert not carrying(f"{dest}/", "cmdline"), shown
