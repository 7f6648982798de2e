from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.embedded import pcs
from tests.unit.collection.trees import ctimes, everyday, listing
from tests.unit.machines import needs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.demo.embedded import EmbeddedPCs

    Playbook = Callable[..., Awaitable[tuple[int, str]]]

__all__ = ["pcs"]

pytestmark = pytest.mark.ansible
REPOSITORY = Path(__file__).parents[3]
PLAY = """
- hosts: pc2
  gather_facts: false
  tasks:
    - name: Mirror
      hotdesk.sync.folder:
        path: "{{ src }}"
        dest: "{{ dst }}"
        delete: true
        source: "{{ from | default(omit) }}"
"""


@pytest.fixture
def playbook(pcs: EmbeddedPCs, tmp_path: Path) -> Callable[..., Awaitable[tuple[int, str]]]:
    """``code, text = await playbook("--check", src=..., dst=...)``: ansible-playbook itself on the embedded PCs."""
    needs("rsync")
    pytest.importorskip("ansible")
    (tmp_path / "play.yml").write_text(PLAY)
    collections = tmp_path / "collections" / "ansible_collections" / "hotdesk"
    collections.mkdir(parents=True)
    (collections / "sync").symlink_to(REPOSITORY / "collection")

    async def run(*options: str, home: bool = True, **variables: object) -> tuple[int, str]:
        extra = [f"-e{name}={value}" for name, value in variables.items()]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(pcs.inventory_path), *options, *extra, "play.yml",
            cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
                 "HOTDESK_LOCKS": str(tmp_path), "ANSIBLE_NOCOLOR": "1", "PYTHONWARNINGS": "", "PYTHONDEVMODE": ""},
        )  # fmt: skip
        text, _ = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, text.decode()

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    everyday(tmp_path / "src")
    return tmp_path / "src"


async def test_the_job_runs_under_ansible_playbook(playbook: Playbook, source: Path, tmp_path: Path) -> None:
    """Check mode with a diff lists the items and writes nothing; the run mirrors; a second one is ok."""
    dest = tmp_path / "dst"
    code, text = await playbook("--check", "--diff", src=source, dst=dest)
    assert code == 0, text
    assert "<f+++++++++ documents/letter.txt" in text
    assert "changed=1" in text
    assert not dest.exists()
    code, text = await playbook(src=source, dst=dest)
    assert code == 0, text
    assert listing(dest) == listing(source)
    before = ctimes(dest)
    code, text = await playbook(src=source, dst=dest)
    assert "changed=0" in text
    assert ctimes(dest) == before


async def test_another_pc_may_be_the_source(playbook: Playbook, source: Path, tmp_path: Path) -> None:
    """Relayed through the control node."""
    code, text = await playbook(src=source, dst=tmp_path / "dst", **{"from": "pc1"})
    assert code == 0, text
    assert listing(tmp_path / "dst") == listing(source)


async def test_mistakes_are_one_sentence(playbook: Playbook, source: Path, tmp_path: Path) -> None:
    """No traceback: an unknown source with the nearest name, a missing path with its remedy."""
    code, text = await playbook(src=source, dst=tmp_path / "dst", **{"from": "pc9"})
    assert code == 2
    assert "the source 'pc9' is not in the inventory" in text
    code, text = await playbook(src="/nowhere/at/all", dst=tmp_path / "dst")
    assert code == 2
    assert "/nowhere/at/all does not exist on localhost" in text
    assert "Traceback" not in text


async def test_a_pc_that_does_not_answer_is_unreachable(playbook: Playbook, source: Path, tmp_path: Path) -> None:
    """Ansible's own word for it, exit code 4."""
    code, text = await playbook("-e", "ansible_port=1", src=source, dst=tmp_path / "dst")
    assert code == 4, text
    assert "unreachable=1" in text


async def test_without_hotdesk_it_says_so(
    playbook: Playbook, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear sentence names the package and how to get it."""
    blocked = tmp_path / "blocked" / "hotdesk"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked.parent))
    code, text = await playbook(src=source, dst=tmp_path / "dst")
    assert code == 2
    assert "pip install hotdesk" in text
