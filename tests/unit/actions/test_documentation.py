"""Documentation is one text of a module and the fragments that it extends, as Ansible puts it together."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hotdesk.actions import documentation
from hotdesk.actions.collections import Collections
from hotdesk.actions.documentation import documentation_in, documentation_of
from hotdesk.errors import JobError
from hotdesk.settings import Settings
from tests.unit.actions.test_collections import make

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
DOCUMENTATION = '''
module: folder
options:
  path: {type: path, description: own}
attributes:
  platform: {platforms: debian}
requirements: [tar]
notes: [own]
extends_documentation_fragment: %s
'''
raise SystemExit
"""
FRAGMENT = """
class ModuleDocFragment:
    DOCUMENTATION = '''
options:
  path: {required: true, description: common}
  source: {type: str}
attributes:
  platform: {platforms: linux, support: full}
requirements: [ssh, tar]
notes: [common]
author: [somebody]
'''
    OTHER = '''
options:
  other: {type: bool}
seealso: [elsewhere]
'''
raise SystemExit
"""


@pytest.fixture
def roots(tmp_path: Path) -> Collections:
    """my.pcs with the module and a fragment, and your.pcs with a fragment of the same name."""
    make(tmp_path / "collections", plugins__modules__folder="", plugins__doc_fragments__job=FRAGMENT)
    theirs = FRAGMENT.replace("source:", "theirs:")
    make(tmp_path / "collections", name="your.pcs", plugins__doc_fragments__job=theirs)
    return Collections(Settings(), (tmp_path,), scan_sys_path=False)


def merged(roots: Collections, extends: str) -> dict[str, Any]:
    """The whole documentation of the module when it extends these."""
    collection = roots.find("my.pcs")
    assert collection is not None
    (collection.path / "plugins/modules/folder.py").write_text(MODULE % extends)
    found: dict[str, Any] = yaml.safe_load(documentation_of(collection, "folder", roots.find))
    return found


def test_the_modules_own_words_win_field_by_field(roots: Collections) -> None:
    """Options and attributes of both have the fields of both; lists are joined, each entry once."""
    assert merged(roots, "[my.pcs.job]") == {
        "module": "folder",
        "options": {
            "path": {"required": True, "type": "path", "description": "own"},
            "source": {"type": "str"},
        },
        "attributes": {"platform": {"platforms": "debian", "support": "full"}},
        "requirements": ["tar", "ssh"],
        "notes": ["own", "common"],
        "author": ["somebody"],
    }


@pytest.mark.parametrize(
    ("extends", "options"),
    [
        ("[]", {"path"}),
        ("my.pcs.job", {"path", "source"}),
        ("my.pcs.job.other", {"path", "other"}),
        ("my.pcs.job, my.pcs.job.other", {"path", "source", "other"}),
        ("[your.pcs.job]", {"path", "theirs"}),
    ],
)
def test_fragments_are_named_as_ansible_names_them(roots: Collections, extends: str, options: set[str]) -> None:
    """A file of a collection, or one text of it; a list, or a text with commas; of any collection."""
    assert merged(roots, extends)["options"].keys() == options


@pytest.mark.parametrize("name", ["my.pcs.nosuch", "my.pcs.job.nosuch", "no.such.job", "my.pcs.sub.job"])
def test_a_fragment_that_is_not_there_is_named(roots: Collections, name: str) -> None:
    """With the module that wants it, and where it would have to be."""
    with pytest.raises(JobError, match=f"{name}. is not there") as missing:
        merged(roots, f"[{name}]")
    assert str(missing.value.place).startswith(str(roots.roots[0] / "my/pcs/plugins/modules/folder.py"))
    assert "doc_fragments" in missing.value.remedy


@pytest.mark.ansible
@pytest.mark.parametrize("name", ["action_common_attributes", "ansible.builtin.action_common_attributes"])
def test_ansibles_own_fragments_are_read_where_ansible_is(roots: Collections, name: str) -> None:
    """A collection of somebody else may extend them."""
    importlib.import_module("ansible")
    assert merged(roots, name)["attributes"].keys() == {"platform", "check_mode", "diff_mode"}


def test_without_ansible_its_fragments_are_named(roots: Collections, monkeypatch: pytest.MonkeyPatch) -> None:
    """hotdesk does not need it, such a collection does."""
    monkeypatch.setattr(documentation, "find_spec", lambda name: None)
    with pytest.raises(JobError, match="'files' is not there") as missing:
        merged(roots, "files")
    assert "ansible-core" in missing.value.remedy


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("notes: text", "'notes' cannot be added"),
        ("- a\n- b", "no mapping"),
        ("a: [", "no YAML"),
    ],
)
def test_a_spoiled_fragment_is_told_with_its_file(roots: Collections, fragment: str, said: str) -> None:
    """Not as a traceback, and not of the module."""
    path = roots.roots[0] / "my/pcs/plugins/doc_fragments/job.py"
    path.write_text(f"class ModuleDocFragment:\n    DOCUMENTATION = {fragment!r}\n")
    with pytest.raises(JobError, match=said) as spoiled:
        merged(roots, "my.pcs.job")
    assert str(spoiled.value.place).startswith(str(path))


def test_a_file_is_read_without_running_it(tmp_path: Path) -> None:
    """The text of DOCUMENTATION; of a YAML file what stands there; a file without one says so."""
    bare = tmp_path / "bare.py"
    bare.write_text("raise SystemExit\n")
    with pytest.raises(JobError, match="no DOCUMENTATION"):
        documentation_in(bare)
    bare.write_text("DOCUMENTATION = 'options: {}'\nraise SystemExit\n")
    assert documentation_in(bare) == "options: {}"
    beside = tmp_path / "beside.yml"
    beside.write_text("DOCUMENTATION: {options: {path: {required: true}}}\nEXAMPLES: ''\n")
    assert yaml.safe_load(documentation_in(beside)) == {"options": {"path": {"required": True}}}
