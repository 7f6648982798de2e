"""What becomes known as a secret while a playbook is loaded and run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hotdesk import app
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.redaction import MASK, Redaction
from hotdesk.variables.vault import encrypt

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

INVENTORY = """
[all:vars]
ansible_connection=local
ansible_become_password=from-become
[web]
here ansible_password=from-inventory
"""
PLAY = """
- hosts: all
  gather_facts: false
  vars_files: [whole.yml]
  vars_prompt:
    - {name: typed}
    - {name: seen, private: false}
  tasks:
    - command: echo {{ inline }}
    - include_vars: more.yml
    - copy: {src: text, dest: copied}
"""
KNOWN = (
    "from-inventory", "from-become", "typed-answer", "from-extra-vars", "the-vault-password", "from-inline", "from-whole", "31415926",
    "from-more", "from-a-copied-file",
)  # fmt: skip
NOT_KNOWN = ("seen-answer", "an-ordinary-extra", "name_in_whole")


async def test_every_kind_of_secret_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connection passwords, private answers, vaulted values inline and in whole files, vault passwords, extra variables by name."""
    monkeypatch.chdir(tmp_path)
    inline = "".join(f"  {line}\n" for line in encrypt(b"from-inline", b"the-vault-password").splitlines())
    files = {
        "inventory": INVENTORY, "book.yml": PLAY, "pw": "the-vault-password\n", "host_vars/here.yml": f"inline: !vault |\n{inline}",
        "whole.yml": "name_in_whole: [{a: from-whole}, 31415926, true, '{{ typed }}']\n", "vars/more.yml": "more: from-more\n",
        "files/text": "# a comment\nfrom-a-copied-file\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        vaulted = name in ("whole.yml", "vars/more.yml", "files/text")
        (tmp_path / name).write_text(encrypt(text.encode(), b"the-vault-password") if vaulted else text)

    async def prompt(text: str, echo: bool = True) -> str:
        return "seen-answer" if echo else "typed-answer"

    redaction = Redaction()
    around = app.Around(bus=Bus(), redaction=redaction, prompt=prompt)
    settings = replace(load_settings({"inventory": (str(tmp_path / "inventory"),)}), vault_password_files=("pw",))
    options = app.PlayOptions(extra_vars=("api_token=from-extra-vars", "color=an-ordinary-extra"))
    assert await app.play(settings, ["book.yml"], options, around) == 0
    assert [redaction.clean(word) for word in KNOWN] == [MASK] * len(KNOWN)
    assert [redaction.clean(word) for word in NOT_KNOWN] == list(NOT_KNOWN)
