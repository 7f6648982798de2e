"""The collection is what Ansible's own tools expect of one."""

from __future__ import annotations

import importlib
import json
import runpy
import shutil
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hotdesk.actions.collections import Collection, Collections
from hotdesk.actions.documentation import documentation_of
from hotdesk.settings import Settings
from tests.packaging.tools import TOP, needs, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.ansible
SOURCE = TOP / "collection"
JUNK = (
    "plugins/jobs/__pycache__/folder.cpython-311.pyc",
    "hotdesk-sync-0.0.1.tar.gz",
    ".cache/x",
    "tests/output/junit/x.xml",
)
MODULES = sorted(path.stem for path in (SOURCE / "plugins/modules").glob("*.py"))
SANITY = (
    "action-plugin-docs", "compile", "empty-init", "ignores", "line-endings", "no-assert", "no-get-exception",
    "no-illegal-filenames", "no-smart-quotes", "replace-urlopen", "shebang", "symlinks", "use-argspec-type-path", "use-compat-six",
)  # fmt: skip
"""The sanity tests of ansible-test that need neither network nor container; the others install what they need first."""


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """A path of collections with a copy of ours alone."""
    shutil.copytree(
        SOURCE, tmp_path / "ansible_collections/hotdesk/sync", ignore=shutil.ignore_patterns("__pycache__", "output")
    )
    return tmp_path


def test_the_tarball_holds_the_collection_and_no_junk(collections: Path, tmp_path: Path) -> None:
    """Caches, earlier tarballs and what test runs left stay out; every file of ours is in."""
    here = collections / "ansible_collections/hotdesk/sync"
    wanted = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()} - {"galaxy.yml"}
    for name in JUNK:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("junk")
    run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, here, home=tmp_path)
    (built,) = tmp_path.glob("hotdesk-sync-*.tar.gz")
    with tarfile.open(built) as archive:
        found = {member.name for member in archive if member.isfile()}
    assert found == wanted | {"MANIFEST.json", "FILES.json"}


def test_the_tarball_installs_and_documents_the_job(tmp_path: Path) -> None:
    """Anybody with the tarball alone can read the job's page."""
    run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, SOURCE, home=tmp_path)
    (built,) = tmp_path.glob("hotdesk-sync-*.tar.gz")
    install = ("ansible-galaxy", "collection", "install", "--offline", "--force")
    run(*install, built, "-p", tmp_path / "there", home=tmp_path, cwd=tmp_path)
    paths = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "there"), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
    page = json.loads(
        run("ansible-doc", "-t", "module", "-j", "hotdesk.sync.folder", home=tmp_path, cwd=tmp_path, **paths)
    )
    assert page["hotdesk.sync.folder"]["doc"]["filename"].startswith(str(tmp_path / "there"))
    assert page["hotdesk.sync.folder"]["doc"]["has_action"]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_declares_the_options_that_it_documents(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCUMENTATION is what hotdesk checks arguments against, argument_spec is what Ansible would; they are one."""
    needs("ansible")
    basic = importlib.import_module("ansible.module_utils.basic")
    taken: dict[str, Any] = {}

    class Module:
        def __init__(self, **given: Any) -> None:
            taken.update(given)
            raise SystemExit

    monkeypatch.setattr(basic, "AnsibleModule", Module)
    path = SOURCE / f"plugins/modules/{name}.py"
    with pytest.raises(SystemExit):
        runpy.run_path(str(path), run_name="__main__")
    documented = documented_by_hotdesk(name)["options"]
    prose = {"description", "version_added"}
    # What a name such as "passwords" makes Ansible ask, and its documentation has no word for: does the value need hiding?
    declared = {
        option: {key: value for key, value in about.items() if (key, value) != ("no_log", False)}
        for option, about in taken["argument_spec"].items()
    }
    assert declared == {
        option: {key: value for key, value in about.items() if key not in prose} for option, about in documented.items()
    }


def documented_by_hotdesk(name: str) -> dict[str, Any]:
    """The module's documentation with the fragments that it extends, as hotdesk reads it."""
    ours = Collection("hotdesk.sync", SOURCE)
    found: dict[str, Any] = yaml.safe_load(documentation_of(ours, name, Collections(Settings()).find))
    return found


def test_hotdesk_and_ansible_read_the_same_documentation(tmp_path: Path) -> None:
    """Options, attributes, requirements and notes, from the modules and the fragments that they extend."""
    said = run("ansible-doc", "-t", "module", "-j", *(f"hotdesk.sync.{name}" for name in MODULES), home=tmp_path)
    theirs = {name.rpartition(".")[2]: page["doc"] for name, page in json.loads(said).items()}
    assert sorted(theirs) == MODULES
    for name, page in theirs.items():
        ours = documented_by_hotdesk(name)
        assert sorted(ours["requirements"]) == sorted(page["requirements"])
        assert {key: ours[key] for key in ("attributes", "notes")} == {
            key: page[key] for key in ("attributes", "notes")
        }
        assert {option: _without_version(about) for option, about in page["options"].items()} == ours["options"]


def _without_version(option: dict[str, Any]) -> dict[str, Any]:
    """ansible-doc adds which collection's version it is."""
    return {key: value for key, value in option.items() if key != "version_added_collection"}


def test_results_of_one_name_mean_the_same() -> None:
    """RETURN knows no fragments, so what several jobs return is said by each: in the same words, to which it may add."""
    common: dict[str, set[tuple[str, ...]]] = {"failed_changes": set(), "msg": set(), "problems": set()}
    for name in MODULES:
        returned = yaml.safe_load(runpy.run_path(str(SOURCE / f"plugins/modules/{name}.py"))["RETURN"])
        for key in common.keys() & returned.keys():
            about = returned[key]
            common[key].add((about["description"].partition(".")[0], about["returned"], about["type"]))
    assert {key: len(texts) for key, texts in common.items()} == dict.fromkeys(common, 1), common


def test_the_release_notes_name_every_module() -> None:
    """Each with its own short description, in both files."""
    described = {name: _short(name) for name in MODULES}
    (release,) = yaml.safe_load((SOURCE / "changelogs/changelog.yaml").read_text())["releases"].values()
    assert {one["name"]: one["description"] for one in release["modules"]} == described
    text = (SOURCE / "CHANGELOG.rst").read_text()
    assert [line for line in text.splitlines() if line.startswith("- hotdesk.sync.")] == [
        f"- hotdesk.sync.{name} - {words}." for name, words in described.items()
    ]


def _short(name: str) -> str:
    documentation = runpy.run_path(str(SOURCE / f"plugins/modules/{name}.py"))["DOCUMENTATION"]
    return str(yaml.safe_load(documentation)["short_description"])


def test_each_job_has_a_molecule_scenario() -> None:
    """With what it must make of a PC, in the settings that all of them share."""
    scenarios = {path.parent.name: path for path in TOP.glob("molecule/*/molecule.yml") if path.is_symlink()}
    assert sorted(scenarios) == MODULES
    for name, path in scenarios.items():
        assert path.resolve() == TOP / "molecule/shared/job.yml"
        assert f"hotdesk.sync.{name}:" in (path.parent / "converge.yml").read_text()
        assert (path.parent / f"tests/test_{name}.py").is_file()


def test_ansible_test_finds_no_fault(collections: Path, tmp_path: Path) -> None:
    """The sanity tests of ansible-core that run offline pass."""
    here = collections / "ansible_collections/hotdesk/sync"
    python = f"--python={sys.version_info.major}.{sys.version_info.minor}"
    run("ansible-test", "sanity", python, *(f"--test={name}" for name in SANITY), home=tmp_path, cwd=here)


def test_ansible_lint_finds_no_fault(tmp_path: Path) -> None:
    """The collection, the shipped playbooks and inventory, and the Molecule scenarios keep the production profile."""
    run(
        "ansible-lint",
        "--offline",
        "--profile",
        "production",
        "collection",
        "playbooks",
        "inventory",
        "molecule",
        "--exclude=molecule/shared/job.yml",  # what molecule.yml of each job's scenario is a link to: no playbook
        home=tmp_path,
    )
