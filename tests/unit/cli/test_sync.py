"""``hotdesk init`` and ``hotdesk sync``, as processes: two make-believe PCs are directories of this one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.machines import needs

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).parents[3]
HOSTS = """
pcs:
  hosts:
    atlas: {{switch_home: {place}/atlas}}
    vega: {{switch_home: {place}/vega}}
  vars: {{ansible_connection: local, ansible_python_interpreter: {python}}}
"""


@pytest.fixture
def pcs(place: Path, hotdesk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``init`` wrote, with a directory for each PC; vega lacks a file and has one too many."""
    needs("rsync")
    place.parent.chmod(0o777)  # the lock of a PC, and its marks, are this test's own there
    monkeypatch.setenv("HOTDESK_LOCKS", str(place.parent))
    (place / "inventory").unlink()
    done = hotdesk("init", "atlas", "vega")
    assert done.returncode == 0, done.stderr
    (place / "inventory/hosts.yml").write_text(HOSTS.format(python=sys.executable, place=place))
    for path in ("atlas/new", "vega/old"):
        (place / path).parent.mkdir()
        (place / path).write_text("x")
    return place


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_removed_that_nobody_allowed(pcs: Path, hotdesk: Callable[..., Any]) -> None:
    """The refusal is named; --allow-removals allows it."""
    done = hotdesk("sync", "--to", "vega")
    assert done.returncode == 0, done.stdout + done.stderr
    assert names(pcs / "vega") == ["new", "old"]
    assert "nobody has allowed that" in done.stdout
    assert "delete old" in done.stdout
    assert hotdesk("sync", "--allow-removals").returncode == 0
    assert names(pcs / "vega") == ["new"]


def test_the_source_can_be_another_pc(pcs: Path, hotdesk: Callable[..., Any]) -> None:
    """--from names it, whatever the inventory says."""
    done = hotdesk("sync", "--from", "vega", "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert hotdesk("sync", "--from", "vgea").returncode != 0


def test_a_review_is_done_on_the_terminal_in_one_go(pcs: Path) -> None:
    """Plan, a screen for each kind of change, and exactly what was decided; without a terminal it is refused."""
    command = [sys.executable, "-m", "hotdesk", "sync", "--review"]
    refused = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert refused.returncode == 5
    assert "needs a terminal" in refused.stderr
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "dumb"}
    try:
        process = subprocess.Popen(command, cwd=pcs, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        said = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            said += part
            if said.endswith(b"\r\n> "):
                os.write(master, b"remove 1\n" if b"remove none" in said else b"\n")
        assert process.wait(60) == 0, said.decode(errors="replace")
    finally:
        os.close(master)
    assert names(pcs / "vega") == ["new"]


def test_init_writes_the_playbook_of_the_collection(pcs: Path) -> None:
    """Its list of jobs names each that the playbook has, and runs the home directory's alone."""
    text = (pcs / "playbooks/switch.yml").read_text()
    assert text == (TOP / "collection/playbooks/switch.yml").read_text()
    variables = (pcs / "inventory/group_vars/pcs.yml").read_text()
    assert yaml.safe_load(variables)["switch_jobs"] == ["folder"]
    offered = re.findall(r"^  (?:# )?- ([a-z]+)(?:   .*)?$", variables, re.M)
    assert sorted(offered) == sorted(set(re.findall(r"'([a-z]+)' in switch_wanted", text)))


def test_init_touches_nothing_that_is_there(pcs: Path, hotdesk: Callable[..., Any]) -> None:
    """And a name is a name."""
    before = (pcs / "playbooks/switch.yml").read_text()
    assert hotdesk("init", "other").returncode == 5
    assert (pcs / "playbooks/switch.yml").read_text() == before
    assert hotdesk("init", "a b", "--in", "elsewhere").returncode == 5
    assert not (pcs / "elsewhere").exists()
