"""Lookups: what ansible-playbook 2.19.14 gives for the same call."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hotdesk.errors import TemplateError, UndefinedError, VariableError
from hotdesk.settings import Settings
from hotdesk.source import Map, Seq, Trusted
from hotdesk.variables.lookups import LOOKUPS
from hotdesk.variables.templates import Templates
from hotdesk.variables.vault import Vault, encrypt

T = Trusted
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ lookup('items', [1, 2]) }}{{ query('items', [1, [2]]) }}", "[1, 2][1, [2]]"),
        ("{{ lookup('list', [1, [2]]) }}", [1, [2]]),
        (
            "{{ lookup('dict', {'a': 1}) }}{{ q('dict', {'a': 1}) }}",
            "{'key': 'a', 'value': 1}[{'key': 'a', 'value': 1}]",
        ),
        ("{{ lookup('sequence', 'start=1 end=5 stride=2 format=x%02d') }}", "x01,x03,x05"),
        (
            "{{ q('sequence', 'count=3') }}{{ q('sequence', '4-2/-1') }}{{ q('sequence', end=2) }}",
            "['1', '2', '3']['4', '3', '2']['1', '2']",
        ),
        ("{{ q('sequence', 'start=0x0f end=0x11 format=%04x') }}", ["000f", "0010", "0011"]),
        ("{{ q('together', [1, 2], [3]) }}", [[1, 3], [2, None]]),
        ("{{ q('nested', [1, 2], [3]) }}", [[1, 3], [2, 3]]),
        ("{{ q('indexed_items', ['a', 'b']) }}", [[0, "a"], [1, "b"]]),
        ("{{ q('subelements', [{'a': [1, 2]}], 'a') }}", [[{}, 1], [{}, 2]]),
        ("{{ q('subelements', [{}], 'a', {'skip_missing': true}) }}", []),
        ("{{ lookup('random_choice', [1]) }}", [1]),
        ("{{ lookup('env', 'HOTDESK_T', 'HOTDESK_NOPE') }}{{ lookup('env', 'HOTDESK_NOPE', default='d') }}", "set,d"),
        ("{{ q('varnames', '^va') }}", ["value"]),
        ("{{ lookup('vars', 'value') }}{{ lookup('vars', 'nope', default='dd') }}", "1dd"),
        ("{{ lookup('pipe', 'echo hi') }}", "hi"),
        ("{{ lookup('lines', 'echo a; echo b', wantlist=true) }}", ["a", "b"]),
        ("{{ lookup('inventory_hostnames', 'all') }}", "all-1"),
        ("{{ lookup('config', 'DEFAULT_FORKS') }}", 50),
        ("{{ lookup('config', 'NOPE', on_missing='skip') }}", []),
        ("{{ lookup('pipe', 'exit 3', errors='ignore') is none }}{{ q('pipe', 'exit 3', errors='ignore') }}", "True[]"),
        ("{{ lookup('ansible.builtin.items', [1]) }}", 1),
    ],
)
async def test_a_lookup_gives_what_ansible_gives(
    render: Any, monkeypatch: pytest.MonkeyPatch, text: str, expected: object
) -> None:
    """The expectations were read off ansible-playbook."""
    monkeypatch.setenv("HOTDESK_T", "set")
    assert await render(text, value=1) == expected


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "files").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "files" / "a.txt").write_text("  text\n")
    (tmp_path / "a.txt").write_text("farther away")
    (tmp_path / "files" / "t.csv").write_text("Symbol\tNumber\nHe\t2\n")
    (tmp_path / "files" / "c.csv").write_text("a,b,c\nd,e,f\n")
    (tmp_path / "files" / "x.ini").write_text("[one]\nuser = root\nUser2 = x\n[global]\ng=1\n")
    (tmp_path / "files" / "p.properties").write_text("user.name=robert\n")
    (tmp_path / "templates" / "t.j2").write_text("{{ who }} {{ more }}\n")
    return {"ansible_search_path": [str(tmp_path)], "who": "me", "tmp": str(tmp_path)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ lookup('file', 'a.txt') }}", "  text"),
        ("{{ lookup('file', 'a.txt', rstrip=false, lstrip=true) }}", "text\n"),
        ("{{ lookup('file', 'a.txt', 'c.csv') }}", "  text,a,b,c\nd,e,f"),
        ("{{ lookup('template', 't.j2', template_vars={'more': 1}) }}", "me 1\n"),
        ("{{ q('fileglob', '*.csv') | map('basename') | list }}", ["c.csv", "t.csv"]),
        ("{{ q('fileglob', '*.nope') }}", []),
        ("{{ lookup('first_found', ['nope', 'a.txt']) | basename }}", "a.txt"),
        (
            "{{ lookup('first_found', {'files': ['z', 'x.ini'], 'paths': ['sub', tmp ~ '/files']}) | basename }}",
            "x.ini",
        ),
        ("{{ q('first_found', ['nope'], skip=true) }}", []),
        ("{{ lookup('csvfile', 'He file=t.csv') }}", "2"),
        ("{{ lookup('csvfile', 'd', file='c.csv', delimiter=',', col=2) }}", "f"),
        ("{{ lookup('csvfile', 'zz file=c.csv delimiter=, default=none') }}", "none"),
        ("{{ lookup('ini', 'user section=one file=x.ini') }}", "root"),
        ("{{ lookup('ini', 'user2', section='one', file='x.ini') }}", "x"),
        ("{{ lookup('ini', 'nope section=one file=x.ini default=dd') }}", "dd"),
        ("{{ q('ini', '.*', section='one', file='x.ini', re=true) }}", ["root", "x"]),
        ("{{ lookup('ini', 'user.name type=properties file=p.properties') }}", "robert"),
    ],
)
async def test_files_are_found_along_the_search_path(
    render: Any, files: dict[str, Any], text: str, expected: object
) -> None:
    """files/ or templates/ of each directory comes before the directory itself."""
    assert await render(text, files) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ lookup('file', 'nope') }}",
        "{{ lookup('first_found', ['nope']) }}",
        "{{ lookup('pipe', 'exit 3') }}",
        "{{ lookup('dict', [1]) }}",
        "{{ lookup('sequence', 'start=1') }}",
        "{{ lookup('sequence', 'start=1 end=3 stepp=2') }}",
        "{{ lookup('file', 'a.txt', stripp=true) }}",
        "{{ lookup('config', 'DEFAULT_FORK') }}",
        "{{ lookup('csvfile', 'd file=c.csv delimiter=, col=9') }}",
        "{{ lookup('ini', 'x section=zz file=x.ini') }}",
        "{{ lookup('password', '/dev/null lenght=3') }}",
        "{{ lookup('url', 'http://127.0.0.1:1/') }}",
    ],
)
async def test_a_lookup_that_fails_says_which(render: Any, files: dict[str, Any], text: str) -> None:
    """The message names the lookup."""
    with pytest.raises(TemplateError, match="the lookup '"):
        await render(text, files)


async def test_undefined_terms_are_undefined_results(render: Any) -> None:
    """So default works behind a lookup."""
    assert await render("{{ lookup('items', nope) | default('x') }}{{ lookup('vars', 'nope') | default('y') }}") == "xy"
    with pytest.raises(UndefinedError):
        await render("{{ lookup('vars', 'nope') }}")


async def test_with_loops_run_a_lookup_over_raw_terms(templates: Templates) -> None:
    """Terms are rendered first; one that is no list becomes one."""
    variables = {"some": [1, [2]], "d": {"a": 1}}
    assert await templates.lookup("items", T("{{ some }}"), variables) == [1, 2]
    assert await templates.lookup("items", Seq([T("{{ some }}"), 3]), variables) == [1, [2], 3]
    assert await templates.lookup("dict", T("{{ d }}"), variables) == [{"key": "a", "value": 1}]
    assert await templates.lookup("sequence", T("count=2"), variables) == ["1", "2"]
    assert await templates.lookup("subelements", Seq([Seq([Map({"k": [1]})]), "k"]), {}) == [[{}, 1]]
    with pytest.raises(TemplateError, match="no lookup named"):
        await templates.lookup("itmes", [], {})


async def test_first_found_leaves_out_names_it_cannot_render(templates: Templates, tmp_path: Path) -> None:
    """A file named after an undefined variable is not there."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "default.yml").touch()
    terms = Seq([T("{{ nope }}.yml"), "default.yml"])
    found = await templates.lookup("first_found", terms, {"ansible_search_path": [str(tmp_path)]}, subdirectory="tasks")
    assert found == [str(tmp_path / "tasks" / "default.yml")]


async def test_a_password_is_kept_in_a_private_file(render: Any, tmp_path: Path) -> None:
    """The second run gets the same; length and letters are as asked."""
    path = tmp_path / "new" / "pw"
    first = await render(f"{{{{ lookup('password', '{path} length=12 chars=digits') }}}}")
    assert first.isdigit()
    assert len(first) == 12
    assert await render(f"{{{{ lookup('password', '{path}') }}}}") == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["pw"]
    hashed = await render(f"{{{{ lookup('password', '{path} encrypt=sha512_crypt') }}}}")
    assert hashed == await render(f"{{{{ lookup('password', '{path} encrypt=sha512_crypt') }}}}")
    assert hashed.startswith("$6$")


async def test_check_mode_writes_no_password_file(render: Any, tmp_path: Path) -> None:
    """Neither file nor directory."""
    text = f"{{{{ lookup('password', '{tmp_path}/new/pw', seed='s', length=5) }}}}"
    assert len(await render(text, ansible_check_mode=True)) == 5
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240


async def test_vaulted_files_are_decrypted(tmp_path: Path) -> None:
    """file and unvault read them when there is a password."""
    (tmp_path / "secret").write_text(encrypt(b"hush\n", b"pw"))
    templates = Templates(Settings(), vault=Vault([("default", b"pw")]))
    text = T(f"{{{{ lookup('file', '{tmp_path}/secret') }}}}{{{{ lookup('unvault', '{tmp_path}/secret') }}}}")
    assert await templates.render(text, {}) == "hushhush\n"


async def test_a_url_is_fetched(render: Any, tmp_path: Path) -> None:
    """Lines, or the whole text."""
    (tmp_path / "page").write_text("one\ntwo\n")
    url = f"file://{tmp_path}/page"
    assert await render(f"{{{{ q('url', '{url}') }}}}") == ["one", "two"]
    assert await render(f"{{{{ lookup('url', '{url}', split_lines=false) }}}}") == "one\ntwo\n"


def test_every_lookup_of_ansible_is_there() -> None:
    """By the names that ansible-doc lists."""
    if not (BIN / "ansible-doc").exists():
        pytest.skip("ansible-core is not installed beside hotdesk")
    listed = subprocess.run(
        [str(BIN / "ansible-doc"), "-t", "lookup", "-l", "ansible.builtin"], capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in listed.stdout.splitlines() if line.startswith("ansible.builtin.")} <= set(
        LOOKUPS
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ lookup('sequence', 'start=0 junk=3') }}", "unrecognized arguments to with_sequence: 'junk'"),
        ("{{ lookup('sequence', 'A-4/2') }}", "has an invalid value"),
        ("{{ lookup('sequence', 'start=A end=3') }}", "has an invalid value"),
        ("{{ lookup('sequence', 'start=1') }}", "must specify count or end in with_sequence"),
        ("{{ lookup('sequence', 'end=4 count=2') }}", "can't specify both count and end in with_sequence"),
        ("{{ lookup('sequence', 'start=1 end=4 stride=-2') }}", "to count forward don't make stride negative"),
        ("{{ lookup('sequence', 'end=4 format=d') }}", "bad formatting string: d"),
        ("{{ q('together') }}", "with_together requires at least one element in each list"),
        ("{{ lookup('vars', 'none_such') }}", "No variable named 'none_such' was found"),
        ("{{ lookup('vars', 42) }}", "Variable name must be 'str' not 'int'"),
        ("{{ q('varnames', 1) }}", "Invalid setting identifier"),
        ("{{ q('varnames', '*') }}", "Unable to use '*'"),
        ("{{ lookup('csvfile', file='a.csv') }}", "Search key is required but was not found"),
        ("{{ lookup('csvfile', 'x file=a.csv stepp=1') }}", "'stepp' is not a valid option"),
        ("{{ lookup('csvfile', 'x file=a.csv col=2,') }}", "'col' has an invalid value"),
        ("{{ lookup('csvfile', 'x', file='none_such') }}", "No such file or directory"),
    ],
)
async def test_a_failure_has_the_words_that_playbooks_look_for(templates, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    """Playbooks test for Ansible's messages in registered results."""
    with pytest.raises(VariableError, match=re.escape(message)):
        await templates.render(T(text), {})


async def test_a_sequence_counts_from_keywords_alone_and_not_from_nothing(templates) -> None:  # type: ignore[no-untyped-def]
    """No term and no option is no number; a negative stride with a count gives what Ansible gives."""
    assert await templates.render(T("{{ q('sequence') }}"), {}) == []
    assert await templates.render(T("{{ q('sequence', count=2, start=10) }}"), {}) == ["10", "11"]
    assert await templates.render(T("{{ q('sequence', 'count=2 start=0', stride=-1) }}"), {}) == ["0", "-1", "-2", "-3"]


async def test_a_key_of_a_csv_file_keeps_its_quotes_and_a_default_may_be_a_list(templates, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Quotes are part of the key; around an option's value they are not."""
    (tmp_path / "a b.csv").write_text('"""The Rock"" J",Dwayne\n')
    options = f"file='{tmp_path}/a b.csv' delimiter=,"
    asked = T('{{ lookup("csvfile", term) }}')
    assert await templates.render(asked, {"term": f'"The Rock" J {options}'}) == "Dwayne"
    assert await templates.render(T("{{ q('csvfile', term, default=['a', 'b']) }}"), {"term": f"x {options}"}) == [
        "a",
        "b",
    ]
