"""Filters: what ansible-playbook 2.19.14 prints for the same expression."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from typing import Any

import pytest

from hotdesk.errors import TemplateError
from hotdesk.source import Map, Seq, Trusted
from hotdesk.variables.crypt import password_hash
from hotdesk.variables.filters import FILTERS

T = Trusted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ ['a', 'A', 'b'] | unique }}", ["a", "b"]),
        ("{{ [{'a': 1}, {'a': 1}] | unique }}", [{"a": 1}]),
        ("{{ [1, 2] | union([2, 3]) }}", [1, 2, 3]),
        ("{{ [1, 2, 1] | difference([2]) }}", [1]),
        ("{{ [1, 2] | intersect([2]) }}", [2]),
        ("{{ [1, 2] | symmetric_difference([2, 3]) }}", [1, 3]),
        ("{{ [3, 1] | min }}{{ [3, 1] | max }}", "13"),
        ("{{ 'a\n\nb' | comment }}", "#\n# a\n#\n# b\n#"),
        ("{{ 'x' | comment('cblock') }}", "/*\n *\n * x\n *\n */"),
        ("{{ 'x' | comment('xml') }}", "<!--\n -\n - x\n -\n-->"),
        ("{{ 'x\ny' | comment('plain', prefix='###', postfix='', decoration='#! ') }}", "###\n#! x\n#! y"),
        ("{{ 'x' | comment('plain', prefix_count=2, beginning='BB', end='EE') }}", "BB\n#\n#\n# x\n#\nEE"),
        ("{{ 10 | human_readable }} {{ 1024 | human_readable }}", "10.00 Bytes 1.00 KB"),
        (
            "{{ 102400000 | human_readable(isbits=true) }} {{ 102400000 | human_readable(unit='G') }}",
            "97.66 Mb 0.10 GB",
        ),
        ("{{ '1.5 MB' | human_to_bytes }}", 1572864),
        ("{{ '10' | human_to_bytes(default_unit='K') }}", 10240),
        ("{{ '10Mb' | human_to_bytes(isbits=true) }}", 10485760),
        ("{{ {'b': [1, {'c': 2}], 'a': 'x\ny'} | to_yaml }}", "a: 'x\n\n  y'\nb:\n- 1\n- {c: 2}\n"),
        ("{{ {'b': [1, {'c': 2}], 'a': 'x\ny'} | to_nice_yaml }}", "a: 'x\n\n    y'\nb:\n- 1\n-   c: 2\n"),
        ("{{ {'b': 1, 'a': [1]} | to_json }}", '{"b": 1, "a": [1]}'),
        ("{{ {'b': 1, 'a': []} | to_nice_json(indent=2) }}", '{\n  "a": [],\n  "b": 1\n}'),
        ("{{ '{\"a\": [1, null]}' | from_json }}", {"a": [1, None]}),
        ("{{ 'a: [1, yes]' | from_yaml }}", {"a": [1, True]}),
        ("{{ '--- 1\n--- 2' | from_yaml_all }}", [1, 2]),
        ("{{ 'x' | to_uuid }}", "66b2f013-1baa-5313-9c8c-e6f1182e0e90"),
        ("{{ 'foobar' | regex_search('(o+)(b)', '\\1') }}", ["oo"]),
        ("{{ 'foobar' | regex_search('(?P<n>o+)', '\\g<n>') }}", ["oo"]),
        ("{{ 'foo' | regex_search('x') }}", None),
        ("{{ 'foo' | regex_replace('^f(o+)$', '\\1-') }}", "oo-"),
        ("{{ 'a1b2' | regex_findall('\\d') }}", ["1", "2"]),
        ("{{ 'a.b' | regex_escape }}{{ 'a.b' | regex_escape('posix_basic') }}", "a\\.ba\\.b"),
        ("{{ 5 | random(seed='x') }}{{ [1, 2, 3, 4] | shuffle(seed='a') }}", "2[2, 1, 4, 3]"),
        ("{{ [[1, 2], [[3]]] | flatten }}{{ [[1, 2], [[3]]] | flatten(levels=1) }}", "[1, 2, 3][1, 2, [3]]"),
        (
            "{{ {'a': {'b': [1]}} | combine({'a': {'b': [2]}}, recursive=true, list_merge='append') }}",
            {"a": {"b": [1, 2]}},
        ),
        ("{{ {'a': {'b': 1}} | combine([{'a': {'c': 2}}, {'d': 3}]) }}", {"a": {"c": 2}, "d": 3}),
        ("{{ [1, 2] | zip([3, 4]) }}", [[1, 3], [2, 4]]),
        ("{{ [1] | product([3, 4]) }}", [[1, 3], [1, 4]]),
        ("{{ {'a': 1} | dict2items }}", [{"key": "a", "value": 1}]),
        ("{{ [{'k': 'a', 'v': 1}] | items2dict('k', 'v') }}", {"a": 1}),
        ("{{ [{'a': [1, 2]}] | subelements('a') }}", [[{"a": [1, 2]}, 1], [{"a": [1, 2]}, 2]]),
        ("{{ [1, 0] | map('extract', ['x', 'y']) | list }}", ["y", "x"]),
        ("{{ [{'a': 1, 'b': 2}] | groupby('a') }}", [[1, [{"a": 1, "b": 2}]]]),
        ("{{ [{'n': 'x', 'v': 1}] | rekey_on_member('n') }}", {"x": {"n": "x", "v": 1}}),
        ("{{ true | ternary('y', 'n') }}{{ none | ternary('y', 'n', 'z') }}", "yz"),
        ("{{ 'yes' | bool }}{{ 'foo' | bool }}{{ none | bool }}{{ 1 | bool }}", "TrueFalseFalseTrue"),
        ("{{ 'x' | b64encode }}{{ 'eA==' | b64decode }}", "eA==x"),
        ('{{ "it\'s" | quote }} {{ none | quote }}', "'it'\"'\"'s' ''"),
        ("{{ 'a b' | split }}{{ 'a,b' | split(',') }}", "['a', 'b']['a', 'b']"),
        ("{{ 'https://u:p@h:8/x?q#f' | urlsplit('port') }}", 8),
        ("{{ 'a%20b+c' | urldecode }}", "a b c"),
        ("{{ '%Y' | strftime(0, utc=true) }}", "1970"),
        ("{{ ('2020-01-02 03:04:05' | to_datetime).year }}", 2020),
        ("{{ '/a/b.c' | basename }}{{ '/a/b.c' | dirname }}{{ '/a/b.c' | splitext }}", "b.c/a['/a/b', '.c']"),
        ("{{ ['/a', 'b'] | path_join }}{{ '/a/b' | relpath('/a') }}{{ ['/a/b', '/a/c'] | commonpath }}", "/a/bb/a"),
        ("{{ 'C:\\a\\b' | win_basename }}", "b"),
        ("{{ 4 | root }}{{ 2 | pow(3) }}{{ 8 | log(2) }}", "2.08.03.0"),
        ("{{ 'x' | ansible.builtin.b64encode }}", "eA=="),
        ("{{ [1, none] | join(',') }}", "1,None"),
        (
            "{{ ['a'] | map('upper') | type_debug }}{{ 'a' | type_debug }}{{ nope | type_debug }}",
            "liststrUndefinedMarker",
        ),
        ("{{ 'abc' | hash('sha512_256') }}", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ("{{ 'x' | vault('s', salt='abc') | unvault('s') }}", "x"),
    ],
)
async def test_a_filter_gives_what_ansible_gives(render: Any, text: str, expected: object) -> None:
    """The expectations were read off ansible-playbook."""
    assert await render(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1 | combine({}) }}",
        "{{ {} | combine({}, list_merge='apend') }}",
        "{{ 'x' | urlsplit('nope') }}",
        "{{ 'x' | hash('nope') }}",
        "{{ 'x' | human_to_bytes }}",
        "{{ '1 QB' | human_to_bytes }}",
        "{{ [1] | dict2items }}",
        "{{ 'x' | comment('nope') }}",
        "{{ 'x' | comment(colour='red') }}",
        "{{ [{'a': 1}, {'a': 1}] | rekey_on_member('a') }}",
        "{{ [{}] | subelements('a') }}",
        "{{ 'aa' | regex_replace('a', 'b', mandatory_count=3) }}",
    ],
)
async def test_wrong_input_is_an_error_of_the_filter(render: Any, text: str) -> None:
    """The message names the filter."""
    with pytest.raises(TemplateError, match=r"the filter '\w+' failed: "):
        await render(text)


async def test_mandatory_speaks_with_the_users_words(render: Any) -> None:
    """Its message is the error's."""
    with pytest.raises(TemplateError, match="say who you are"):
        await render("{{ nope | mandatory('say who you are') }}")


@pytest.mark.parametrize(
    ("kind", "salt", "start"),
    [("sha512", "mysalt", "$6$mysalt$"), ("sha256", "mysalt", "$5$mysalt$"), ("md5", "12345678", "$1$12345678$")],
)
def test_password_hashes_are_those_of_openssl(kind: str, salt: str, start: str) -> None:
    """Another program makes the same hash."""
    option = {"sha512": "-6", "sha256": "-5", "md5": "-1"}[kind]
    made = subprocess.run(
        ["openssl", "passwd", option, "-salt", salt, "abc"], capture_output=True, text=True, check=True
    )
    result = password_hash("abc", kind, salt)
    assert result == made.stdout.strip()
    assert result.startswith(start)


@pytest.mark.parametrize(
    "text", ["{{ 'a' | password_hash('sha51') }}", "{{ 'a' | password_hash('sha512', 'bad salt') }}"]
)
async def test_a_wrong_hash_type_or_salt_is_refused(render: Any, text: str) -> None:
    """Before the C library sees it."""
    with pytest.raises(TemplateError):
        await render(text)


async def test_lazy_containers_are_ordinary_to_filters(render: Any) -> None:
    """A user's dict with templates inside works wherever a dict does, rendered."""
    value = Map({T("b"): T("{{ n }}"), T("a"): Seq([T("{{ n + 1 }}"), 3])})
    assert await render("{{ d | dict2items | map(attribute='value') | list }}", d=value, n=1) == [1, [2, 3]]
    assert await render("{{ d | combine({'c': 1}) }}", d=value, n=1) == {"b": 1, "a": [2, 3], "c": 1}
    assert await render("{{ d | to_json }}", d=value, n=1) == '{"b": 1, "a": [2, 3]}'
    assert (
        await render("{{ d.a + [4] }}{{ d.a | sum }}{{ 3 in d.a }}{{ d.a | sort(reverse=true) }}", d=value, n=1)
        == "[2, 3, 4]5True[3, 2]"
    )
    assert await render("{{ dict(d) == d and d.a == [2, 3] and d | type_debug == 'dict' }}", d=value, n=1) is True


async def test_dates_stay_dates(render: Any) -> None:
    """now() and to_datetime give values, not text."""
    assert await render("{{ '2020-01-02' | to_datetime('%Y-%m-%d') }}") == datetime.datetime(2020, 1, 2)


async def test_checksums_are_of_the_text(render: Any) -> None:
    """checksum is sha1."""
    assert await render("{{ 'ä' | checksum }}{{ 'ä' | md5 }}") == (
        hashlib.sha1("ä".encode()).hexdigest() + hashlib.md5("ä".encode()).hexdigest()
    )


def test_every_filter_has_its_full_name_too() -> None:
    """Playbooks in ansible-lint's style use the long names."""
    assert FILTERS["ansible.builtin.combine"] is FILTERS["combine"]
    assert FILTERS["ansible.builtin.default"] is FILTERS["default"]
