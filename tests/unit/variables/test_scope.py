"""Scopes: lazy, rendered once, never copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import UndefinedError, VariableError
from hotdesk.source import Map, Seq, Trusted
from hotdesk.variables.lazy import Lazy
from hotdesk.variables.precedence import Layers
from hotdesk.variables.scope import HostVars, Scope

if TYPE_CHECKING:
    from hotdesk.variables.templates import Templates

T = Trusted


class Watched(dict[str, Any]):
    """Counts who asks for what."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.asked.append(key)
        return super().__getitem__(key)


async def test_only_what_a_template_uses_is_rendered(templates: Templates) -> None:
    """Hundreds of variables cost nothing when one is used."""
    layer = Watched({"a": T("{{ b }}"), "b": 1, "c": T("{{ nope }}")})
    assert await templates.render(T("{{ a }}"), Scope((layer,), templates)) == 1
    assert layer.asked == ["a", "b"]


async def test_a_value_is_rendered_once_per_scope(templates: Templates) -> None:
    """A random default must not change within a task."""
    scope = Scope(({"r": T("{{ 1000000000 | random }}")},), templates)
    first = scope["r"]
    assert await templates.render(T("{{ r }}"), scope) == first
    assert scope["r"] == first


async def test_a_child_scope_sees_its_extra_values_everywhere(templates: Templates) -> None:
    """A variable in terms of item is rendered anew for each item."""
    scope = Scope(({"doubled": T("{{ item * 2 }}")},), templates)
    assert [scope.with_({"item": n})["doubled"] for n in (1, 2)] == [2, 4]
    assert "item" not in scope


async def test_an_element_is_rendered_only_when_looked_at(templates: Templates) -> None:
    """Neighbours in a dict or list may be undefined."""
    variables = {"d": Map({"good": T("{{ 1 }}"), "bad": T("{{ nope }}")}), "s": Seq([T("{{ 1 }}"), T("{{ nope }}")])}
    assert await templates.render(T("{{ d.good + s[0] + s | length + d | length }}"), variables) == 6
    assert await templates.render(T("{{ d.bad | default('x') }}{{ s[1] | default('y') }}"), variables) == "xy"
    with pytest.raises(UndefinedError):
        await templates.render(T("{{ d }}"), variables)


async def test_a_dict_may_refer_to_itself(templates: Templates) -> None:
    """paths.home is used by paths.config."""
    variables = {"paths": Map({"home": "/h", "config": T("{{ paths.home }}/c"), "all": Seq([T("{{ paths.config }}")])})}
    assert await templates.render(T("{{ paths.all }}"), variables) == ["/h/c"]


async def test_lazy_values_are_computed_at_each_access(templates: Templates) -> None:
    """Magic variables follow the run."""
    hosts = ["a"]
    scope = Scope(({"ansible_play_hosts": Lazy(lambda: list(hosts))},), templates)
    assert await templates.render(T("{{ ansible_play_hosts }}"), scope) == ["a"]
    hosts.append("b")
    assert scope["ansible_play_hosts"] == ["a", "b"]


async def test_hostvars_render_in_the_other_hosts_scope(templates: Templates) -> None:
    """Each host's own values, and no scope for hosts nobody asks about."""
    made: list[str] = []

    def scope_of(name: str) -> Scope:
        made.append(name)
        return Scope(({"me": name, "greeting": T("hi {{ me }}")},), templates)

    variables = {"hostvars": HostVars(["a", "b", "c"], scope_of), "me": "x"}
    assert await templates.render(T("{{ hostvars['b'].greeting }}, {{ hostvars.a.me }}"), variables) == "hi b, a"
    assert sorted(set(made)) == ["a", "b"]
    assert (
        await templates.render(
            T("{{ hostvars.z is defined }} {{ hostvars | length }} {{ 'a' in hostvars }}"), variables
        )
        == "False 3 True"
    )
    assert await templates.render(T("{{ hostvars }}"), variables) == {
        n: {"me": n, "greeting": f"hi {n}"} for n in "abc"
    }


async def test_two_hosts_may_use_the_same_text(templates: Templates) -> None:
    """A group variable that looks at another host's value of itself is no endless definition."""
    text = T("{{ 'end' if me == 'b' else hostvars.b.chain }}")
    scopes: dict[str, Scope] = {}
    magic = {"hostvars": HostVars(["a", "b"], scopes.__getitem__)}
    for name in ("a", "b"):
        scopes[name] = Scope(({"me": name, "chain": text}, magic), templates)
    assert scopes["a"]["chain"] == "end"


async def test_vars_is_the_scope_by_name(templates: Templates) -> None:
    """vars[name] renders."""
    assert await templates.render(T("{{ vars['a'] }}{{ vars.b is defined }}"), {"a": T("{{ 1 }}")}) == "1False"


def test_raw_gives_what_was_written(templates: Templates) -> None:
    """Nothing is rendered."""
    assert Scope(({"a": T("{{ b }}")},), templates).raw("a") == "{{ b }}"


def test_a_scope_never_prints_values(templates: Templates) -> None:
    """There are secrets among them."""
    assert "hunter2" not in repr(Scope(({"password": "hunter2"},), templates))


def test_a_lookup_that_needs_io_says_so_where_nobody_can_wait(templates: Templates) -> None:
    """Python code that indexes a scope gets an error it can show, not a hang."""
    with pytest.raises(VariableError, match="'x'"):
        Scope(({"x": T("{{ lookup('pipe', 'echo 1') }}")},), templates)["x"]


async def test_a_scope_renders_such_a_value_when_awaited(templates: Templates) -> None:
    """templates.value waits for it."""
    scope = Scope(Layers(({"x": T("{{ lookup('pipe', 'echo 1') }}")},)), templates)
    assert await templates.value(scope, "x") == "1"
    assert await templates.value(scope, "y", "none") == "none"


async def test_all_variables_of_a_host_can_be_shown(templates: Templates) -> None:
    """``hostvars[NAME]`` as a whole: it lists everything but ``hostvars``, which would contain itself; that is found all the same."""
    layers: dict[str, Any] = {"x": T("{{ hostvars.a.y }}"), "y": 1}
    layers["hostvars"] = HostVars(["a"], lambda _name: Scope((layers,), templates))
    assert await templates.render(T("{{ hostvars['a'] }}"), layers) == {"x": 1, "y": 1}
    assert await templates.render(T("{{ hostvars.a.hostvars.a.x }}"), layers) == 1
