"""The wheel carries all that hotdesk is, and works where it is installed."""

from __future__ import annotations

import shutil
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest
import yaml

import hotdesk
from tests.packaging.tools import TOP, absent, needs, run

if TYPE_CHECKING:
    from pathlib import Path

COLLECTION = "ansible_collections/hotdesk/sync/"
WITHOUT_ANSIBLE = (
    "import sys; sys.modules['ansible'] = None; from hotdesk.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
pytestmark = pytest.mark.xdist_group("wheel")  # it is built and installed once


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def below(folder: str) -> set[str]:
    """The files of a folder of the repository, as a build takes them."""
    paths = [path.relative_to(TOP / folder) for path in (TOP / folder).rglob("*") if path.is_file()]
    return {str(path) for path in paths if not any(part.startswith((".", "__pycache__")) for part in path.parts)}


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("runner/hotdesk", "hotdesk/"),
        ("collection", COLLECTION),
        ("playbooks", "hotdesk/demo/playbooks/"),
        ("inventory", "hotdesk/demo/inventory/"),
    ],
)
def test_everything_travels(wheel: Path, folder: str, place: str) -> None:
    """Each file of the folder is in the wheel at its place."""
    wanted = {place + name for name in below(folder)}
    assert wanted
    assert wanted <= names(wheel)


def test_nothing_else_travels(wheel: Path) -> None:
    """No cache, no archive, no file at the top beside the two packages."""
    for name in names(wheel):
        assert name.startswith(("hotdesk/", COLLECTION, f"hotdesk-{hotdesk.__version__}.dist-info/")), name
        assert not name.endswith((".pyc", ".tar.gz")), name


def test_the_collection_is_in_a_namespace_that_others_share(wheel: Path) -> None:
    """An __init__.py there would hide other people's collections."""
    assert not [
        name for name in names(wheel) if name.startswith("ansible_collections/") and name.endswith("__init__.py")
    ]


def test_the_versions_agree() -> None:
    """Package, collection and the collection's change log say the same version."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    galaxy = yaml.safe_load((TOP / "collection/galaxy.yml").read_text(encoding="utf-8"))["version"]
    changes = yaml.safe_load((TOP / "collection/changelogs/changelog.yaml").read_text(encoding="utf-8"))["releases"]
    assert project == galaxy == hotdesk.__version__
    assert galaxy in changes


def test_the_program_runs(installed: Path, tmp_path: Path) -> None:
    """``hotdesk --version`` says the version of the wheel."""
    assert run(installed / "hotdesk", "--version", home=tmp_path, cwd=tmp_path).split() == [
        "hotdesk",
        hotdesk.__version__,
    ]


def test_the_job_is_found_without_ansible(installed: Path, tmp_path: Path) -> None:
    """ansible-core is not needed: hotdesk documents the job and checks the shipped playbook with what the wheel brought."""
    hotdesk_without = (installed / "python", "-c", WITHOUT_ANSIBLE)
    shown = run(*hotdesk_without, "doc", "hotdesk.sync.folder", home=tmp_path, cwd=tmp_path)
    assert "one_file_system" in shown
    demo = "import hotdesk.demo, pathlib; print(pathlib.Path(hotdesk.demo.__file__).parent)"
    folder = run(installed / "python", "-c", demo, home=tmp_path, cwd=tmp_path).strip()
    play = ("play", "--syntax-check", "-i", f"{folder}/inventory", f"{folder}/playbooks/demo.yml")
    assert "demo.yml" in run(*hotdesk_without, *play, home=tmp_path, cwd=tmp_path)


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """With the playbook and the inventory that the wheel brought; the second run changes nothing, and nothing is left."""
    if shutil.which("rsync") is None:
        absent("rsync")
    said = run(installed / "hotdesk", "demo", "--big-file", 0, home=tmp_path, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert [line.split("changed=")[1].split()[0] for line in said.splitlines() if " : ok=" in line] == list("011000")
    assert not [*tmp_path.glob("hotdesk-demo-*")]


@pytest.mark.ansible
def test_ansible_finds_the_collection(installed: Path, tmp_path: Path) -> None:
    """ansible-galaxy lists it with its version, and ansible-doc shows the job's page."""
    needs("ansible")
    python = installed / "python"
    listed = run(
        python, "-m", "ansible", "galaxy", "collection", "list", "--format", "yaml", home=tmp_path, cwd=tmp_path
    )
    (found,) = [here for path, here in yaml.safe_load(listed).items() if path.startswith(str(installed.parent))]
    assert found["hotdesk.sync"]["version"] == hotdesk.__version__
    page = run(python, "-m", "ansible", "doc", "-t", "module", "hotdesk.sync.folder", home=tmp_path, cwd=tmp_path)
    assert f"{installed.parent}/lib" in page.splitlines()[0]


def test_an_editable_install_copies_nothing(tmp_path: Path) -> None:
    """A copy of the collection would hide what is being edited."""
    needs("hatchling", "editables")
    script = "import sys; from hatchling.build import build_editable; print(build_editable(sys.argv[1]))"
    name = run(sys.executable, "-c", script, tmp_path, home=tmp_path).split()[-1]
    assert {each for each in names(tmp_path / name) if ".dist-info/" not in each} == {"_hotdesk.pth"}
