"""A rendering ends: in time, and before it has taken all memory."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import regex
from hotdesk.errors import HotdeskError, TemplateError
from hotdesk.source import Trusted
from hotdesk.variables import blocking

if TYPE_CHECKING:
    from tests.unit.variables.conftest import Render

    from hotdesk.variables.templates import Templates

DOUBLING = "{%% set ns = namespace(x=%s) %%}{%% for i in range(60) %%}{%% set ns.x = %s %%}{%% endfor %%}{{ ns.x }}"
NESTED_LOOPS = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
NESTED_REPETITION = "{{ ('a' * 40 ~ '!') | regex_search('(a+)+$') }}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ 'a' * 10 ** 9 }}", "a text of length 1,000,000,000"),
        ("{{ 10 ** 9 * 'a' }}", "a text of length"),
        ("{{ [1] * 10 ** 9 }}", "a list of length"),
        ("{{ 9 ** (9 ** 9) }}", "tens of thousands of digits"),
        (DOUBLING % ("9", "ns.x * ns.x"), "tens of thousands of digits"),
        (DOUBLING % ("'a'", "ns.x ~ ns.x"), "a text of length"),
        (DOUBLING % ("'a'", "ns.x + ns.x"), "a text of length"),
        (DOUBLING % ("'a'", "[ns.x, ns.x] | join"), "a text of length"),
        (DOUBLING % ("'a'", "''.join([ns.x, ns.x])"), "a text of length"),
        (DOUBLING % ("'a'", "ns.x.replace('a', 'aa')"), "a text of length"),
        (DOUBLING % ("[1]", "ns.x + ns.x"), "a list of length"),
        ("{% set x = [1] %}{% for i in range(60) %}{% do x.extend(x) %}{% endfor %}", "a list of length"),
        ("{{ range(10 ** 9) }}", "more than 100,000 numbers"),
        ("{{ range(10 ** 30) }}", "more than 100,000 numbers"),
        ("{{ '%999999999d' % 1 }}", "a width"),
        ("{{ '%*d' % (999999999, 1) }}", "a number of more than five digits"),
        ("{{ '%999999999d' | format(1) }}", "a width"),
        ("{{ '{:>999999999}'.format(1) }}", "a width"),
        ("{{ '{:>{}}'.format(1, 999999999) }}", "a number of more than five digits"),
        ("{{ 'a'.ljust(999999999) }}", "ljust()"),
        ("{{ '\t'.expandtabs(67000000) * 2 }}", "a text of length"),
        ("{{ 'a' | center(999999999) }}", "center"),
        ("{{ 'a' | indent(999999999) }}", "indent"),
        ("{{ [1] | batch(999999999, 'x') | list }}", "batch"),
        ("{{ [1] | slice(999999999) | list }}", "slice"),
        ("{{ {'a': 1} | to_nice_json(indent=999999999) }}", "to_nice_json"),
        ("{{ 'a' | comment(prefix_count=999999999) }}", "comment"),
        ("{{ lipsum(n=999999999) }}", "lipsum()"),
        ("{{ range(20) | permutations }}", "a list of length"),
        ("{{ range(100) | combinations(50) }}", "a list of length"),
        ("{{ range(9999) | product(range(9999)) }}", "a list of length"),
        ("{{ [1, 2] | product(repeat=999999999) }}", "a list of length"),
        ("{{ lookup('sequence', 'end=999999999') }}", "more than 1,000,000 numbers"),
        ("{{ lookup('sequence', 'end=9 format=%0999999999d') }}", "a width"),
        ("{{ lookup('nested', *[range(999) | list] * 3) }}", "a list of length"),
        ("{{ 'a' | password_hash('sha512', rounds=999999999) }}", "rounds"),
        ("{{ 'a' | regex_search('(b') }}", "'(b' is not a regular expression"),
        ("{{ 'a' | regex_search('(' * 5000) }}", "regular expression"),
        ("{{ ('[' * 100000) | from_yaml }}", "line 1: the values are nested more than 100 deep"),
        ("{{ ('[' * 100000) | from_json }}", "nested too deeply"),
        ("{% set x = [] %}{% do x.append(x) %}{{ x }}", "contains itself"),
        ("{% set x = [] %}{% do x.append(x) %}{{ x | flatten }}", "contains itself"),
        ("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "contains itself, or is nested too deeply"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "cannot be compiled"),
        ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "cannot be compiled"),
    ],
)
async def test_what_would_be_too_large_is_not_made(render: Render, template: str, says: str) -> None:
    """One of our errors says what was too large, whichever way it was asked for."""
    with pytest.raises(HotdeskError) as caught:
        await render(template)
    assert says in caught.value.message


async def test_shared_values_are_counted_as_often_as_they_are_met(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty small lists that hold each other twice would be a million million values."""
    monkeypatch.setattr(blocking, "MOST_VALUES", 20_000)
    with pytest.raises(TemplateError, match="more than 20,000 values"):
        await render(DOUBLING % ("[1]", "[ns.x, ns.x]"))


@pytest.mark.parametrize(
    "template",
    [NESTED_LOOPS, "{% macro f(n) %}{% if n < 90 %}{{ f(n + 1) }}{{ f(n + 1) }}{% endif %}{% endmacro %}{{ f(0) }}"],
)
async def test_what_never_ends_is_given_up(render: Render, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """First it leaves the event loop, then it is an error."""
    monkeypatch.setattr(blocking, "ON_LOOP", 0.01)
    monkeypatch.setattr(blocking, "LONGEST", 0.1)
    with pytest.raises(TemplateError, match="takes too long") as caught:
        await render(template)
    assert "loop in a loop" in caught.value.remedy


async def test_a_long_rendering_moves_to_a_thread(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the loop's other work, heartbeats above all, goes on."""
    monkeypatch.setattr(blocking, "ON_LOOP", 0.0)
    threads: list[str] = []
    templates._env.globals["note"] = lambda: threads.append(threading.current_thread().name)
    text = "{% for i in range(3) %}{{ note() }}{% endfor %}"
    await templates.render(Trusted(text), {})
    assert threads
    assert all(name.startswith("hotdesk-pool") for name in threads)


async def test_a_regular_expression_that_never_ends_is_given_up(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold every thread; filter and test alike, on the loop and from a thread."""
    monkeypatch.setattr(regex, "LONGEST", 0.1)
    for template in (NESTED_REPETITION, "{{ ('a' * 40 ~ '!') is match('(a+)+$') }}"):
        with pytest.raises(TemplateError, match="takes too long on this text") as caught:
            await render(template)
        assert "repetition within a repetition" in caught.value.remedy


async def test_the_loop_goes_on_after_a_regular_expression_was_given_up(render: Render) -> None:
    """The timer and the signal's handler are as before."""
    with pytest.raises(TemplateError):
        await render(NESTED_REPETITION)
    await asyncio.sleep(0)
    assert await render("{{ 'abc' | regex_findall('[ab]') }}") == ["a", "b"]


def test_callers_that_cannot_wait_have_less_time(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable asked for by name, without await."""
    monkeypatch.setattr(blocking, "LONGEST_AT_ONCE", 0.05)
    scope = templates._scope({"x": Trusted(NESTED_LOOPS)})
    with pytest.raises(TemplateError, match="takes too long"):
        scope["x"]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 'ab' * 3 ~ 1 ~ [2] }}", "ababab1[2]"),
        (
            "{% for a in 'ab' %}{{ loop.index }}{{ a }}{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}",
            "1a2,2b2",
        ),
        ("{% for a in [1, [2]] recursive %}{{ loop(a) if a is iterable else a }}{% endfor %}", "12"),
        ("{% for a in [] %}{% else %}none{% endfor %}", "none"),
        ("{{ '%5.1f|%s' % (1.25, 'x') }}", "  1.2|x"),
        ("{{ '{:>5}'.format(1000000) }}", "1000000"),
        ("{{ '%d' % 100000000 }}", "100000000"),
        ("{{ 2 ** 64 }}", 2**64),
        ("{{ [[1], [2]] | intersect([[2]]) }}", [[2]]),
        ("{{ [1, 2, 3] | difference([2, {}]) }}", [1, 3]),
        ("{{ [1, 2] | symmetric_difference([2, 3]) }}", [1, 3]),
        ("{{ [1, {}] is subset([{}, 1, 2]) }}", True),
        ("{{ [2, 1] | permutations | list | length }}", 2),
    ],
)
async def test_what_is_of_ordinary_size_is_as_before(render: Render, template: str, value: Any) -> None:
    """The bounds change no result."""
    assert await render(template) == value
