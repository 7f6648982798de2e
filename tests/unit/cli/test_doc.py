"""``hotdesk doc``: what modules and jobs say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hotdesk.cli.doc import command
from hotdesk.errors import JobError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def doc(*words: str) -> str:
    """What is printed."""
    return CliRunner().invoke(command, list(words), catch_exceptions=False).stdout


def test_everything_that_can_be_run_is_listed(place: Path) -> None:
    """Builtin actions and sync jobs, each with one line."""
    lines = doc("-l").splitlines()
    names = [line.split()[0] for line in lines]
    assert {"ansible.builtin.copy", "ansible.builtin.command", "hotdesk.sync.folder"} <= set(names)
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("name", ["folder", "hotdesk.sync.folder", "copy", "ansible.builtin.include_tasks"])
def test_a_page_has_title_and_text_without_markup(name: str, place: Path) -> None:
    """By short or full name; Ansible's O(...) and V(...) are gone."""
    page = doc(name)
    assert page.startswith("> ")
    assert name.rpartition(".")[2].upper() in page.splitlines()[0]
    assert "O(" not in page


def test_the_options_of_the_job_are_there(place: Path) -> None:
    """= marks what is required."""
    page = doc("hotdesk.sync.folder")
    assert "= path  (str)" in page
    assert "- delete  (bool)" in page
    assert "default: False" in page


def test_what_all_jobs_have_in_common_is_on_the_page(place: Path) -> None:
    """It stands in documentation fragments of the collection; the module's own words come first."""
    page = doc("hotdesk.sync.etc")
    assert "- source  (str)" in page
    notes = page.partition("NOTES:")[2]
    assert notes.index("comes after hotdesk.sync.apt") < notes.index("One sync at a time")
    assert "* root on the source and the targets" in page.partition("REQUIREMENTS:")[2]
    assert "Both need dpkg" in page.partition("platform: full")[2]


def test_without_or_with_a_wrong_name_the_remedy_is_told(place: Path) -> None:
    """-l lists them; the nearest is named."""
    with pytest.raises(UsageError) as none:
        doc()
    assert "doc -l" in none.value.remedy
    with pytest.raises(UsageError) as wrong:
        doc("foldr")
    assert "folder" in wrong.value.remedy


def test_a_program_without_documentation_is_named_with_its_file(place: Path) -> None:
    """And where its documentation would stand; with it, it is shown."""
    folder = place / "collections/ansible_collections/mine/tools/plugins/modules"
    folder.mkdir(parents=True)
    (folder / "shout.sh").write_text("#!/bin/sh\n")
    with pytest.raises(JobError, match=r"mine.tools.shout has no documentation") as refused:
        doc("mine.tools.shout")
    assert str(refused.value.place).startswith(str(folder / "shout.sh"))
    (folder / "shout.yml").write_text("DOCUMENTATION: {short_description: Says it loud}\n")
    assert "Says it loud" in doc("mine.tools.shout")
