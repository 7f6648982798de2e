"""Lookups derived from Ansible's LookupBase, in the place of which they get ours."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import TemplateError
from hotdesk.settings import Settings
from hotdesk.source import Trusted
from hotdesk.variables.plugins import Plugins
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = '''
    DOCUMENTATION = """
    options:
      size: {type: int, default: 3, vars: [{name: my_size}], env: [{name: HOTDESK_TEST_SIZE}]}
      words: {type: list, elements: str, ini: [{section: mine, key: words}]}
      kind: {choices: [a, b], default: a}
      _terms: {required: true}
    """
    from ansible.plugins.lookup import LookupBase

    class LookupModule(LookupBase):
        def run(self, terms, variables=None, **kwargs):
            self.set_options(var_options=variables, direct=kwargs)
            return [self.get_option("size"), self.get_option("words"), self.get_option("kind")]
'''
SERVICES = """
    from ansible.plugins.lookup import LookupBase
    from ansible.utils.display import Display
    from ansible.utils.listify import listify_lookup_plugin_terms

    display = Display()

    class LookupModule(LookupBase):
        def run(self, terms, variables=None, **kwargs):
            display.warning("look out")
            display.display("looking")
            display.vv("closely")
            found = self.find_file_in_search_path(variables, "files", terms[0])
            text = self._loader.get_text_file_contents(found)
            return [text, self._templar.template(text), self._flatten([[1], 2]), listify_lookup_plugin_terms("a")]
"""
MARKERS = """
    from ansible.plugins.lookup import LookupBase

    class LookupModule(LookupBase):
        accept_args_markers = True

        def run(self, terms, variables=None, **kwargs):
            return terms
"""


def made(
    folder: Path,
    text: str,
    settings: Settings | None = None,
    warned: list[str] | None = None,
    noted: list[str] | None = None,
) -> Templates:
    """Templates with ``text`` as the lookup ``mine``."""
    (folder / "lookup_plugins").mkdir()
    (folder / "lookup_plugins" / "mine.py").write_text(textwrap.dedent(text))
    plugins = Plugins(lambda _name: None)
    plugins.add(folder)
    warn = [] if warned is None else warned
    note = [] if noted is None else noted
    return Templates(
        settings or Settings(), plugins=plugins, warn=lambda said, _place: warn.append(said), note=note.append
    )


async def test_options_come_from_where_the_documentation_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call before a variable before the environment before ansible.cfg before the default; converted to their types."""
    config = tmp_path / "ansible.cfg"
    config.write_text("[mine]\nwords = x, y\n")
    templates = made(tmp_path, OPTIONS, Settings(config_file=config))
    look = Trusted("{{ query('mine') }}")
    assert await templates.render(look, {}) == [3, ["x", "y"], "a"]
    monkeypatch.setenv("HOTDESK_TEST_SIZE", "4")
    assert await templates.render(look, {}) == [4, ["x", "y"], "a"]
    assert await templates.render(look, {"my_size": "5"}) == [5, ["x", "y"], "a"]
    given = Trusted("{{ query('mine', size='6', words='z', kind='b') }}")
    assert await templates.render(given, {"my_size": "5"}) == [6, ["z"], "b"]


@pytest.mark.parametrize(
    ("option", "says"), [("size='x'", "'x' is not a whole number"), ("kind='c'", "there are: a, b")]
)
async def test_an_option_of_a_wrong_type_is_named(tmp_path: Path, option: str, says: str) -> None:
    """With the plugin and what it would take."""
    with pytest.raises(TemplateError, match=says):
        await made(tmp_path, OPTIONS).render(Trusted(f"{{{{ query('mine', {option}) }}}}"), {})


async def test_files_and_warnings_go_their_usual_way(tmp_path: Path) -> None:
    """A file of the search path is found; what stands in it is data and no template; a warning is the run's, a line the screen's."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("{{ level }}")
    warned, noted = list[str](), list[str]()
    templates = made(tmp_path, SERVICES, Settings(verbosity=1), warned, noted)
    found = await templates.render(Trusted("{{ query('mine', 'a.txt') }}"), {"playbook_dir": str(tmp_path), "level": 3})
    assert found == ["{{ level }}", "{{ level }}", [1, 2], ["a"]]
    assert (warned, noted) == (["look out"], ["looking"])


async def test_undefined_terms_are_given_to_those_that_want_them(tmp_path: Path) -> None:
    """``accept_args_markers``: what is not looked at need not be defined."""
    templates = made(tmp_path, MARKERS)
    assert await templates.condition(Trusted("lookup('mine', '{{ nothing }}', 42)[1] == 42"), {}) is True


def test_only_the_plugin_sees_what_stands_for_ansible(tmp_path: Path) -> None:
    """Ansible's own modules of these names are what they were, for whatever else imports them."""
    before = {name for name in sys.modules if name.startswith("ansible.")}
    assert made(tmp_path, SERVICES).check(Trusted("{{ query('mine', 'a') }}")) == []
    assert "ansible.plugins.lookup" not in {name for name in sys.modules if name.startswith("ansible.")} - before


async def test_a_base_class_of_the_collection_may_derive_from_it(tmp_path: Path) -> None:
    """What a collection's plugin imports of its collection is read by the same rules."""
    root = tmp_path / "ansible_collections" / "hdtest" / "bases"
    (root / "plugins" / "lookup").mkdir(parents=True)
    (root / "plugins" / "plugin_utils").mkdir()
    base = MARKERS.replace("LookupModule", "Base").replace("return terms", "return ['base', *terms]")
    (root / "plugins" / "plugin_utils" / "base.py").write_text(textwrap.dedent(base))
    (root / "plugins" / "plugin_utils" / "bad.py").write_text("import ansible.plugins.loader\n")
    for name in ("base", "bad"):
        text = f"from ansible_collections.hdtest.bases.plugins.plugin_utils.{name} import *\n\nclass LookupModule(Base):\n    pass\n"
        (root / "plugins" / "lookup" / f"{name}.py").write_text(text)
    templates = Templates(Settings(), plugins=Plugins(lambda name: root if name == "hdtest.bases" else None))
    assert await templates.render(Trusted("{{ query('hdtest.bases.base', 1) }}"), {}) == ["base", 1]
    (problem,) = templates.check(Trusted("{{ query('hdtest.bases.bad', 1) }}"))
    assert "imports ansible.plugins.loader" in problem.message
    assert str(problem.place) == f"{root}/plugins/plugin_utils/bad.py:1"
