"""The wheel, built once, and an environment with that wheel in it."""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.packaging.tools import TOP, needs, run

OURS = ("hotdesk", "_hotdesk", "__editable__", "_editable_impl_hotdesk", "ansible_collections", "__pycache__")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``hotdesk-VERSION-py3-none-any.whl`` as the repository makes it."""
    needs("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, home=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh virtual environment: the wheel, and the packages that the tests themselves run with."""
    needs("pip")
    top = tmp_path_factory.mktemp("installed")
    venv.create(top / "venv", with_pip=False, symlinks=True)
    python = top / "venv" / "bin" / "python"
    packages = top / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(OURS):
            (packages / entry.name).symlink_to(entry)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", home=top).strip())
    (site / "packages.pth").write_text(f"{packages}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "-q", "--no-deps", "--no-index", wheel, home=top, cwd=top)
    assert not str(site).startswith(str(TOP))
    return python.parent
