"""The inventory plugins constructed and generator, and TOML: what goes wrong is told with its place; the rest is held to Ansible's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import InventoryError
from hotdesk.settings import Settings
from hotdesk.variables.expressions import Expressions
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.inventory.model import Inventory

    from .conftest import Load

HOSTS = "[web]\na x=1 os=debian\nb os=\n[web:vars]\nlevel=3\n"


async def _read(load: Load, folder: Path, text: str, *, name: str = "made.yml", **settings: Any) -> Inventory:
    (folder / "hosts").write_text(HOSTS)
    (folder / name).write_text(text)
    evaluate = Expressions(Templates(Settings()), {"outside": "o"})
    return await load("hosts", name, settings=Settings(**settings), evaluate=evaluate)


async def test_what_cannot_be_computed_is_passed_over(tmp_path: Path, load: Load) -> None:
    """On the host that lacks the variable, and only there."""
    text = "plugin: constructed\ncompose: {y: x + level}\ngroups: {few: x < 3}\nkeyed_groups: [{key: os, prefix: os}]\n"
    found = await _read(load, tmp_path, text)
    assert found.hosts["a"].vars["y"] == 4
    assert "y" not in found.hosts["b"].vars
    assert found.groups["few"].hosts == ("a",)
    assert [name for name in found.groups if name.startswith("os")] == ["os_debian"]


async def test_strict_tells_what_and_where(tmp_path: Path, load: Load) -> None:
    """The host, the name and the line."""
    with pytest.raises(InventoryError, match=r"'y' of the host b .* 'x' is undefined") as found:
        await _read(load, tmp_path, "plugin: constructed\nstrict: true\ncompose:\n  y: x\n")
    assert found.value.place is not None
    assert found.value.place.line == 4


async def test_what_a_host_says_is_no_template(tmp_path: Path, load: Load) -> None:
    """A composed value that came out of data stays data (R7)."""
    text = "plugin: constructed\ncompose: {y: \"'{' ~ '{ level }' ~ '}'\"}\nkeyed_groups: [{key: y}]\n"
    found = await _read(load, tmp_path, text)
    assert found.hosts["a"].vars["y"] == "{{ level }}"
    assert "____level___" in found.groups


async def test_extra_variables_are_used_when_asked_for(tmp_path: Path, load: Load) -> None:
    """Not otherwise."""
    text = "plugin: constructed\ncompose: {y: outside}\n"
    assert "y" not in (await _read(load, tmp_path, text)).hosts["a"].vars
    assert (await _read(load, tmp_path, text + "use_extra_vars: true\n")).hosts["a"].vars["y"] == "o"


@pytest.mark.parametrize(
    ("name", "text", "line", "says"),
    [
        ("made.yml", "plugin: constructed\ncompse: {}\n", 2, "no option 'compse'"),
        ("made.yml", "plugin: constructed\ngroups: [a]\n", 2, "of the wrong type"),
        ("made.yml", "plugin: constructed\nkeyed_groups:\n  - {prefix: a}\n", 3, "with a 'key'"),
        ("made.yml", "plugin: constructed\nkeyed_groups:\n  - {key: level}\n", 3, "must give text"),
        ("made.yml", "plugin: constructed\nkeyed_groups:\n  - {key: os, default_value: a, trailing_separator: no}\n", 3, "exclude"),
        ("made.yml", "plugin: generator\nhosts: {parents: []}\n", 2, "hosts.name"),
        ("made.yml", "plugin: generator\nhosts: {name: '{{ a }}'}\nlayers: {a: 3}\n", 3, "must be a list"),
        ("made.yml", "plugin: generator\nhosts: {name: a, parents: [{}]}\nlayers: {a: [3]}\n", 2, "no name"),
        ("made.toml", "[web\n", 0, "not TOML"),
        ("made.toml", "[web]\nhots = {}\n", 0, "'hosts'"),
        ("made.toml", "[web]\nchildren = 3\n", 0, "must be a list"),
        ("made.toml", "web = 3\n", 0, "must be a table"),
        ("made.toml", 'plugin = "constructed"\n', 0, "in YAML"),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, load: Load, name: str, text: str, line: int, says: str
) -> None:
    """Before any host is touched."""
    with pytest.raises(InventoryError) as found:
        await _read(load, tmp_path, text, name=name)
    assert found.value.place is not None
    assert (found.value.place.file, found.value.place.line) == (str(tmp_path / name), line)
    assert says in found.value.explain()


async def test_a_plugin_that_is_not_enabled_reads_nothing(tmp_path: Path, load: Load) -> None:
    """Nor does a host list when only files are wanted."""
    with pytest.raises(InventoryError, match="enabled"):
        await _read(load, tmp_path, "plugin: constructed\n", inventory_enabled=("yaml", "ini"))
    with pytest.raises(InventoryError, match="enabled"):
        await load("a,b", settings=Settings(inventory_enabled=("yaml", "ini")))


async def test_a_bad_range_of_a_host_list_is_an_error(load: Load) -> None:
    """Only advanced_host_list knows ranges."""
    assert list((await load("a[1:2],")).hosts) == ["a[1:2]"]
    settings = Settings(inventory_enabled=("ansible.builtin.advanced_host_list",))
    assert list((await load("a[1:2],", settings=settings)).hosts) == ["a1", "a2"]
    with pytest.raises(InventoryError, match="the end is missing"):
        await load("a[1:],", settings=settings)
