"""A vaulted value that is sure to be needed is tried before any host is touched; any other when it is met."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import VaultError
from hotdesk.executor.run import PlayOptions
from hotdesk.variables.vault import encrypt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .conftest import Ran

PASSWORD = b"right"
SECRET = "!vault |\n" + textwrap.indent(encrypt(b"geheim", PASSWORD, vault_id="prod"), " " * 6)
"""Deep enough for every place below."""
TOUCH = "- command: touch {tmp}/touched\n"
ECHO = TOUCH + "- command: echo {{{{ secret }}}}\n"


def write(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_text(text)


@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize(
    ("tasks", "place"),
    [
        (ECHO, "group_vars/web.yml:2:9"),
        (TOUCH + "- command: echo {{{{ url }}}}\n", "group_vars/web.yml:2:9"),
        (TOUCH + "- command: echo {{{{ db.password }}}}\n", "group_vars/web.yml:11:13"),
        (
            TOUCH + "- block: [{{command: echo, environment: {{A: '{{{{ secret }}}}'}}}}]\n",
            "group_vars/web.yml:2:9",
        ),
        (TOUCH + "- copy: {{src: secret.txt, dest: {tmp}/out}}\n", "files/secret.txt"),
        (TOUCH + "- include_vars: whole.yml\n", "vars/whole.yml"),
        (TOUCH + "- command:\n    cmd: " + SECRET, "playbook.yml:6:14"),
    ],
)
async def test_a_missing_or_wrong_password_is_told_before_a_host_is_touched(
    play: Callable[..., Awaitable[Ran]], tmp_path: Path, tasks: str, place: str, password: str
) -> None:
    """With file and line, wherever the value stands."""
    write(tmp_path, "group_vars/web.yml", f"---\nsecret: {SECRET}url: 'x-{{{{ secret }}}}'\ndb:\n  password: {SECRET}")
    for name in ("files/secret.txt", "vars/whole.yml"):
        write(tmp_path, name, encrypt(b"a: geheim", PASSWORD))
    write(tmp_path, "pw", password)
    given = {"vault_password_files": (str(tmp_path / "pw"),)} if password else {}
    with pytest.raises(VaultError) as caught:
        await play(tasks.format(tmp=tmp_path), **given)
    assert str(caught.value.place).removeprefix(f"{tmp_path}/") == place
    assert ("does not fit" if password else "no vault password") in caught.value.message
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "tasks",
    [
        "- command: echo {{ secret }}\n  when: false\n",
        "- command: echo {{ secret }}\n  when: inventory_hostname == 'elsewhere'\n",
        "- command: echo {{ secret }}\n  loop: []\n",
        "- command: echo {{ secret }}\n  tags: [never]\n",
        "- command: echo {{ db.user }}\n",
        "- set_fact: {secret: x}\n- command: echo {{ secret }}\n",
        "- include_vars: other.yml\n- command: echo {{ secret }}\n",
        "- meta: end_play\n  when: true is true\n- command: echo {{ secret }}\n",
        "- block: [{command: 'true'}]\n  rescue: [{command: 'echo {{ secret }}'}]\n",
    ],
)
async def test_a_value_that_need_not_be_opened_needs_no_password(
    play: Callable[..., Awaitable[Ran]], tmp_path: Path, tasks: str
) -> None:
    """As with ansible-playbook: what belongs to others may lie beside ours."""
    write(tmp_path, "group_vars/web.yml", f"---\nsecret: {SECRET}db:\n  user: me\n  password: {SECRET}")
    write(tmp_path, "vars/other.yml", "secret: x\n")
    assert (await play(tasks)).code == 0


async def test_the_right_password_opens_everything(play: Callable[..., Awaitable[Ran]], tmp_path: Path) -> None:
    """Inline, whole files beside inventory and playbook, vars_files, and a source of copy however big."""
    write(tmp_path, "group_vars/web.yml", encrypt(b"whole: one", PASSWORD))
    write(tmp_path, "inner/group_vars/web.yml", encrypt(b"beside: two", PASSWORD))
    write(tmp_path, "inner/more.yml", encrypt(b"more: three", PASSWORD))
    write(tmp_path, "inner/files/big", encrypt(b"x" * 300_000, PASSWORD))
    write(tmp_path, "inner/files/tree/small", encrypt(b"four", PASSWORD))
    write(tmp_path, "pw", PASSWORD.decode())
    tasks = f"""
    - hosts: h1
      gather_facts: false
      vars_files: [more.yml]
      tasks:
        - copy: {{content: '{{{{ whole }}}} {{{{ beside }}}} {{{{ more }}}}', dest: {tmp_path}/out}}
        - copy: {{src: big, dest: {tmp_path}/big}}
        - copy: {{src: tree, dest: {tmp_path}/}}
    """
    write(tmp_path, "inner/book.yml", textwrap.dedent(tasks))
    whole: Any = {"vault_password_files": (str(tmp_path / "pw"),)}
    assert (await play("- hosts: h1\n  gather_facts: false\n- import_playbook: inner/book.yml\n", **whole)).code == 0
    assert (tmp_path / "out").read_text() == "one two three"
    assert (tmp_path / "big").read_text() == "x" * 300_000
    assert (tmp_path / "tree/small").read_text() == "four"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.decode()])
async def test_playbooks_inventories_roles_and_extra_vars_may_be_wholly_vaulted(
    play: Callable[..., Awaitable[Ran]], tmp_path: Path, password: str
) -> None:
    """With a missing or wrong password the file is named, before any host is touched."""
    write(tmp_path, "pw", password)
    write(tmp_path, "hosts.yml", encrypt(b"all: {hosts: {h1: {ansible_connection: local, a: one}}}", PASSWORD))
    write(tmp_path, "roles/r/vars/main.yml", encrypt(b"b: two", PASSWORD))
    tasks = f"- copy: {{content: '{{{{ a }}}} {{{{ b }}}} {{{{ c }}}}', dest: {tmp_path}/out}}"
    write(tmp_path, "roles/r/tasks/main.yml", encrypt(tasks.encode(), PASSWORD))
    write(tmp_path, "extra.yml", encrypt(b"c: three", PASSWORD))
    write(tmp_path, "inner.yml", encrypt(b"- hosts: all\n  gather_facts: false\n  roles: [r]\n", PASSWORD))
    given: dict[str, Any] = {"vault_password_files": (str(tmp_path / "pw"),)} if password else {}
    given["inventory"] = (str(tmp_path / "hosts.yml"),)
    options = PlayOptions(extra_vars=(f"@{tmp_path}/extra.yml",))
    book = "- hosts: all\n  gather_facts: false\n- import_playbook: inner.yml\n"
    if password == PASSWORD.decode():
        assert (await play(book, options=options, **given)).code == 0
        assert (tmp_path / "out").read_text() == "one two three"
        return
    with pytest.raises(VaultError) as caught:
        await play(book, options=options, **given)
    assert str(caught.value.place) == f"{tmp_path}/extra.yml"
    with pytest.raises(VaultError) as caught:
        await play(book, **given)
    assert str(caught.value.place) == f"{tmp_path}/hosts.yml"
    write(tmp_path, "hosts.yml", "all: {hosts: {h1: {ansible_connection: local}}}")
    with pytest.raises(VaultError) as caught:
        await play(book, **given)
    assert str(caught.value.place) == f"{tmp_path}/inner.yml"


@pytest.mark.parametrize("vars_files", ["[plain.yml]", "['{{ inventory_hostname }}.yml']", "[[other.yml, plain.yml]]"])
async def test_a_vars_file_may_replace_a_vaulted_value(
    play: Callable[..., Awaitable[Ran]], tmp_path: Path, vars_files: str
) -> None:
    """The value that holds counts, not one below it; names that hang on the host are met at run time."""
    write(tmp_path, "group_vars/web.yml", f"secret: {SECRET}")
    write(tmp_path, "plain.yml", "secret: x\n")
    for host in ("h1", "h2", "h3"):
        write(tmp_path, f"{host}.yml", "secret: x\n")
    head = f"- hosts: all\n  gather_facts: false\n  vars_files: {vars_files}\n"
    assert (await play(head + "  tasks: [{command: 'echo {{ secret }}'}]\n")).code == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_vars_files_of_a_later_play_are_tried_before_the_first(
    play: Callable[..., Awaitable[Ran]], tmp_path: Path, whole: bool
) -> None:
    """Wholly vaulted, and with a value that its tasks need."""
    write(tmp_path, "more.yml", encrypt(b"a: b", PASSWORD) if whole else f"secret: {SECRET}")
    first = f"- hosts: h1\n  gather_facts: false\n  tasks: [{{command: touch {tmp_path}/touched}}]\n"
    second = "- hosts: h1\n  gather_facts: false\n  vars_files: [more.yml]\n  tasks: [{command: 'echo {{ secret }}'}]\n"
    with pytest.raises(VaultError) as caught:
        await play(first + second)
    assert str(caught.value.place).startswith(f"{tmp_path}/more.yml")
    assert not (tmp_path / "touched").exists()
