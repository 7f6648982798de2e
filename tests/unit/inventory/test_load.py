"""Sources of every kind come to one inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import InventoryError
from hotdesk.inventory.vars_files import extend_vars_files, load_vars_files
from hotdesk.place import Place
from hotdesk.settings import Settings
from hotdesk.source import Trusted, Vaulted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .conftest import Load


def write(folder: Path, files: dict[str, str]) -> None:
    """Files with their directories."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def test_sources_merge_in_order(tmp_path: Path, load: Load) -> None:
    """INI, YAML and a host list; the later one wins."""
    write(
        tmp_path,
        {
            "a": "[web]\nw1 x=1\n[web:vars]\ng=1\n",
            "b.yml": "all:\n  hosts: {w1: {x: 2}}\n  children:\n    web: {vars: {g: 2}}\n    top: {children: {web: }}\n",
        },
    )
    found = await load("a", "b.yml", "c,d:2222,")
    assert found.hosts["w1"].vars["x"] == 2
    assert found.groups["web"].vars == {"g": 2}
    assert found.hosts["w1"].groups == ("all", "top", "web")
    assert found.groups["ungrouped"].hosts == ("c", "d")
    assert found.hosts["d"].vars["ansible_port"] == 2222
    assert found.hosts["w1"].vars["inventory_file"] == str(tmp_path / "a")
    assert found.hosts["w1"].vars["inventory_dir"] == str(tmp_path)
    assert found.sources == (str(tmp_path / "a"), str(tmp_path / "b.yml"), "c,d:2222,")


async def test_yaml_values_keep_their_places(tmp_path: Path, load: Load) -> None:
    """Templates in an inventory are the user's text."""
    write(tmp_path, {"h.yml": "all:\n  hosts:\n    h[1:2]:\n      v: '{{ x }}'\n"})
    value = (await load("h.yml")).hosts["h2"].vars["v"]
    assert isinstance(value, Trusted)
    assert value.place == Place(str(tmp_path / "h.yml"), 4, 10)


async def test_a_directory_is_read_in_name_order(tmp_path: Path, load: Load) -> None:
    """Hidden files, vars folders and ignored extensions are passed over."""
    write(
        tmp_path,
        {
            "inv/10": "a x=1\n",
            "inv/20.yml": "all: {hosts: {a: {x: 2}}}\n",
            "inv/sub/30": "b\n",
            "inv/.hidden": "[bad\n",
            "inv/x.bak": "[bad\n",
            "inv/readme.md": "[bad\n",
            "inv/group_vars/all.yml": "g: 1\n",
        },
    )
    found = await load("inv")
    assert list(found.hosts) == ["a", "b"]
    assert found.hosts["a"].vars["x"] == 2
    assert found.vars_files[0].groups == {"all": {"g": 1}}


async def test_a_file_without_extension_may_be_yaml(tmp_path: Path, load: Load) -> None:
    """As may JSON; what is neither is INI."""
    write(tmp_path, {"y": "web:\n  hosts:\n    a:\n", "j": '{"web": {"hosts": {"b": null}}}', "i": "c x=1\n"})
    assert list((await load("y", "j", "i")).hosts) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "text", "line", "says"),
    [
        ("h.yml", "web:\n  host:\n    a:\n", 2, "Did you mean 'hosts'"),
        ("h.yml", "web:\n  hosts:\n    - a\n", 3, "without the leading '-'"),
        ("h.yml", "web: 3\n", 1, "must be a mapping"),
        ("h.yml", "- a\n", 1, "mapping of groups"),
        ("h.yml", "plugin: amazon.aws.aws_ec2\n", 1, "amazon.aws.aws_ec2"),
        ("h.yml", "web:\n  hosts:\n    10: \n", 3, "must be text"),
        ("h.yml", "web:\n  hosts:\n    a: 3\n", 3, "must be a mapping"),
        ("h.yml", "web:\n  children:\n    10:\n", 3, "must be text"),
        ("h.yml", "web:\n  vars:\n    null: 1\n", 3, "must be text"),
        ("h.yml", "web:\n  children:\n    a: {children: {web: }}\n", 3, "circle"),
        ("h.yml", "web:\n  vars: {{ x }}\n", 2, "quotes"),
        ("h", "web:\n  hosts:\n\ta:\n", 3, "tab"),
        ("h.toml", "", 0, "empty"),
    ],
)
async def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, load: Load, name: str, text: str, line: int, says: str
) -> None:
    """And nothing is used."""
    write(tmp_path, {name: text})
    with pytest.raises(InventoryError) as found:
        await load(name)
    assert found.value.place is not None
    assert found.value.place.file == str(tmp_path / name)
    assert found.value.place.line == line
    assert says in found.value.explain()


async def test_a_missing_source_is_an_error_or_a_warning(load: Load) -> None:
    """As the settings say."""
    with pytest.raises(InventoryError, match="no such inventory"):
        await load("gone", "a,")
    found = await load("gone", "a,", settings=Settings(inventory_unparsed_is_failed=False))
    assert list(found.hosts) == ["a"]
    assert "no such" in load.warnings[0][0]
    with pytest.raises(InventoryError):
        await load(
            "gone", "a,", settings=Settings(inventory_unparsed_is_failed=False, inventory_any_unparsed_is_failed=True)
        )


async def test_a_script_is_run_by_the_callers_command(tmp_path: Path, load: Load) -> None:
    """Its variables are trusted text, vaulted or unsafe as it says."""
    write(tmp_path, {"s": "#!/bin/sh\n", "plain": "h2\n"})
    for name in ("s", "plain"):
        (tmp_path / name).chmod(0o755)
    asked: list[list[str]] = []

    async def run(argv: Sequence[str], cwd: str) -> tuple[int, bytes, bytes]:
        asked.append(list(argv))
        out = (
            b'{"g": {"hosts": ["h"], "vars": {"t": "{{ x }}"}, "children": ["c"]}, "old": ["h"], "_meta": {"hostvars": {"h":'
            b'{"u": {"__ansible_unsafe": "{{ x }}"}, "v": {"__ansible_vault": "$ANSIBLE_VAULT;1"}}}}}'
        )
        return 0, out, b""

    found = await load("s", "plain", run_command=run)
    assert asked == [[str(tmp_path / "s"), "--list"]]
    assert isinstance(found.groups["g"].vars["t"], Trusted)
    assert type(found.hosts["h"].vars["u"]) is str
    assert isinstance(found.hosts["h"].vars["v"], Vaulted)
    assert found.groups["g"].children == ("c",)
    assert found.groups["old"].hosts == ("h",)
    assert "h2" in found.hosts
    with pytest.raises(InventoryError, match="cannot be run"):
        await load("s")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((1, b"", b"no route"), "no route"),
        ((0, b"hello", b""), "did not print JSON"),
        ((0, b"[]", b""), "not an object"),
        ((0, b"[" * 100_000, b""), "nested too deeply"),
        ((0, b'{"g": {"hosts": "h"}}', b""), "not a list"),
    ],
)
async def test_a_script_that_fails_is_an_error(
    tmp_path: Path, load: Load, answer: tuple[int, bytes, bytes], says: str
) -> None:
    """With what it said."""
    write(tmp_path, {"s": "#!/bin/sh\n"})
    (tmp_path / "s").chmod(0o755)

    async def run(argv: Sequence[str], cwd: str) -> tuple[int, bytes, bytes]:
        return answer

    with pytest.raises(InventoryError) as found:
        await load("s", run_command=run)
    assert says in found.value.explain()


async def test_a_script_without_meta_is_asked_for_each_host(tmp_path: Path, load: Load) -> None:
    """The old protocol."""
    write(tmp_path, {"s": "#!/bin/sh\n"})
    (tmp_path / "s").chmod(0o755)

    async def run(argv: Sequence[str], cwd: str) -> tuple[int, str, str]:
        return 0, '{"g": ["h"]}' if argv[1] == "--list" else f'{{"name": "{argv[2]}"}}', ""

    assert (await load("s", run_command=run)).hosts["h"].vars["name"] == "h"


async def test_vars_files_are_found_as_ansible_finds_them(tmp_path: Path) -> None:
    """A directory beats a file, extensions have an order, others are passed over."""
    write(
        tmp_path,
        {
            "group_vars/a/1.yml": "x: 1\ny: 1\n",
            "group_vars/a/2": "x: 2\n",
            "group_vars/a/sub/3.json": '{"z": 3}',
            "group_vars/a/no.txt": "x: 9\n",
            "group_vars/a/.hidden": "x: 9\n",
            "group_vars/a.yml": "x: 9\n",
            "group_vars/b.yml": "",
            "group_vars/c.ini": "x: 9\n",
            "group_vars/other.yml": "$ANSIBLE_VAULT;1.1;AES256\n61\n",
            "host_vars/h.yaml": "v: !vault |\n  $ANSIBLE_VAULT;1\n",
        },
    )
    found = await load_vars_files(tmp_path, groups=["a", "b", "c"], hosts=["h", "none"])
    assert found.groups == {"a": {"x": 2, "y": 1, "z": 3}, "b": {}}
    assert isinstance(found.hosts["h"]["v"], Vaulted)
    more = await extend_vars_files(found, groups=["other"], decrypt=lambda data, place: b"o: 1")
    assert more.groups["other"] == {"o": 1}
    assert more.groups["a"] is found.groups["a"]
    with pytest.raises(InventoryError, match="vault"):
        await extend_vars_files(found, groups=["other"])


async def test_vars_files_must_be_mappings(tmp_path: Path) -> None:
    """Named with its file."""
    write(tmp_path, {"host_vars/h.yml": "- 1\n"})
    with pytest.raises(InventoryError) as found:
        await load_vars_files(tmp_path, groups=[], hosts=["h"])
    assert str(tmp_path / "host_vars/h.yml") in found.value.explain()


async def test_hash_behaviour_merges_mappings(tmp_path: Path, load: Load) -> None:
    """Only when the settings say so."""
    write(tmp_path, {"a.yml": "all: {hosts: {h: {d: {x: 1}}}}\n", "b.yml": "all: {hosts: {h: {d: {y: 2}}}}\n"})
    assert (await load("a.yml", "b.yml")).hosts["h"].vars["d"] == {"y": 2}
    merging = Settings(hash_behaviour="merge")
    assert (await load("a.yml", "b.yml", settings=merging)).hosts["h"].vars["d"] == {"x": 1, "y": 2}


async def test_a_misspelt_connection_variable_is_warned_about(tmp_path: Path, load: Load) -> None:
    """Once, with its place; free names and facts are not."""
    write(tmp_path, {"h": "a ansible_hots=1\nb ansible_hots=2 ansible_mine=3 ansible_hostname=x ansible_host=y\n"})
    await load("h")
    assert [(text.split()[-1], place) for text, place in load.warnings] == [
        ("ansible_host?", Place(str(tmp_path / "h"), 1, 3))
    ]


async def test_duplicate_keys_follow_the_setting(tmp_path: Path, load: Load) -> None:
    """A warning, or an error."""
    write(tmp_path, {"h.yml": "all:\n  vars: {x: 1, x: 2}\n"})
    await load("h.yml")
    assert "duplicate mapping key" in load.warnings[0][0]
    with pytest.raises(InventoryError, match="duplicate mapping key"):
        await load("h.yml", settings=Settings(duplicate_dict_key="error"))


async def test_group_priority_decides_among_groups_of_one_depth(tmp_path: Path, load: Load) -> None:
    """It is no variable of the group."""
    write(tmp_path, {"h": "[a]\nh\n[b]\nh\n[a:vars]\nansible_group_priority=10\n"})
    found = await load("h")
    assert found.hosts["h"].groups == ("all", "b", "a")
    assert found.groups["a"].priority == 10
    assert found.groups["a"].vars == {}
