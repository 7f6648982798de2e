from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hotdesk.actions.collections import Collection, Collections
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def make(root: Path, name: str = "my.pcs", **files: str) -> Path:
    """A collection below root/ansible_collections."""
    path = root.joinpath("ansible_collections", *name.split("."))
    path.mkdir(parents=True)
    (path / "galaxy.yml").write_text("version: 1.2.3\n")
    for place, text in files.items():
        file = path / place.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".yml" if "playbooks" in place else ".py").write_text(text)
    return path


def test_collections_are_looked_for_beside_the_playbook_first(tmp_path: Path) -> None:
    """Then in collections_path, given with or without the folder's name."""
    make(tmp_path / "installed")
    make(tmp_path / "installed", "my.other")
    near = make(tmp_path / "play" / "collections")
    settings = Settings(collections_path=(tmp_path / "installed" / "ansible_collections",))
    collections = Collections(settings, (tmp_path / "play",), scan_sys_path=False)
    assert collections.find("my.pcs") == Collection("my.pcs", near)
    assert [one.name for one in collections.all()] == ["my.pcs", "my.other"]
    assert collections.find("my.nosuch") is None
    assert collections.find("../my") is None


def test_site_packages_are_looked_in_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a wheel puts a collection."""
    path = make(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    assert Collections(Settings()).find("my.pcs") == Collection("my.pcs", path)
    assert Collections(Settings(), scan_sys_path=False).find("my.pcs") is None


def test_the_version_is_the_manifests_or_the_checkouts(tmp_path: Path) -> None:
    """MANIFEST.json of an installed collection, galaxy.yml of a checkout."""
    path = make(tmp_path)
    assert Collection("my.pcs", path).version == "1.2.3"
    (path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "2.0.0"}}))
    assert Collection("my.pcs", path).version == "2.0.0"
    (path / "MANIFEST.json").write_text("{")
    assert Collection("my.pcs", path).version == ""


def test_what_a_collection_holds_is_found_by_name(tmp_path: Path) -> None:
    """Jobs, modules (in folders too), roles, playbooks."""
    path = make(
        tmp_path, plugins__jobs__folder="", plugins__modules__folder="", plugins__modules__net__wifi="", playbooks__site=""
    )  # fmt: skip
    (path / "roles" / "desk").mkdir(parents=True)
    collection = Collection("my.pcs", path)
    assert collection.job("folder") == path / "plugins/jobs/folder.py"
    assert collection.job("nosuch") is None
    assert collection.module("net.wifi") == path / "plugins/modules/net/wifi.py"
    assert (collection.jobs(), collection.modules()) == (["folder"], ["folder", "net.wifi"])
    assert collection.role("desk") == path / "roles/desk"
    assert collection.playbook("site") == collection.playbook("site.yml") == path / "playbooks/site.yml"
