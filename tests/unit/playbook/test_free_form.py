from __future__ import annotations

import pytest

from hotdesk.errors import PlaybookError
from hotdesk.place import Place
from hotdesk.playbook.free_form import parse
from hotdesk.source import Trusted


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("src=a dest=b", {"src": "a", "dest": "b"}),
        ('dest="{{ a b }}"', {"dest": "{{ a b }}"}),
        ("dest={{ a == 'x y' }} mode=0644", {"dest": "{{ a == 'x y' }}", "mode": "0644"}),
        ("msg='one two' other=\"it's\"", {"msg": "one two", "other": "it's"}),
        ("line='a=b c=d'", {"line": "a=b c=d"}),
        (r'msg="a\nb"', {"msg": "a\nb"}),
        (r"msg=caf\u00e9", {"msg": "café"}),
        (r"a\=b x=1", {"_raw_params": "a=b", "x": "1"}),
        ("x={{ '}}' }} y=1", {"x": "{{ '}}' }}", "y": "1"}),
        ("x={# a b #}1", {"x": "{# a b #}1"}),
        ("a=1\n  b=2", {"a": "1", "b": "2"}),
        ("", {}),
        ("x=", {"x": ""}),
    ],
)
def test_options_are_read_out_of_a_line(text: str, options: dict[str, str]) -> None:
    """Quotes, Jinja blocks and escapes count as Ansible documents."""
    assert parse(text) == options


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("echo a=b   c", {"_raw_params": "echo a=b   c"}),
        ("echo hi chdir=/tmp creates='/a b'", {"_raw_params": "echo hi", "chdir": "/tmp", "creates": "/a b"}),
        ("chdir=/tmp echo hi", {"_raw_params": "echo hi", "chdir": "/tmp"}),
        (r"printf 'a\n' \\", {"_raw_params": r"printf 'a\n' \\"}),
        ("one\ntwo three", {"_raw_params": "one\ntwo three"}),
        ("a chdir=/x b", {"_raw_params": "a b", "chdir": "/x"}),
        ("  cat <<E\n  x\nE\n", {"_raw_params": "  cat <<E\n  x\nE\n"}),
        ("chdir=/x\na\n", {"_raw_params": "a\n", "chdir": "/x"}),
        ('echo \\\n"b" \\\n| cat\n', {"_raw_params": 'echo "b" | cat\n'}),
    ],
)
def test_a_command_keeps_its_text(text: str, options: dict[str, str]) -> None:
    """Of a command only the known options are taken out."""
    assert parse(text, command=True) == options


@pytest.mark.parametrize("text", ["echo 'a", 'x="1', "x={{ a", "{% if x"])
def test_what_is_opened_must_be_closed(text: str) -> None:
    """An open quote or block is an error at the text's place."""
    with pytest.raises(PlaybookError, match="closed") as caught:
        parse(Trusted(text, Place("p.yml", 3, 5)))
    assert caught.value.place == Place("p.yml", 3, 5)


def test_values_stay_templates_with_a_place() -> None:
    """What is cut out of the user's text is still the user's text."""
    found = parse(Trusted("a={{ b }}", Place("p.yml", 1, 1)))["a"]
    assert isinstance(found, Trusted)
    assert found.place == Place("p.yml", 1, 1)
