"""Rendering: types, undefined values, conditions, files, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.errors import TemplateError, UndefinedError, VariableError
from hotdesk.place import Place
from hotdesk.settings import Settings
from hotdesk.source import Map, Seq, Trusted
from hotdesk.variables.templates import OMIT, Templates

if TYPE_CHECKING:
    from pathlib import Path

T = Trusted
HERE = Place("site.yml", 3, 7)
PLAIN = Templates(Settings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ 1 }}", 1),
        ("{{ '1' }}", "1"),
        ("{{ n }}", 5),
        ("{{ n }}{{ n }}", "55"),
        ("{{ [n, 'a'] }}", [5, "a"]),
        ("{{ (1, 2) }}", [1, 2]),
        ("x{{ [1] }}", "x[1]"),
        ("{{ true }}x", "Truex"),
        ("{{ none }}x", "x"),
        ("{{ omit }}x", "x"),
        ("{% if false %}x{% endif %}", None),
        ("{{ d.keys() }}", ["items", "b"]),
        ("{{ d.b }}", 2),
        ("{{ d['items'] }}", 1),
        ("{{ [3, 1] | map('string') }}", ["3", "1"]),
        ("{% set l = [] %}{% for i in [1, 2] %}{{ l.append(i) }}{% endfor %}{{ l }}", [1, 2]),
        ("{{ '{{ n }}' }}", "{{ n }}"),
        ("{{ lookup('items', ['{{ n }}']) }}", 5),
        ("{{ 'docker {{.State}}' }}", "docker {{.State}}"),
        ("{% if true %}x{% endif %}\n", "x\n"),
        ("a{{ 'x' }}\n\n", "ax\n\n"),
        ("{{ [1] }}\n", [1]),
        ("{{ '{{' }} n }}", "{{ n }}"),
        ("{% raw %}{{ n }}{% endraw %}", "{{ n }}"),
        ("{{ 'a\\d' }}", "a\\d"),
        ("line\n", "line\n"),
        ("no marker", "no marker"),
        ("{# gone #}x", "x"),
    ],
)
async def test_a_template_gives_what_ansible_gives(render: Any, text: str, expected: object) -> None:
    """Native types, concatenation, None and omit are as in ansible-core 2.19."""
    result = await render(text, {"n": 5, "d": {"items": 1, "b": 2}})
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ nope | default('x') }}", "x"),
        ("{{ nope.a.b | default('x') }}", "x"),
        ("{{ d.a.b['c'] | default('x') }}", "x"),
        ("{{ nope | int | default(3) }}", 3),
        ("{{ holder | default('x') }}", "x"),
        ("{{ nope is defined }}", False),
        ("{{ holder is undefined }}", True),
        ("{{ [nope] | length }}", 1),
        ("{{ undef(hint='set it') | default(1) }}", 1),
    ],
)
async def test_undefined_values_can_be_defaulted(render: Any, text: str, expected: object) -> None:
    """default and the defined tests see through chains, filters and variables defined by an undefined one."""
    assert await render(text, {"d": {}, "holder": T("{{ nope }}")}) == expected


@pytest.mark.parametrize(
    "text", ["{{ nope }}", "{{ nope + 1 }}", "{{ nope.a }}", "{{ [nope] }}", "a{{ nope }}", "{{ nope == 1 }}"]
)
async def test_using_an_undefined_value_is_an_error(render: Any, text: str) -> None:
    """The error names the variable and the place."""
    with pytest.raises(UndefinedError, match="'nope' is undefined") as caught:
        await render(text)
    assert caught.value.place == HERE


async def test_an_undefined_variable_is_reported_with_the_nearest_known_one(render: Any) -> None:
    """A typing error gets its remedy."""
    with pytest.raises(UndefinedError) as caught:
        await render("{{ pakages }}", packages=1)
    assert caught.value.remedy == "Did you mean 'packages'?"


async def test_the_place_of_an_undefined_name_is_the_innermost(render: Any) -> None:
    """A variable that uses an undefined one is where the error is."""
    inner = Place("group_vars/all.yml", 8, 4)
    with pytest.raises(UndefinedError) as caught:
        await render("{{ d.a }}", {"d": Map({"a": T("{{ nope }}", inner)})})
    assert caught.value.place == inner


async def test_omit_drops_entries_of_mappings_and_lists(templates: Templates) -> None:
    """A whole value that is omit is the sentinel; inside containers the entry disappears."""
    value = {"a": T("{{ omit }}"), "b": [T("{{ nope | default(omit) }}"), 1], "c": T("{{ {'x': omit} }}")}
    assert await templates.render(value, {}) == {"b": [1], "c": {}}
    assert await templates.render(T("{{ omit }}"), {}) is OMIT


async def test_keys_of_mappings_are_templates_too(templates: Templates) -> None:
    """A key that is a template is rendered."""
    assert await templates.render({T("{{ a }}"): 1}, {"a": "k"}) == {"k": 1}


async def test_results_hold_no_trusted_text(templates: Templates) -> None:
    """What comes out can never be taken for a template again."""
    value = Map({T("k"): Seq([T("plain"), T("{{ a }}")])})
    result = await templates.render(value, {"a": T("v")})
    assert result == {"k": ["plain", "v"]}
    assert {type(result), type(result["k"])} == {dict, list}
    assert {type(text) for text in [*result, *result["k"]]} == {str}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("n == 5", True),
        ("nope is defined", False),
        ("not flag", False),
        ("{{ flag }}", True),
        ("'{{ n }}' == n", True),
        ("n in ['{{ n }}']", True),
        ("{{ named }}", True),
        ("'a' in ['a']", True),
    ],
)
async def test_conditions_are_bare_expressions(templates: Templates, expression: str, expected: bool) -> None:
    """Braces around one are tolerated, a template inside a constant too."""
    variables = {"n": 5, "flag": True, "named": T("{{ written }}"), "written": T("n == 5")}
    assert await templates.condition(T(expression), variables) is expected


async def test_a_boolean_is_a_condition(templates: Templates) -> None:
    """when: false needs no rendering."""
    assert await templates.condition(False, {}) is False


@pytest.mark.parametrize("expression", ["n", "'true'", "[1]", "none", "{{ n }}"])
async def test_a_condition_must_be_boolean(templates: Templates, expression: str) -> None:
    """Ansible 2.19 refuses everything else; the message names the type, never the value."""
    with pytest.raises(TemplateError, match="must be true or false") as caught:
        await templates.condition(T(expression, HERE), {"n": "secret"}, what="failed_when")
    assert "failed_when" in caught.value.message
    assert "secret" not in caught.value.explain()
    assert caught.value.place == HERE


@pytest.mark.parametrize("expression", ["true", 1, None, ["a"]])
async def test_only_the_users_text_is_a_condition(templates: Templates, expression: object) -> None:
    """Text of a host and values that are no text are refused."""
    with pytest.raises(TemplateError):
        await templates.condition(expression, {})


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("{{ 'a' | uper }}", "there is no filter named 'uper'", "'upper'"),
        ("{{ 'a' is defind }}", "there is no test named 'defind'", "'defined'"),
        ("{{ lookup('flie', 'x') }}", "there is no lookup named 'flie'", "'file'"),
        ("{{ a | json_query('x') }}", "json_query", "community.general"),
        ("{{ a | ansible.utils.ipaddr }}", "ipaddr", "ansible.utils"),
        ("{% if false %}{{ 'a' | uper }}{% endif %}", "there is no filter named 'uper'", "'upper'"),
        ("{{ a +}}", "syntax error", ""),
        ("{{ 1 / 0 }}", "division by zero", ""),
        ("{{ '{' | from_json }}", "the filter 'from_json' failed", ""),
        ("{{ ''.__class__ }}", "unsafe", ""),
        ("{{ lookup }}", "not a value", ""),
    ],
)
async def test_errors_say_what_and_where(render: Any, text: str, message: str, remedy: str) -> None:
    """Every fault of a template is one TemplateError with the place and, where there is one, the right spelling."""
    with pytest.raises(TemplateError, match=message) as caught:
        await render(text, a="x")
    assert caught.value.place == HERE
    assert remedy in caught.value.remedy


async def test_check_finds_faults_without_any_variable(templates: Templates) -> None:
    """Names and syntax are checked before a host is touched."""
    assert len(templates.check({"a": [T("{{ x | uper }}")], "b": T("{{ x"), "c": T("{{ fine }}")})) == 2
    assert len(templates.check_condition(T("x is defind"))) == 1


@pytest.mark.parametrize(
    "chain", [{"a": T("{{ a }}")}, {"a": T("{{ b }}"), "b": T("{{ a }}")}, {"a": Map({"x": T("{{ a.x }}")})}]
)
async def test_a_variable_defined_by_itself_is_an_error(render: Any, chain: dict[str, Any]) -> None:
    """Endless definitions end with their names."""
    with pytest.raises(VariableError, match="in terms of each other"):
        await render("{{ a }}", chain)


async def test_a_file_is_rendered_to_text(templates: Templates) -> None:
    """None adds nothing, values are written as text, trailing newlines stay, blocks leave no empty line."""
    text = "a {{ none }} b {{ [1] }}\n{% if true %}\nin\n{% endif %}\n{{ x }}\n"
    assert await templates.render_file(text, "/nowhere/t.j2", {}, extra={"x": 1}) == "a  b [1]\nin\n1\n"


async def test_a_condition_keeps_backslashes_as_jinja_does(templates: Templates) -> None:
    """In a bare expression a backslash is Jinja's escape, in ``{{ }}`` it is a backslash."""
    assert await templates.condition(Trusted('"a\\n" == text'), {"text": "a\n"})
    assert await templates.render(Trusted('{{ "a\\n" == text }}'), {"text": "a\n"}) is False


async def test_a_file_keeps_backslashes_as_jinja_does(templates: Templates) -> None:
    """In files a backslash in a string is Jinja's escape."""
    assert await templates.render_file("{{ 'a\\tb' }}", "t.j2", {}) == "a\tb"


async def test_options_change_delimiters_and_newlines(templates: Templates) -> None:
    """The template module's options and the #jinja2: line, which wins."""
    text = "#jinja2: trim_blocks: False, variable_start_string: '[%'\n{% if true %}\n[% x }}\n{% endif %}\n"
    result = await templates.render_file(text, "t.j2", {"x": 1}, newline_sequence="\r\n", trim_blocks=True)
    assert result == "\r\n1\r\n"


async def test_an_unknown_option_is_refused(templates: Templates) -> None:
    """With the nearest right spelling."""
    with pytest.raises(TemplateError) as caught:
        await templates.render_file("#jinja2: trim_block: True\n", "t.j2", {})
    assert "trim_blocks" in caught.value.remedy


async def test_files_include_and_import_others_beside_them(templates: Templates, tmp_path: Path) -> None:
    """Includes see the variables; imports give macros."""
    (tmp_path / "part.j2").write_text("<{{ x }}{{ local }}>")
    (tmp_path / "macros.j2").write_text("{% macro m(a) %}[{{ a }}]{% endmacro %}")
    text = "{% import 'macros.j2' as lib %}{% set local = 7 %}{% include 'part.j2' %}{{ lib.m(2) }}"
    assert await templates.render_file(text, str(tmp_path / "t.j2"), {"x": T("{{ 1 }}")}) == "<17>[2]"


async def test_an_imported_file_as_a_value_is_its_text(templates: Templates, tmp_path: Path) -> None:
    """None adds nothing; what is undefined in it is an error."""
    part = tmp_path / "part.j2"
    part.write_text("{{ none }}<{{ 1 + 1 }}>")
    text, where = "{% import 'part.j2' as part %}{{ part }}", str(tmp_path / "t.j2")
    assert await templates.render_file(text, where, {}) == "<2>"
    (tmp_path / "wrong.j2").write_text("{{ nope }}")
    with pytest.raises(UndefinedError, match="'nope' is undefined"):
        await templates.render_file(text.replace("part.j2", "wrong.j2"), where, {})


async def test_an_error_in_a_file_has_its_line(templates: Templates) -> None:
    """The place is in the template file."""
    with pytest.raises(UndefinedError) as caught:
        await templates.render_file("one\ntwo\n{{ nope }}\n", "/t/t.j2", {})
    assert caught.value.place == Place("/t/t.j2", 3)
    with pytest.raises(TemplateError) as caught_syntax:
        await templates.render_file("one\n{% if %}\n", "/t/t.j2", {})
    assert caught_syntax.value.place == Place("/t/t.j2", 2)


@given(st.text())
def test_text_that_is_not_the_users_is_never_changed(text: str) -> None:
    """Whatever a host sends stays what it is."""
    assert PLAIN.render_now(text, {}) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_data_goes_through_a_template_unchanged(value: Any) -> None:
    """{{ x }} gives x itself, whatever markers are in it."""
    assert PLAIN.render_now(T("{{ x }}"), {"x": value}) == value
