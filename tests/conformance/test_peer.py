"""The same playbook under ansible-playbook and under hotdesk: the same plays, tasks and handlers in the same order, the same recap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
ENGINE = [sys.executable, "-m", "tests.conformance.engine"]
LONG = ("delegation", "handlers", "includes", "loops", "results")
"""`make conformance` plays them too."""
GONE = "NO MORE HOSTS LEFT"
HEADER = re.compile(r"^(PLAY|TASK|RUNNING HANDLER) ?(\[.*\])? ?\*+$")


def story(output: str) -> tuple[list[str], list[str], list[str]]:
    """(headers and includes in order, recap lines). Repeated headers count once: Ansible shows meta once a host, and
    that no hosts are left twice when it was max_fail_percentage."""
    shown: list[str] = []
    included: list[str] = []
    recap: list[str] = []
    for line in output.splitlines():
        if " : ok=" in line:
            recap.append(" ".join(line.split()))
        elif line.startswith(GONE):
            shown += [GONE] if shown[-1:] != [GONE] else []
        elif match := HEADER.match(line):
            entry = f"{match[1]} {match[2]}"
            if match[2] and "meta]" not in entry and (not shown or shown[-1] != entry or match[1] == "PLAY"):
                shown.append(entry)
        elif line.startswith("included:"):
            file, _, hosts = re.sub(r"/\S*/", "", line).partition(" for ")
            hosts, _, label = hosts.partition(" => ")
            included.append(f"{file} {','.join(sorted(hosts.split(', ')))} {label}")
    return shown, included, sorted(recap)


def run(command: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(HERE.parents[1]),
    }  # fmt: skip
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300, check=False
    )


@pytest.mark.ansible
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.parent.name, marks=pytest.mark.thorough if path.parent.name in LONG else ())
        for path in sorted(HERE.glob("*/playbook.yml"))
    ],
)
def test_the_same_story_as_under_ansible(name: str, tmp_path: Path) -> None:
    """Order of tasks, includes, recap and exit status are those of ansible-playbook."""
    if shutil.which("ansible-playbook", path=str(BIN)) is None:
        message = "ansible-playbook is not installed beside hotdesk"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    options = (HERE / name / "options").read_text().split() if (HERE / name / "options").exists() else []
    arguments = ["-i", str(HERE / "inventory.ini"), str(HERE / name / "playbook.yml"), *options]
    peer = run(["ansible-playbook", *arguments], tmp_path)
    ours = run([*ENGINE, *arguments], tmp_path)
    assert story(ours.stdout) == story(peer.stdout), ours.stdout + ours.stderr
    assert ours.returncode == peer.returncode
