"""``hotdesk inventory`` prints what ansible-inventory prints."""

from __future__ import annotations

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
    ],
)
def test_the_same_is_printed(folder: Path, arguments: str) -> None:
    """To the byte."""
    done = CliRunner().invoke(command, arguments.split(), catch_exceptions=False)
    assert done.stdout == ansible("ansible-inventory", *arguments.split())


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
