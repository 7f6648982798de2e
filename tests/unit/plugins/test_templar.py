"""What plugins get in the place of Ansible's DataLoader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.plugins.templar import Files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_of_a_role_goes_before_the_playbook_s(tmp_path: Path) -> None:
    """In the folder asked for, then in tasks, then the playbook's; the last place where there is none. An absolute name stays."""
    book, role = tmp_path / "book", tmp_path / "role"
    files = Files(str(book), lambda path: path.read_bytes())
    made = [book / "x", book / "templates" / "x", role / "tasks" / "x", role / "templates" / "x"]
    assert files.path_dwim_relative(str(role), "templates", "x") == str(book / "x")
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert files.path_dwim_relative(str(role / "tasks"), "templates", "x") == str(path)
    assert files.path_dwim_relative(str(role), "templates", "") == str(role / "templates")
    assert files.path_dwim_relative(str(role), "templates", "/etc/hosts") == "/etc/hosts"
