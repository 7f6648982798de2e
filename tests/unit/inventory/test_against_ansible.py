"""``hotdesk inventory`` prints what ansible-inventory prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hotdesk.cli.inventory import command
from hotdesk.configuration import load_settings
from hotdesk.errors import VaultError
from hotdesk.inventory.load import load_inventory
from hotdesk.inventory.patterns import select

pytestmark = pytest.mark.ansible
BIN = Path(sys.executable).parent
FILES = {
    "hosts.ini": (
        'loose\n[web]\nweb[01:03] ansible_port=2200 x="a b" l="[1, \'2\']"\nalpha:2222 # c\n'
        "[db]\ndb-[a:c].example.org y='{\"q\": 1}' t='{{ x }}'\n[db:vars]\ndv=5\ndw = text with spaces\n"
        "[site:children]\nweb\ndb\n[site:vars]\nansible_group_priority=10\nwho=site\n[other:children]\nweb\n[other:vars]\nwho=other\n"
    ),
    "more.yml": (
        "all:\n  hosts:\n    extra: {e: 1}\n  children:\n    web:\n      hosts:\n        web01: {mode: 0644, raw: !unsafe '{{ x }}'}\n"
        "        newweb:\n"
        "      vars: {day: 2026-01-31, 'yes': no}\n    mars:\n      children: {db: }\n"
    ),
    "dir/01": "[a]\nh1\nh2\n",
    "dir/02.yml": "b: {hosts: {h2: , h3: {k: [1, {z: null}]}}}\n",
    "dir/group_vars/a.yml": "dir: yes\n",
    "group_vars/all.yml": "everywhere: 1\nwho: Café\n",
    "group_vars/web.yml": "template: '{{ everywhere }}'\n",
    "group_vars/db/a.yml": "d: 1\n",
    "group_vars/db/b.yml": "d: 2\n",
    "host_vars/web01": "text: |\n  two\n  lines\n",
    "hosts.toml": (
        '[all.vars]\nwhere = "{{ everywhere }}"\n[front]\nchildren = ["web", "cache"]\n[front.vars]\nday = 2026-01-31\n'
        '[web.hosts]\n"t[1:2].example.org:2200" = {}\nbig = {n = 1, f = 0.5, list = [1, "x"], table = {a = true}}\n'
        "[solo.hosts.one]\nansible_port = 23\n[web.vars]\nansible_group_priority = 7\n"
    ),
    "made/constructed.yml": (
        "plugin: ansible.builtin.constructed\nuse_vars_plugins: true\ncompose:\n  twice: x ~ x\n  number: ansible_port + 1\n"
        "  missing: nowhere.at.all\n  fixed: \"'text'\"\n"
        "groups:\n  ported: ansible_port is defined\n  never: nowhere > 1\n  eds: dv == 5\n"
        "keyed_groups:\n  - {key: l, separator: '', parent_group: lists}\n"
        "  - {key: y, prefix: y, default_value: nothing}\n  - {key: q, trailing_separator: false}\n"
        "  - {key: \"x | default('')\", prefix: x, default_value: none}\n  - {key: twice, parent_group: '{{ fixed }}'}\n"
    ),
    "made/plain.config": "plugin: constructed\nleading_separator: false\nkeyed_groups:\n  - key: \"'k'\"\n  - {key: d, prefix: d}\n",
    "made/strict.yml": "plugin: constructed\nuse_extra_vars: true\nstrict: true\ncompose: {from_outside: outside}\n",
    "made/generator.yml": (
        "plugin: generator\nhosts:\n  name: '{{ op }}-{{ app }}'\n  parents:\n    - name: '{{ op }}'\n      vars: {op: '{{ op }}', n: 1}\n"
        "      parents:\n        - name: ops\n          parents:\n            - {name: everything}\n    - name: '{{ app }}'\n"
        "layers:\n  op: [build, launch]\n  app: [web, api]\n"
    ),
    "script": '#!/bin/sh\necho \'{"s": {"hosts": ["s1", "s2"], "vars": {"v": "{{ x }}"}}, "_meta": {"hostvars": {"s1": {"n": [1.5]}}}}\'\n',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files above, as the current directory."""
    if not (BIN / "ansible-inventory").exists():
        if os.environ.get("CI"):
            pytest.fail("ansible-inventory is missing")
        pytest.skip("ansible-inventory is not installed")
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "script").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSIBLE_DEPRECATION_WARNINGS", "0")
    return tmp_path


def ansible(tool: str, *arguments: str) -> str:
    """What the real tool prints."""
    done = subprocess.run([str(BIN / tool), *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        "-i hosts.ini -i more.yml --graph --vars",
        "-i hosts.ini -i more.yml --list",
        "-i hosts.ini -i more.yml --list --yaml",
        "-i hosts.ini -i more.yml --list --export",
        "-i hosts.ini -i more.yml --list --limit web:!alpha",
        "-i hosts.ini --host web01 --yaml",
        "-i dir -i more.yml --list --yaml --export",
        "-i a,b:22, --list",
        "-i script --list",
        "-i hosts.ini --graph site",
        "-i hosts.toml -i hosts.ini --graph --vars",
        "-i hosts.toml --list --yaml --export",
        "-i hosts.ini -i more.yml -i made/constructed.yml --list",
        "-i hosts.ini -i made/strict.yml -i made/generator.yml -e outside=7 --list --yaml",
    ],
)
def test_the_same_is_printed(folder: Path, arguments: str) -> None:
    """To the byte."""
    done = CliRunner().invoke(command, arguments.split(), catch_exceptions=False)
    assert done.stdout == ansible("ansible-inventory", *arguments.split())


@pytest.mark.parametrize(
    ("enabled", "arguments"),
    [
        ("advanced_host_list", "-i local[08:10],x[a:c]:22 --list"),
        ("host_list,advanced_host_list", "-i h1,h2 --graph"),
        ("ini,constructed", "-i hosts.ini -i made/plain.config --graph"),
    ],
)
def test_the_enabled_plugins_count(folder: Path, monkeypatch: pytest.MonkeyPatch, enabled: str, arguments: str) -> None:
    """Ranges in a host list, and a plugin's configuration by its other extension."""
    monkeypatch.setenv("ANSIBLE_INVENTORY_ENABLED", enabled)
    done = CliRunner().invoke(command, arguments.split(), catch_exceptions=False)
    assert done.stdout == ansible("ansible-inventory", *arguments.split())


@pytest.mark.parametrize(
    "arguments", ["-i hosts.ini -i more.yml --list --toml", "-i hosts.toml --list --toml --export"]
)
def test_what_is_written_as_toml_is_the_same_inventory(folder: Path, arguments: str) -> None:
    """Read again by hotdesk and by Ansible; into a file, too."""
    done = CliRunner().invoke(command, [*arguments.split(), "--output", "again.toml"], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (0, "")
    again = CliRunner().invoke(command, ["-i", "again.toml", "--list"], catch_exceptions=False).stdout
    assert again == ansible("ansible-inventory", "-i", "again.toml", "--list")
    before = arguments.replace("--toml", "").replace("--export", "").split()
    assert hosts_and_groups(again) == hosts_and_groups(ansible("ansible-inventory", *before))


def hosts_and_groups(listed: str) -> dict[str, object]:
    """What ``--list`` says, without the order of hosts and children."""
    data = json.loads(listed)
    groups = {
        name: {key: sorted(names) for key, names in group.items()} for name, group in data.items() if name != "_meta"
    }
    return {**groups, "variables": data["_meta"]["hostvars"]}


@pytest.mark.parametrize("pattern", ["all", "site:!web02", "w*:&other", "db[0:1]", "~.*b.*", "newweb,db"])
async def test_the_same_hosts_are_selected(folder: Path, pattern: str) -> None:
    """In the same order."""
    settings = load_settings({"inventory": ["hosts.ini", "more.yml"]})
    found = select(await load_inventory((), settings=settings), pattern)
    lines = ansible("ansible", "-i", "hosts.ini", "-i", "more.yml", pattern, "--list-hosts").splitlines()
    assert found == [line.strip() for line in lines[1:]]


def test_a_vaulted_vars_file_needs_its_password(folder: Path) -> None:
    """Decrypted with --vault-password-file, refused without."""
    secret = folder / "host_vars" / "loose"
    secret.write_text("hidden: treasure\n")
    (folder / "password").write_text("sesame\n")
    ansible("ansible-vault", "encrypt", "--vault-password-file", "password", str(secret))
    arguments = ["-i", "hosts.ini", "--host", "loose"]
    refused = CliRunner().invoke(command, arguments)
    assert isinstance(refused.exception, VaultError)
    assert str(secret) in refused.exception.explain()
    done = CliRunner().invoke(command, [*arguments, "--vault-password-file", "password"], catch_exceptions=False)
    assert done.stdout == ansible("ansible-inventory", *arguments, "--vault-password-file", "password")
    assert "treasure" in done.stdout
