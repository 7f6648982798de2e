"""What a template file is told about itself."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import TemplateError
from hotdesk.settings import Settings
from hotdesk.variables.template_files import facts_of, managed
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from pathlib import Path

JUNE = time.mktime((2024, 6, 1, 12, 30, 0, 0, 0, -1))


def told(path: Path, setting: str) -> str:
    """What the template in ``path`` becomes with ``setting`` as ansible_managed."""
    path.write_text("{{ ansible_managed }}")
    os.utime(path, (JUNE, JUNE))
    extra = facts_of(path, {}, setting, source=path.name)
    rendered = Templates(Settings()).render_file_now(path.read_text(), str(path), extra)
    return str(rendered)


def test_ansible_managed_has_names_and_the_time_of_the_file(tmp_path: Path) -> None:
    """As Ansible's setting describes it: {file}, {host}, {uid}, and strftime's letters for when the template was changed."""
    owner = facts_of(tmp_path, {}, "")["template_uid"]
    assert told(tmp_path / "a.j2", "{file} %Y-%m-%d %H:%M by {uid}") == f"a.j2 2024-06-01 12:30 by {owner}"


def test_the_setting_may_be_a_template(tmp_path: Path) -> None:
    """With doubled braces, as Ansible wants them."""
    assert told(tmp_path / "a.j2", "{{{{ 6 * 7 }}}} {file}") == "42 a.j2"


@pytest.mark.parametrize("name", ["%Y {{ 1 % 0 }}.j2", "{file}.j2"])
def test_a_file_name_is_no_template(tmp_path: Path, name: str) -> None:
    """Nor is it a time, or something to be filled in."""
    assert told(tmp_path / name, "{file}") == name


def test_what_cannot_be_filled_in_is_an_error_with_its_remedy() -> None:
    """It names the setting, and what it may have."""
    with pytest.raises(TemplateError, match="the setting ansible_managed cannot be filled in") as caught:
        managed("by {nobody}", JUNE)
    assert "{file}" in str(caught.value.remedy)


def test_a_variable_of_that_name_is_left_alone(tmp_path: Path) -> None:
    """The user's own goes before the setting."""
    assert "ansible_managed" not in facts_of(tmp_path, {"ansible_managed": "mine"}, "{nobody}")
