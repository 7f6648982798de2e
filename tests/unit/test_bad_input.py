"""What is wrong with playbook, inventory or command line is one clear error, before any host is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import app
from hotdesk import events as ev
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.errors import HotdeskError

if TYPE_CHECKING:
    from pathlib import Path

PLAY = "- hosts: here\n  gather_facts: false\n"
TASKS = PLAY + "  tasks:\n"
INVENTORY = "here ansible_connection=local\n"

PLAYBOOKS = {
    # name: (playbook, line:column, words of the message, words of the remedy)
    "keyword of a task": (TASKS + "    - ping:\n      wehn: true\n", "5:7", "'wehn' is not a keyword of a task", "'when'"),
    "keyword of a play": ("- hosts: here\n  gather_fact: no\n", "2:3", "'gather_fact'", "'gather_facts'"),
    "keyword of a handler": (PLAY + "  handlers:\n    - ping:\n      listn: a\n", "5:7", "'listn'", "'listen'"),
    "value of a keyword": (TASKS + "    - ping:\n      debugger: alwys\n", "5:17", "'alwys'", "'always'"),
    "background": (TASKS + "    - debug: {}\n      async: 5\n", "4:7", "does not support async", ""),
    "indentation": (TASKS + "    - ping:\n        data: x\n       when: true\n", "6:8", "does not fit", "indentation"),
    "tab": (TASKS + "\t- ping:\n", "4:1", "tab", "spaces"),
    "module": (TASKS + "    - copyy: {src: a, dest: b}\n", "4:7", "no module 'copyy'", "'copy'"),
    "option": (TASKS + "    - copy: {src: a, dst: b}\n", "4:22", "copy has no option 'dst'", "'dest'"),
    "choice": (TASKS + "    - file: {path: /x, state: directry}\n", "4:31", "directry", "'directory'"),
    "required option": (TASKS + "    - copy: {content: x}\n", "4:7", "needs the option 'dest'", ""),
    "two actions": (TASKS + "    - debug: {msg: x}\n      ping:\n", "5:7", "debug, ping", "Make a task of each"),
    "no action": (TASKS + "    - name: nothing\n", "4:7", "no action", "module"),
    "open template": (TASKS + "    - debug: {msg: '{{ a '}\n", "4:20", "syntax error in the template '{{ a'", "raw"),
    "condition": (TASKS + "    - ping:\n      when: a ==\n", "5:13", "syntax error in the template 'a =='", "expression"),
    "filter": (TASKS + "    - debug: {msg: \"{{ 'a' | uper }}\"}\n", "4:20", "no filter named 'uper'", "'upper'"),
    "filter in vars": (PLAY + "  vars: {a: '{{ 1 | defalt(2) }}'}\n", "3:13", "no filter named 'defalt'", "'default'"),
    "test": (TASKS + "    - ping:\n      when: a is definned\n", "5:13", "no test named 'definned'", "'defined'"),
    "lookup": (TASKS + "    - debug: {msg: \"{{ lookup('fil', 'x') }}\"}\n", "4:20", "no lookup named 'fil'", "'file'"),
    "with_": (TASKS + "    - ping:\n      with_itms: [1]\n", "5:7", "no lookup named 'itms'", "'items'"),
    "loop": (TASKS + "    - ping:\n      loop: 3\n", "5:7", "'loop' must be a list, not 3", ""),
    "two loops": (TASKS + "    - ping:\n      loop: [1]\n      with_items: [1]\n", "6:7", "loop and with_items", ""),
    "loop_control": (TASKS + "    - ping:\n      loop: [1]\n      loop_control: {lable: x}\n", "6:22", "'lable'", "'label'"),
    "boolean": (TASKS + "    - ping:\n      become: maybe\n", "5:15", "must be true or false, not 'maybe'", ""),
    "register": (TASKS + "    - ping:\n      register: 2x\n", "5:7", "'2x'", ""),
    "variable's name": (PLAY + "  vars: {a-b: 1}\n", "3:10", "'a-b' is not a valid variable name", "letters"),
    "become_method": (TASKS + "    - ping:\n      become_method: sudoo\n", "5:22", "'sudoo'", "'sudo'"),
    "connection": (TASKS + "    - ping:\n      connection: sssh\n", "5:19", "'sssh'", "'ssh'"),
    "strategy": (PLAY + "  strategy: liniar\n", "3:13", "'liniar'", "'linear'"),
    "serial": (PLAY + "  serial: many\n", "3:11", "'many'", ""),
    "meta": (TASKS + "    - meta: flush_handler\n", "4:13", "'flush_handler'", "'flush_handlers'"),
    "default of no option": (
        PLAY + "  module_defaults: {copy: {moode: '0600'}}\n  tasks: [{copy: {content: x, dest: /x}}]\n",
        "3:28", "copy has no option 'moode'", "'mode'",
    ),
    "module of old": (PLAY + "  tasks: [{include: x.yml}]\n", "3:12", "no module 'include'", "include_tasks"),
    "group of modules": (PLAY + "  module_defaults: {group/awss: {a: b}}\n", "3:21", "'group/awss'", "'group/aws'"),
    "template for defaults": (PLAY + "  module_defaults: '{{ all }}'\n", "3:20", "must be a mapping", "Only the values"),
    "no list of plays": ("hosts: here\n", "1:1", "a list of plays", "- hosts:"),
    "text for a play": ("- just text\n", "1:3", "a play must be a mapping", ""),
    "empty playbook": ("", "1", "it is empty", "- hosts:"),
    "no hosts": ("- tasks: []\n", "1:3", "needs 'hosts'", ""),
    "tasks are no list": (PLAY + "  tasks:\n    ping:\n", "4:5", "while loading tasks: a mapping should be a list", "'- '"),
    "rescue alone": (TASKS + "    - rescue:\n        - ping:\n", "4:7", "'block', and there is none", ""),
    "file of an import": (TASKS + "    - import_tasks: nothere.yml\n", "4:21", "Could not find or access 'nothere.yml'", ""),
    "import of itself": (TASKS + "    - import_tasks: again.yml\n", "1:3", "imports itself", "include_tasks"),
    "import_playbook": ("- import_playbook: nothere.yml\n", "1:20", "no playbook", ""),
    "role": (PLAY + "  roles: [comon]\n", "3:11", "no role 'comon'", "'common'"),
    "roles in a circle": (PLAY + "  roles: [round]\n", "1:16", "needs itself", ""),
    "host": ("- hosts: heer\n", "1:10", "no host and no group has the name 'heer'", "'here'"),
    "anchor": (TASKS + "    - *nothere\n", "4:7", "anchor", "quotes"),
    "quote": (TASKS + "    - debug: {msg: 'x}\n", "4:20", "not closed", "quote"),
    "colon in text": (TASKS + "    - debug: msg=a: b\n", "4:14", "': '", "quotes"),
    "template without quotes": (TASKS + "    - debug:\n        msg: {{ a }}\n", "5:14", "without quotes", "quotes"),
    "colon of a module": (TASKS + "    - ping\n", "4:7", "a task must be a mapping, not 'ping'", "'ping:', with a colon"),
    "capitals": (TASKS + "    - include_role: {NAME: common}\n", "4:22", "no option 'NAME'", "'name'"),
    "list behind its key": (TASKS + "    - debug: - a\n", "4:14", "cannot begin on the line of its key", "[a, b]"),
    "nested too deeply": ("[" * 2000, "1:101", "more than 100 deep", ""),
    "number that is none": (TASKS + "    - debug: {msg: !!int x}\n", "4:20", "'x' is not a whole number", "quotes"),
    "control character": ("- hosts: \x01\n", "1:10", "YAML does not allow", "escape"),
}  # fmt: skip

COMMAND_LINES: dict[str, tuple[dict[str, Any], str, str, int]] = {
    # name: (what is given, words of the message, words of the remedy, exit code)
    "playbook": ({"playbook": "playbok.yml"}, "playbok.yml could not be found", "'playbook.yml'", 4),
    "limit": ({"limit": "heer"}, "'heer' leaves no host", "'here'", 4),
    "extra variable": ({"extra_vars": ("word",)}, "'word' is not name=value", "-e name=value", 5),
    "open quote in an extra variable": ({"extra_vars": ("a='b",)}, "-e \"a='b\": a quote (') is opened", "-e @file", 5),
    "extra variables as YAML": ({"extra_vars": ("{a: [}",)}, "not closed", "", 4),
    "file of extra variables": ({"extra_vars": ("@nothere.yml",)}, "nothere.yml", "", 4),
    "inventory": ({"inventory": "nothere.ini"}, "no such inventory file", "comma", 4),
    "inventory in YAML": ({"inventory": "list.yml"}, "'hosts' of the group 'all' must be a mapping", "name:", 4),
    "word in the inventory": ({"inventory": "word.yml"}, "a group has no 'hots'", "'hosts'", 4),
    "brackets in the inventory": ({"inventory": "open.ini"}, "bracket", "", 4),
    "vault password file": ({"vault_password_files": ("nothere",)}, "no vault password file", "path", 4),
}
FILES = {
    "playbook.yml": TASKS + "    - ping:\n",
    "again.yml": "- import_tasks: again.yml\n",
    "roles/common/tasks/main.yml": "[]",
    "roles/round/meta/main.yml": "dependencies: [about]\n",
    "roles/about/meta/main.yml": "dependencies: [round]\n",
    "inventory": INVENTORY,
    "list.yml": "all:\n  hosts:\n    - a\n",
    "word.yml": "all:\n  hots:\n    a:\n",
    "open.ini": "[web\nhost1\n",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some files, and the working directory beside them."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


async def refused(playbook: str = "playbook.yml", inventory: str = "inventory", **given: Any) -> HotdeskError:
    """The error of a run, of which nothing but warnings may have been heard."""
    events: list[ev.Event] = []
    named = {name: given.pop(name) for name in ("vault_password_files",) if name in given}
    settings = load_settings({"inventory": (inventory,), **named})
    with pytest.raises(HotdeskError) as caught:
        await app.play(settings, [playbook], app.PlayOptions(**given), app.Around(bus=Bus(events.append)))
    assert all(isinstance(event, ev.Warned) for event in events), events
    return caught.value


@pytest.mark.parametrize(("text", "where", "message", "remedy"), PLAYBOOKS.values(), ids=PLAYBOOKS)
async def test_a_wrong_playbook(project: Path, text: str, where: str, message: str, remedy: str) -> None:
    """File, line and column, what is wrong, the line itself, and what to do."""
    (project / "playbook.yml").write_text(text)
    error = await refused()
    assert error.exit_code == 4
    assert message in error.message
    assert remedy in error.remedy
    assert str(error.place).partition(".yml:")[2] == where
    assert message in error.explain()


@pytest.mark.parametrize(("given", "message", "remedy", "code"), COMMAND_LINES.values(), ids=COMMAND_LINES)
async def test_a_wrong_command_line(given: dict[str, Any], message: str, remedy: str, code: int) -> None:
    """What is wrong, what to do, and the exit code for it."""
    error = await refused(**given)
    assert message in error.explain()
    assert remedy in error.remedy
    assert error.exit_code == code
