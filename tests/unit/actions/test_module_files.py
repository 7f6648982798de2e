"""Which module of several of one name is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.module_files import ModuleFiles
from hotdesk.actions.registry import ActionNames
from hotdesk.settings import Settings
from tests.unit.actions.conftest import write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_module_beside_the_playbook_goes_before_one_of_a_role_and_of_the_settings(tmp_path: Path) -> None:
    """In the order they were loaded; the folders of the setting ``library`` come last."""
    for place in ("one", "two", "set"):
        write(tmp_path / place / "library/speaker.py", f"# {place}")
    files = ModuleFiles.of(Settings(library=(tmp_path / "set/library",)), None)
    assert files.own("speaker") == tmp_path / "set/library/speaker.py"
    for place in ("one", "two", "one"):
        files.add(tmp_path / place)
        assert files.own("speaker") == tmp_path / "one/library/speaker.py"
    assert [folder.parent.name for folder in files.library] == ["one", "two", "set"]


def test_utilities_of_a_playbook_go_before_those_of_the_settings(tmp_path: Path) -> None:
    """As its modules do, whether or not it has any."""
    (tmp_path / "play/module_utils").mkdir(parents=True)
    files = ModuleFiles.of(Settings(module_utils=(tmp_path / "set",)), None)
    files.add(tmp_path / "play")
    assert files.module_utils == [tmp_path / "play/module_utils", tmp_path / "set"]
    assert files.library == []


def test_a_module_that_comes_with_a_later_role_is_taken(tmp_path: Path) -> None:
    """Also when one of that name from the settings was used before."""
    for place in ("role", "set"):
        write(tmp_path / place / "library/speaker.py", f"# {place}")
    names = ActionNames(files=ModuleFiles.of(Settings(library=(tmp_path / "set/library",)), None))
    before = names.load("ansible.legacy.speaker")
    assert names.module("speaker") is before
    names.files.add(tmp_path / "role")
    assert names.load("ansible.legacy.speaker") is not before
    after = names.module("speaker")
    assert after is not None
    assert after.path == tmp_path / "role/library/speaker.py"
