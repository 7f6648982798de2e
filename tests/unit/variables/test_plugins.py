"""Filters, tests and lookups that users bring."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import TemplateError
from hotdesk.settings import Settings
from hotdesk.source import Map, Seq, Trusted
from hotdesk.variables.plugins import Plugins
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from pathlib import Path

FILTERS = """
    import asyncio
    import json
    from jinja2 import pass_context

    def shout(text, mark="!"):
        return text.upper() + mark

    def dumped(value):
        assert type(value) is dict, type(value)
        return json.dumps(value)

    @pass_context
    def level(context, add):
        return context["level"] + add

    async def later(value):
        await asyncio.sleep(0)
        return [value]

    def wrong(value):
        return later(value)

    class FilterModule(object):
        def filters(self):
            return {"shout": shout, "dumped": dumped, "level": level, "later": later, "wrong": wrong, "length": lambda value: -1}
"""
TESTS = "class TestModule:\n    def tests(self):\n        return {'seven': lambda value: value == 7}\n"
LOOKUP = """
    class LookupModule:
        def run(self, terms, variables=None, **options):
            return [f"{term}-{variables['level']}-{options.get('end', '')}" for term in terms]
"""
CONTROLLER = """
    import os
    from ansible.module_utils.basic import AnsibleModule
    from ansible.plugins.loader import filter_loader

    class FilterModule(object):
        def filters(self):
            return {"reload": filter_loader.get}
"""


def write(folder: Path, **files: str) -> Path:
    """``filter_plugins__a="..."`` is the file filter_plugins/a.py below ``folder``."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def made(folder: Path, **collections: Path) -> Templates:
    """Templates with the plugins beside a playbook in ``folder``."""
    plugins = Plugins(lambda name: collections.get(name.replace(".", "_")))
    plugins.add(folder)
    return Templates(Settings(), plugins=plugins)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ 'a' | shout }}{{ 'b' | shout(mark='?') }}", "A!B?"),
        ("{{ nested | dumped }}", '{"a": [3]}'),
        ("{{ 4 | level }}", 7),
        ("{{ 'x' | later }}", ["x"]),
        ("{{ 7 is seven and level is not seven }}", True),
        ("{{ lookup('mine', 'a', end='z') }}", "a-3-z"),
        ("{{ 'abc' | length }}", -1),
        ("{{ nothing | shout | default('d') }}", "d"),
    ],
)
async def test_plugins_beside_a_playbook_are_used(tmp_path: Path, text: str, result: object) -> None:
    """With plain values; an async function is awaited; a name of ours is replaced, as in Ansible."""
    write(tmp_path, filter_plugins__f=FILTERS, test_plugins__t=TESTS, lookup_plugins__mine=LOOKUP)
    variables = {"level": 3, "nested": Map({"a": Seq([Trusted("{{ level }}")])})}
    assert await made(tmp_path).render(Trusted(text), variables) == result


async def test_a_plain_function_may_not_give_a_coroutine(tmp_path: Path) -> None:
    """It would never be awaited."""
    write(tmp_path, filter_plugins__f=FILTERS)
    with pytest.raises(TemplateError, match="write it 'async def'"):
        await made(tmp_path).render(Trusted("{{ 1 | wrong }}"), {})


def test_what_imports_the_controller_is_refused_by_name(tmp_path: Path) -> None:
    """With file and line, once a template needs it; what does not need it is not disturbed."""
    templates = made(write(tmp_path, filter_plugins__bad=CONTROLLER, filter_plugins__good=FILTERS))
    assert templates.check(Trusted("{{ 'a' | shout }}")) == []
    (problem,) = templates.check(Trusted("{{ 'a' | reload }}"))
    assert "'reload'" in problem.message
    assert "imports ansible.plugins.loader" in problem.message
    assert str(problem.place) == f"{tmp_path}/filter_plugins/bad.py:4"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("from ansible import constants\n", 1, "imports ansible.constants"),
        ("def f(:\n", 1, "cannot be read"),
        ("x = 1\n", 1, "no LookupModule"),
        ("import no_such_module_anywhere\n", 1, "ModuleNotFoundError"),
        ("class LookupModule:\n    def __init__(self):\n        raise ValueError('no')\n", 1, "ValueError: no"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_says_why(tmp_path: Path, text: str, line: int, says: str) -> None:
    """Where it is asked for."""
    templates = made(write(tmp_path, lookup_plugins__mine=text))
    (problem,) = templates.check(Trusted("{{ lookup('mine') }}"))
    assert says in problem.message
    assert str(problem.place) == f"{tmp_path}/lookup_plugins/mine.py:{line}"


async def test_plugins_of_a_collection_are_taken_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their full names only; they may import from collections."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = tmp_path / "root" / "ansible_collections" / "hd_test" / "tools"
    write(
        found,
        plugins__plugin_utils__text="def shout(text):\n    return text.upper()\n",
        plugins__filter__f=(
            "from ansible_collections.hd_test.tools.plugins.plugin_utils.text import shout\n"
            "class FilterModule:\n    def filters(self):\n        return {'shout': shout}\n"
        ),
        plugins__lookup__mine=LOOKUP,
    )
    templates = made(tmp_path, hd_test_tools=found)
    text = "{{ 'a' | hd_test.tools.shout }} {{ lookup('hd_test.tools.mine', 'b') }}"
    assert await templates.render(Trusted(text), {"level": 1}) == "A b-1-"
    (problem,) = templates.check(Trusted("{{ 'a' | shout }}"))
    assert "no filter named 'shout'" in problem.message


async def test_a_plugin_that_has_moved_is_found_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the short name that ansible-core still knows, and by the name in a collection that had it; one that leads nowhere is refused."""
    runtime = "plugin_routing:\n  lookup:\n    mine: {redirect: hd.old.mine}\n    gone: {redirect: hd.old.gone}\n"
    (tmp_path / "core.yml").write_text(runtime)
    monkeypatch.setattr("hotdesk.variables.plugins.core_runtime", lambda: tmp_path / "core.yml")
    old, new = (tmp_path / "ansible_collections" / "hd" / name for name in ("old", "new"))
    (old / "meta").mkdir(parents=True)
    (old / "meta" / "runtime.yml").write_text(runtime.replace("hd.old", "hd.new"))
    write(new, plugins__lookup__mine=LOOKUP, plugins__lookup__other="raise SystemExit")
    templates = made(tmp_path, hd_old=old, hd_new=new)
    for name in ("mine", "ansible.builtin.mine", "hd.old.mine", "hd.new.mine"):
        assert await templates.render(Trusted(f"{{{{ lookup('{name}', 'b') }}}}"), {"level": 1}) == "b-1-"
    (problem,) = templates.check(Trusted("{{ lookup('gone') }}"))
    assert "no lookup named 'gone'" in problem.message


def test_two_runs_do_not_share_their_plugins(tmp_path: Path) -> None:
    """What one playbook brings is not there for another."""
    made(write(tmp_path, filter_plugins__f=FILTERS))
    assert Templates(Settings()).check(Trusted("{{ 'a' | shout }}"))
