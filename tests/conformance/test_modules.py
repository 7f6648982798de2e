"""Modules that are not hotdesk's own give the same results under ansible-playbook and under hotdesk."""

from __future__ import annotations

import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.test_peer import BIN, ENGINE, HERE, run, story

if TYPE_CHECKING:
    from pathlib import Path

DIFFERENT = frozenset(
    {"invocation", "warnings", "deprecations", "diff", "uid", "gid", "owner", "group", "ansible_job_id", "results_file"}
)
"""What is not kept (docs/compatibility.md), stands elsewhere in a result, or is another each time."""
TIMES = ("atime", "ctime", "mtime", "inode")


def plain(value: Any, place: str) -> Any:
    """A result without what may differ."""
    if isinstance(value, dict):
        return {key: plain(one, place) for key, one in value.items() if key not in DIFFERENT and key not in TIMES}
    if isinstance(value, list):
        return [plain(one, place) for one in value]
    return value.replace(place, "PLACE") if isinstance(value, str) else value


def prepared(place: Path) -> Path:
    """The files that the play works with."""
    (place / "pieces").mkdir(parents=True)
    for number, text in enumerate(("one\n", "two", "three\n")):
        (place / "pieces" / str(number)).write_text(text)
    book = place / "book"
    shutil.copytree(HERE / "modules", book)
    (book / "files").mkdir()
    with tarfile.open(book / "files/archive.tar", "w") as archive:
        archive.add(place / "pieces", "unpacked")
    return book / "play.yml"


@pytest.mark.ansible
@pytest.mark.slow
def test_the_same_results_as_under_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of modules in a library (Python and programs), of ansible-core, and of those with a half on the control node."""
    found = {}
    for name, engine in (("peer", [str(BIN / "ansible-playbook")]), ("ours", ENGINE)):
        place = tmp_path / name
        playbook = prepared(place)
        monkeypatch.setenv("PLACE", str(place))
        monkeypatch.setenv("ANSIBLE_ASYNC_DIR", str(place / "jobs"))
        done = run([*engine, "-i", str(HERE / "inventory.ini"), str(playbook)], place)
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((place / "results.json").read_text())
        results["background"] = {key: results["background"][key] for key in ("said", "heard", "changed")}
        results["archive"].pop("src")
        results["archive"].get("extract_results", {}).pop("cmd", None)
        found[name] = (plain(results, str(place)), story(done.stdout))
    assert found["ours"][0] == found["peer"][0]
    assert found["ours"][1] == found["peer"][1]
