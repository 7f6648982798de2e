"""Data from a host is never a template, whatever road it takes (R7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TemplateError
from hotdesk.source import Map, Trusted
from hotdesk.variables.scope import HostVars, Scope

if TYPE_CHECKING:
    from hotdesk.variables.templates import Templates

T = Trusted
FLAG = Path("owned")


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return "{{ lookup('pipe', 'touch owned') }}"


@pytest.mark.parametrize(
    "road",
    [
        "{{ evil }}",
        "{{ registered.stdout }}",
        "{{ registered.stdout | default('x') }}",
        "{{ {'a': registered.stdout} | combine({'b': registered.stdout}) }}",
        "{{ [registered.stdout] | map('string') | list }}",
        "{{ registered | to_json | from_json }}",
        "{{ registered | to_yaml | from_yaml }}",
        "{{ by_task }}",
        "{{ nested.deep[0].x }}",
        "{{ nested }}",
        "{{ vars['evil'] }}",
        "{{ lookup('vars', 'evil') }}",
        "{{ hostvars['other'].evil }}",
        "{{ hostvars.other.registered.stdout }}",
        "{% for x in [evil] %}{{ x }}{% endfor %}",
        "{{ lookup('items', [evil]) }}",
        "{{ query('list', evil) }}",
        "{{ evil ~ '' }}",
        "{{ evil | regex_replace('z', 'y') }}",
        "{{ (evil ~ ' ').split(' ') | join(' ') }}",
    ],
)
async def test_a_hosts_text_stays_text(templates: Templates, evil: str, road: str) -> None:
    """Neither the first rendering nor one of its result runs the command."""
    data = {
        "evil": evil,
        "registered": {"stdout": evil, "results": [{"stdout": evil}]},
        "by_task": T("{{ registered.stdout }}"),
        "nested": Map({T("deep"): [{"x": T("{{ evil }}")}]}),
    }
    scope = Scope(({"hostvars": HostVars(["other"], lambda _name: Scope((data,), templates))}, data), templates)
    once = await templates.render(T(road), scope)
    again = await templates.render({"set_fact": once}, scope.with_({"item": once}))
    looped = await templates.render(T("{{ item }}"), scope.with_({"item": once}))
    assert evil in str(again)
    assert looped == once
    assert not FLAG.exists()  # noqa: ASYNC240


async def test_a_template_file_prints_a_hosts_text(templates: Templates, evil: str) -> None:
    """A rendered file holds the braces as they came."""
    assert await templates.render_file("<{{ evil }}>", "t.j2", {"evil": evil}) == f"<{evil}>"
    assert not FLAG.exists()  # noqa: ASYNC240


async def test_a_hosts_text_is_no_condition(templates: Templates, evil: str) -> None:
    """A condition that came from a host is refused, not evaluated."""
    with pytest.raises(TemplateError):
        await templates.condition(evil, {})
    assert not FLAG.exists()  # noqa: ASYNC240


async def test_a_file_name_is_no_template(render: Any, evil: str, tmp_path: Path) -> None:
    """Names and contents that lookups bring are data."""
    (tmp_path / "x.txt").write_text(evil)
    found = await render("{{ lookup('file', f) }}", {"f": str(tmp_path / "x.txt")})
    assert found == evil
    assert await render("{{ found }}", found=found) == evil
    assert not FLAG.exists()  # noqa: ASYNC240


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ lookup.__globals__ }}",
        "{{ vars.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ x._scope }}",
    ],
)
async def test_templates_cannot_reach_python(templates: Templates, text: str) -> None:
    """The sandbox hides what begins with an underscore."""
    scope = Scope(({"x": Map({"a": T("{{ 1 }}")})},), templates)
    with pytest.raises(TemplateError):
        await templates.render(T(text), scope)


async def test_scopes_show_no_raw_text_to_templates(templates: Templates) -> None:
    """Methods of our own objects are no variables."""
    scope = Scope(({"raw": T("{{ 1 + 1 }}")},), templates)
    outer = Scope(({"hostvars": HostVars(["h"], lambda _name: scope)},), templates)
    assert await templates.render(T("{{ hostvars.h.raw }} {{ hostvars.h.with_ is defined }}"), outer) == "2 False"
