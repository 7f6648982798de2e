from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import UsageError
from hotdesk.jobs.base import Expectation
from hotdesk.jobs.expected import Met, before, keep, of_host
from hotdesk.jobs.review import Step

if TYPE_CHECKING:
    from pathlib import Path

APT = Step("my.own.apt", "Packages", "/book.yml:4")
FILES = Step("my.own.files", "Files", "/book.yml:9")


def package(name: str, version: str) -> Expectation:
    return Expectation(kind="package", subject=name, value={"version": version})


def subjects(host: str = "vega") -> list[str]:
    return sorted(each["subject"] for step in of_host(host) for each in step["expectations"])


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "hotdesk" / "expected"


def test_the_newest_word_of_a_step_stands(state: Path) -> None:
    """In a file of the host's own that nobody else reads; also when lines were added above the task."""
    keep([Met(APT, "vega", "root", [package("a", "1"), package("b", "1")])], run="run-1")
    moved = Step(APT.job, APT.task, "/book.yml:40")
    assert before(moved, "vega") == (package("a", "1"), package("b", "1"))
    keep([Met(moved, "vega", "root", [package("a", "2")])], run="run-2")
    assert of_host("vega")[0]["expectations"] == [{"kind": "package", "subject": "a", "value": {"version": "2"}}]
    assert stat.S_IMODE((state / "vega.json").stat().st_mode) == 0o600
    assert of_host("lyra") == []


def test_steps_that_a_playbook_no_longer_has_are_dropped() -> None:
    """Only by a run of the whole playbook, and only of that one."""
    other = Step("my.own.apt", "Packages", "/other.yml:4")
    keep([Met(APT, "vega", "root", [package("a", "1")]), Met(other, "vega", "root", [package("o", "1")])], run="run-1")
    keep([Met(FILES, "vega", "root", [package("f", "1")])], run="run-2")
    assert subjects() == ["a", "f", "o"]
    keep([Met(FILES, "vega", "root", [package("f", "1")])], run="run-3", playbooks=["/book.yml"])
    assert subjects() == ["f", "o"]


def test_what_two_steps_speak_of_is_as_the_later_one_left_it() -> None:
    """The earlier one's word would be a false alarm."""
    keep([Met(APT, "vega", "root", [package("a", "1")]), Met(FILES, "vega", "root", [package("a", "2")])], run="run-1")
    (found,) = [each for step in of_host("vega") for each in step["expectations"]]
    assert found["value"] == {"version": "2"}


def test_a_host_may_have_any_name(state: Path) -> None:
    """No name leads out of the folder."""
    keep([Met(APT, "../up", "root", [package("a", "1")])], run="run-1")
    assert subjects("../up") == ["a"]
    assert len(list(state.iterdir())) == 1


def test_a_file_that_cannot_be_read_is_told(state: Path) -> None:
    """With what to do."""
    keep([Met(APT, "vega", "root", ())], run="run-1")
    (state / "vega.json").write_text("[]")
    with pytest.raises(UsageError, match="cannot be read"):
        of_host("vega")
