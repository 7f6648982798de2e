from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hotdesk.actions.arguments import spec_of
from hotdesk.actions.base import Action
from hotdesk.actions.collections import Collections
from hotdesk.actions.registry import CONTROL, TABLE, ActionNames, builtin
from hotdesk.errors import JobError
from hotdesk.settings import Settings
from tests.unit.actions.test_collections import make


@pytest.fixture
def names(tmp_path: Path) -> ActionNames:
    """With a collection of one job, one module, one role and one playbook."""
    path = make(
        tmp_path / "collections",
        plugins__jobs__folder="",
        plugins__modules__folder="DOCUMENTATION = '''\noptions: {path: {required: true}}\n'''\n",
        plugins__modules__other="DOCUMENTATION = ''",
        plugins__modules__halved="",
        plugins__action__halved="",
        playbooks__site="",
    )
    (path / "roles" / "desk").mkdir(parents=True)
    return ActionNames(Collections(Settings(), (tmp_path,), scan_sys_path=False))


@pytest.mark.parametrize("fqcn", sorted(TABLE))
def test_every_action_of_the_table_is_there(fqcn: str) -> None:
    """Its class has that name, a documentation with options that can be checked, and its attributes say how check mode goes."""
    action = builtin(fqcn)
    assert isinstance(action, Action)
    assert action.name == fqcn
    spec_of(action.DOCUMENTATION)
    loaded = yaml.safe_load(action.DOCUMENTATION)
    assert loaded["short_description"]
    assert loaded["attributes"]["check_mode"]["support"] in ("full", "partial", "none")


def test_every_builtin_file_is_in_the_table() -> None:
    """An action that is written but not registered cannot be used."""
    package = importlib.import_module("hotdesk.actions.builtin")
    registered = {entry.partition(":")[0].rpartition(".")[2] for entry in TABLE.values()}
    for path in Path(package.__path__[0]).glob("*.py"):
        if "(Action)" in path.read_text() and path.stem not in registered:
            pytest.fail(f"{path.name} defines an action and is not in TABLE")


@pytest.mark.parametrize(
    ("written", "collections", "fqcn"),
    [
        ("copy", (), "ansible.builtin.copy"),
        ("ansible.legacy.copy", (), "ansible.builtin.copy"),
        ("user", (), "ansible.builtin.user"),
        ("meta", (), "ansible.builtin.meta"),
        ("my.pcs.folder", (), "my.pcs.folder"),
        ("folder", (), None),
        ("folder", ("my.pcs",), "my.pcs.folder"),
        ("copy", ("my.pcs",), "ansible.builtin.copy"),
        ("folder", ("ansible.builtin", "my.pcs"), None),
        ("synchronize", (), "ansible.posix.synchronize"),
        ("my.pcs.nosuch", (), None),
        ("ansible.builtin.nosuch", (), None),
    ],
)
def test_names_mean_one_thing(names: ActionNames, written: str, collections: tuple[str, ...], fqcn: str | None) -> None:
    """Short names, full names, those of collections: as Ansible resolves them."""
    assert names.resolve(written, collections) == fqcn


def test_kinds_tell_who_does_it(names: ActionNames) -> None:
    """And what cannot be run is refused by name."""
    kinds = [
        names.kind(one) for one in ("ansible.builtin.copy", "ansible.builtin.meta", "my.pcs.folder", "my.pcs.other")
    ]
    assert kinds == ["builtin", "control", "job", "module"]
    assert "the action plugin cannot be loaded" in names.refusal("my.pcs.halved")
    assert "the collection ansible.posix, which is not installed" in names.refusal("ansible.posix.synchronize")
    assert (
        names.refusal("my.pcs.other") == names.refusal("my.pcs.folder") == names.refusal("ansible.builtin.copy") == ""
    )
    assert all(names.control(one) for one in CONTROL)
    assert {"my.pcs.folder", "ansible.builtin.copy", "ansible.builtin.user"} <= set(names.known())


def test_roles_and_playbooks_of_collections_are_found(names: ActionNames, tmp_path: Path) -> None:
    """By full names, roles also by short ones."""
    path = tmp_path / "collections/ansible_collections/my/pcs"
    assert names.role_path("my.pcs.desk") == names.role_path("desk", ("my.pcs",)) == ("my.pcs", path / "roles/desk")
    assert names.role_path("desk") is None
    assert names.playbook_path("my.pcs.site") == ("my.pcs", path / "playbooks/site.yml")
    assert names.playbook_path("sub/a.b.c") is None


def test_a_jobs_contract_is_its_modules_documentation(names: ActionNames, tmp_path: Path) -> None:
    """A job without one is refused with a remedy."""
    spec = names.spec("my.pcs.folder")
    assert spec is not None
    assert spec.options["path"].required
    (tmp_path / "collections/ansible_collections/my/pcs/plugins/modules/folder.py").unlink()
    with pytest.raises(JobError, match=r"my\.pcs\.folder has no documentation") as refused:
        ActionNames(names.collections).spec("my.pcs.folder")
    assert "plugins/modules/folder.py" in refused.value.remedy


def test_names_cost_no_imports() -> None:
    """Resolving a name imports no action."""
    code = (
        "import sys; from hotdesk.actions.registry import ActionNames; ActionNames().resolve('copy'); "
        "assert not [m for m in sys.modules if m.startswith('hotdesk.actions.builtin')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.ansible
def test_every_module_of_ansible_core_is_known() -> None:
    """So that the ones hotdesk cannot run are refused by name, not taken for misspellings."""
    ansible = pytest.importorskip("ansible")
    modules = {path.stem for path in (Path(ansible.__path__[0]) / "modules").glob("*.py")} - {
        "__init__",
        "async_wrapper",
    }
    names = ActionNames()
    assert [name for name in sorted(modules) if names.resolve(name) is None] == []


@pytest.mark.ansible
def test_a_name_that_only_the_action_plugins_are_routed_by_is_followed(tmp_path: Path) -> None:
    """``yum`` is such a one in ansible-core 2.19, and a collection may have others; what is gone says what came after it."""
    pytest.importorskip("ansible")
    path = make(tmp_path / "collections", plugins__modules__new="DOCUMENTATION = ''")
    (path / "meta").mkdir()
    (path / "meta" / "runtime.yml").write_text(
        "plugin_routing:\n  action:\n    old: {redirect: my.pcs.new}\n"
        "  modules:\n    gone: {tombstone: {removal_version: 2.0.0, warning_text: Use my.pcs.new instead.}}\n"
        "    away: {redirect: my.pcs.gone}\n"
    )
    names = ActionNames(Collections(Settings(), (tmp_path,), scan_sys_path=False))
    assert names.resolve("yum") == "ansible.builtin.dnf"
    assert names.resolve("my.pcs.old") == "my.pcs.new"
    for name in ("my.pcs.gone", "my.pcs.away"):
        assert names.resolve(name) is None
        assert names.removed(name) == "Use my.pcs.new instead."
    assert names.removed("my.pcs.new") == names.removed("nosuch") == ""
