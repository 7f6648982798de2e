from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from hotdesk.actions.background import Background
from hotdesk.actions.base import Outcome
from hotdesk.actions.module import ModuleAction
from hotdesk.actions.module_answers import removal
from hotdesk.actions.module_payload import Payloads
from hotdesk.aio import in_thread
from hotdesk.connections.base import Endpoint
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import ArgumentError, TaskError, TimedOut
from hotdesk.events import Changed
from hotdesk.executor.attempt import with_invocation
from hotdesk.jobs.machine import Machine
from hotdesk.paths import exists
from hotdesk.results import Result
from hotdesk.settings import Settings
from tests.unit.actions.builtin.conftest import make_call
from tests.unit.actions.conftest import RunModule, write
from tests.unit.machines import RUN

if TYPE_CHECKING:
    from hotdesk.actions.registry import ActionNames
    from tests.unit.machines import MakeMachine

pytestmark = pytest.mark.ansible

PYTHONS = [
    path
    for path in sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3"))
    if tuple(map(int, path.parent.parent.name.split(".")[:2])) >= (3, 8)
] or [Path(sys.executable)]

SPEAKER = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(dict(mode=dict(default="ok"), secret=dict(no_log=True)), supports_check_mode={checks})
    mode, secret = module.params["mode"], module.params["secret"] or ""
    if mode == "crash":
        raise KeyError("boo")
    if mode == "fail":
        module.fail_json(msg="it failed", rc=3, more=secret)
    if mode == "code":
        module.exit_json(rc=4, stdout="a\\nb")
    if mode == "exit":
        import sys
        sys.exit("no result")
    if mode == "junk":
        print("before")
        print('{{"changed": true, "results": {{"a": 1}}, "_ansible_x": 1, "deep": {{"_ansible_y": 2}}}}')
        print("after")
        raise SystemExit(0)
    module.warn("careful")
    module.deprecate("old thing", version="9.9", collection_name="a.b")
    module.exit_json(
        changed=True, said="x" + secret, check=module.check_mode, diff=dict(before="a\\n", after="b\\n"),
        ansible_facts=dict(spoken=1, ansible_ssh_host="evil"), when=__import__("datetime").date(2026, 1, 2),
    )


main()
"""


@pytest.fixture
def speaker(tmp_path: Path) -> None:
    """A module of the user's own that does what it is told."""
    write(tmp_path / "library/speaker.py", SPEAKER.format(checks=True))


async def test_a_module_of_ansible_runs(run_module: RunModule, tmp_path: Path) -> None:
    """And a second call is no other."""
    write(tmp_path / "there/one.txt", "1")
    for _ in range(2):
        found = await run_module("ansible.builtin.find", paths=str(tmp_path / "there"))
        assert [Path(one["path"]).name for one in found.data["files"]] == ["one.txt"]
        assert not found.changed
        assert not found.failed


@pytest.mark.parametrize("check", [False, True])
async def test_blockinfile_changes_a_file_and_in_check_mode_none(
    run_module: RunModule, tmp_path: Path, check: bool
) -> None:
    """The module is told of check mode and keeps to it, and of diff."""
    path = write(tmp_path / "file", "before\n")
    done = await run_module("blockinfile", path=str(path), block="hello", check=check)
    assert done.changed
    assert "+hello" in "\n".join(line for one in done.diff for line in one.lines())
    assert ("hello" in path.read_text()) is not check


@pytest.mark.usefixtures("speaker")
@pytest.mark.parametrize("how", ["ok", "crash"])
async def test_arguments_are_shown_as_the_module_says_them_or_not_at_all(run_module: RunModule, how: str) -> None:
    """From -vvv on; which of them are secret only the module knows."""
    done = await run_module("speaker", secret="hush", mode=how, _settings=Settings(verbosity=3))
    action = SimpleNamespace(needs_machine=True, raw_args=False, unchecked=ModuleAction.unchecked, DOCUMENTATION="")
    shown = with_invocation(Outcome(done), action, {"secret": "hush", "mode": how}).result.data.get("invocation")  # type: ignore[arg-type]
    masked = {"mode": "ok", "secret": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}
    assert shown == ({"module_args": masked} if how == "ok" else None)


@pytest.mark.usefixtures("speaker")
async def test_what_a_module_says_is_a_result_as_ansible_has_it(run_module: RunModule) -> None:
    """Warnings, deprecations, facts, dates; a secret is masked, also within other text; keys of Ansible's own are gone."""
    done = await run_module("speaker", secret="hush")
    assert done.changed
    assert done.data["said"] == "x********"
    assert done.data["when"] == "2026-01-02"
    assert "invocation" not in done.data
    assert done.warnings == ("careful", "Removed restricted key from module data: ansible_ssh_host")
    (deprecation,) = done.data["deprecations"]
    assert (deprecation["msg"], deprecation["version"], deprecation["collection_name"]) == ("old thing", "9.9", "a.b")
    assert done.facts == {"spoken": 1}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"version": "3.0.0", "collection_name": "mine.tools"}, "from collection 'mine.tools' version 3.0.0."),
        (
            {"date": "2027-01-01", "collection_name": "a.b.c"},
            "from module 'c' in collection 'a.b' in a release after 2027-01-01.",
        ),
        ({"version": "2.30", "collection_name": "ansible.builtin"}, "from ansible-core version 2.30."),
        ({"version": "3"}, "in the future."),
    ],
)
def test_the_end_of_what_is_deprecated_is_told_as_by_ansible(told: dict[str, str], words: str) -> None:
    """Of whom, and when."""
    assert removal(told) == f"This feature will be removed {words}"


@pytest.mark.usefixtures("speaker")
@pytest.mark.parametrize("mode", ["ok", "fail"])
async def test_arguments_are_shown_as_the_module_itself_shows_them(
    run_module: RunModule, tmp_path: Path, mode: str
) -> None:
    """From -vvv on; what is secret of them only the module knows."""
    done = await run_module(
        "speaker", secret="hush", mode=mode, _settings=Settings(verbosity=3, remote_tmp=str(tmp_path))
    )
    shown = done.data["invocation"]["module_args"]
    assert shown == {"mode": mode, "secret": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}


@pytest.mark.usefixtures("speaker")
@pytest.mark.parametrize(
    ("mode", "msg", "data"),
    [
        ("fail", "it failed", {"rc": 3, "more": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}),
        ("crash", "Task failed: Module failed: 'boo'", {}),
        ("code", "Task failed: Action failed: Unknown error.", {"rc": 4, "stdout_lines": ["a", "b"]}),
        (
            "exit",
            "Module result deserialization failed: No start of json char found",
            {"rc": 1, "module_stderr": "no result\n"},
        ),
    ],
)
async def test_a_failure_is_told_in_ansibles_words(
    run_module: RunModule, mode: str, msg: str, data: dict[str, object]
) -> None:
    """With what the module has said beside it."""
    done = await run_module("speaker", mode=mode, secret="hush")
    assert done.failed
    assert done.message == msg
    assert {name: done.data.get(name) for name in data} == data
    assert done.data["exception"] == "(traceback unavailable)"


@pytest.mark.usefixtures("speaker")
async def test_what_stands_around_the_result_is_passed_over(run_module: RunModule) -> None:
    """What follows it is worth a warning; ``results`` must be a list; keys of Ansible's own are taken out at any depth."""
    done = await run_module("speaker", mode="junk")
    assert done.data == {"ansible_module_results": {"a": 1}, "deep": {}}
    assert done.warnings == (
        "Module invocation had junk after the JSON data: after",
        "Removed unexpected internal key in module return: _ansible_x = 1",
        "Found internal 'results' key in module return, renamed to 'ansible_module_results'.",
    )


@pytest.mark.usefixtures("speaker")
async def test_arguments_are_the_modules_to_check(run_module: RunModule) -> None:
    """Free text is none."""
    done = await run_module("speaker", nope=1)
    assert done.message.startswith("Unsupported parameters for (speaker) module: nope.")
    with pytest.raises(ArgumentError, match="does not support raw params"):
        await run_module("speaker", _raw_params="some words")


async def test_a_module_without_check_mode_is_skipped(run_module: RunModule, tmp_path: Path) -> None:
    """By the module itself."""
    write(tmp_path / "library/speaker.py", SPEAKER.format(checks=False))
    done = await run_module("speaker", check=True)
    assert done.skipped
    assert done.message == "remote module (speaker) does not support check mode"


@pytest.mark.usefixtures("speaker")
async def test_a_change_is_announced_and_a_preview_is_none(run_module: RunModule, make_machine: MakeMachine) -> None:
    """With the module's name."""
    await run_module("speaker", check=True)
    assert [one for one in make_machine.events if isinstance(one, Changed)] == []
    await run_module("speaker")
    assert [one.detail for one in make_machine.events if isinstance(one, Changed)] == ["ansible.legacy.speaker"]


async def test_imports_come_from_memory(run_module: RunModule, tmp_path: Path) -> None:
    """Of a collection by relative imports through packages, and what lies in ``module_utils/`` beside the playbook."""
    plugins = tmp_path / "collections/ansible_collections/my/pcs/plugins"
    write(plugins / "module_utils/deep/__init__.py", "from .word import WORD\n")
    write(plugins / "module_utils/deep/word.py", "from ansible.module_utils.mine import MINE\nWORD = 'deep ' + MINE\n")
    write(tmp_path / "module_utils/mine.py", "MINE = 'mine'\n")
    write(
        plugins / "modules/teller.py",
        "from ..module_utils.deep import WORD\nfrom ansible.module_utils.basic import AnsibleModule\n"
        "if __name__ == '__main__':\n    AnsibleModule({}).exit_json(word=WORD, file=__file__)\n",
    )
    done = await run_module("my.pcs.teller")
    assert done.data["word"] == "deep mine"
    assert not exists(Path(done.data["file"]))


async def test_a_file_of_the_users_own_may_stand_for_one_of_ansible(run_module: RunModule, tmp_path: Path) -> None:
    """For the modules of the run that import it, whatever the agent has imported before."""
    await run_module("ansible.builtin.find", paths=str(tmp_path))
    write(tmp_path / "module_utils/basic.py", "def answer():\n    print('{\"mine\": true}')\n")
    write(
        tmp_path / "library/teller.py",
        "from ansible.module_utils.basic import answer\nanswer()\nraise SystemExit(0)\n",
    )
    assert (await run_module("teller")).data["mine"] is True


async def test_what_is_not_there_is_named(run_module: RunModule, tmp_path: Path) -> None:
    """An import in a ``try`` may fail on the target; any other is known here."""
    basic = "from ansible.module_utils.basic import AnsibleModule\n"
    write(tmp_path / "library/one.py", "import ansible.module_utils.nosuch\n" + basic)
    with pytest.raises(
        TaskError, match=r"Could not find imported module support code for ansible\.legacy\.one.*nosuch"
    ):
        await run_module("one")
    write(
        tmp_path / "library/two.py",
        f"{basic}try:\n    import ansible.module_utils.nosuch\nexcept ImportError:\n    AnsibleModule({{}}).exit_json(missing=True)\n",
    )
    assert (await run_module("two")).data["missing"] is True


async def test_programs_get_their_arguments_in_a_file(run_module: RunModule, tmp_path: Path) -> None:
    """As JSON or as words, by what stands in them; nothing of it is left."""
    write(
        tmp_path / "library/json.sh", '#!/bin/sh\n# WANT_JSON\necho "{\\"args\\": $(cat $1), \\"file\\": \\"$1\\"}"\n'
    )
    done = await run_module("json", a=1, b={"c": "d"})
    assert done.data["args"] == {"a": 1, "b": {"c": "d"}}
    assert not exists(Path(done.data["file"]).parent)
    write(tmp_path / "library/words", '#!/bin/sh\n. "$1"\necho "{\\"said\\": \\"$name $x\\"}"\n')
    assert (await run_module("words", name="joe", x="a 'b'")).data["said"] == "joe a 'b'"
    write(
        tmp_path / "library/inside", "#!/bin/sh\ncat <<'END'\n{\"args\": <<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>}\nEND\n"
    )
    assert (await run_module("inside", a="ä")).data["args"] == {"a": "ä"}


async def test_an_interpreter_may_be_another(run_module: RunModule, tmp_path: Path) -> None:
    """By the variable of its name; for Python it is the one that the agent runs on."""
    write(tmp_path / "library/strange", "#!/no/such/tcsh -x\n# WANT_JSON\necho '{\"strange\": true}'\n")
    lost = await run_module("strange")
    assert lost.data["rc"] == 127
    assert "/no/such/tcsh: not found" in lost.data["module_stderr"]
    found = await run_module("strange", _variables={"ansible_tcsh_interpreter": "/bin/sh"})
    assert found.data["strange"] is True
    write(
        tmp_path / "library/snake",
        '#!/usr/bin/python\n# WANT_JSON\nimport sys\nprint(\'{"python": "%s"}\' % sys.executable)\n',
    )
    assert (await run_module("snake")).data["python"] == sys.executable
    write(tmp_path / "library/bare", "echo no line\n")
    with pytest.raises(TaskError, match="missing interpreter line"):
        await run_module("bare")


async def test_the_folder_for_temporary_files_may_be_another(run_module: RunModule, tmp_path: Path) -> None:
    """By its variable; where it cannot be made, a program lies in the system's."""
    write(tmp_path / "library/here", "#!/bin/sh\necho '{\"file\": \"'$1'\"}'\n")
    (tmp_path / "file").touch()
    for given, expected in (("there", tmp_path / "there"), ("file/below", Path(tempfile.gettempdir()))):
        done = await run_module("here", _variables={"ansible_remote_tmp": str(tmp_path / given)})
        assert Path(done.data["file"]).parents[1] == expected
        assert not exists(Path(done.data["file"]).parent)


async def test_a_binary_module_is_run_as_it_is(run_module: RunModule, tmp_path: Path) -> None:
    """Its arguments are JSON in a file."""
    (tmp_path / "library").mkdir()
    await in_thread(shutil.copy, "/bin/cat", tmp_path / "library/feline")
    done = await run_module("feline", word="miaow")
    assert done.data["word"] == "miaow"


async def test_the_environment_of_the_task_is_the_modules(run_module: RunModule, tmp_path: Path) -> None:
    """Where Python looks for packages, too."""
    write(tmp_path / "packages/found_there.py", "WORD = 'there'\n")
    write(
        tmp_path / "library/teller.py",
        "import os\nfrom ansible.module_utils.basic import AnsibleModule\nimport found_there\n"
        "AnsibleModule({}).exit_json(name=os.environ['NAME'], word=found_there.WORD)\n",
    )
    done = await run_module("teller", _environment={"NAME": "vega", "PYTHONPATH": str(tmp_path / "packages")})
    assert (done.data["name"], done.data["word"]) == ("vega", "there")


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parent.parent.name)
async def test_modules_run_on_every_python(names: ActionNames, python: Path, tmp_path: Path) -> None:
    """On that of the target, whatever the control node's: one of Ansible and one that is a program."""
    write(
        tmp_path / "library/snake",
        "#!/usr/bin/python\n# WANT_JSON\nimport sys, json\nprint(json.dumps({'it': sys.executable}))\n",
    )
    names.files.add(tmp_path)
    write(tmp_path / "there/one.txt", "1")
    found = {}
    async with LocalConnection(Endpoint(host="vega", kind="ssh", python=str(python))) as connection:
        link = await Link.start(connection, run=RUN, grace=1.0)
        machine = Machine(link, host="vega", task="t1")
        for name, given in (("ansible.builtin.find", {"paths": str(tmp_path / "there")}), ("snake", {})):
            action = names.module(name)
            assert action is not None
            found[name] = await action.run(make_call(action, machine, machine, given, tmp_path))
        await link.aclose()
    files, snake = found.values()
    assert isinstance(files, Result)
    assert isinstance(snake, Result)
    assert [Path(one["path"]).name for one in files.data["files"]] == ["one.txt"], files
    assert snake.data["it"] == str(python)


async def test_a_module_that_is_stopped_leaves_nothing(
    run_module: RunModule, make_machine: MakeMachine, tmp_path: Path
) -> None:
    """Neither what it has started nor its directory."""
    write(
        tmp_path / "library/sleeper.py",
        "import subprocess\nfrom ansible.module_utils.basic import AnsibleModule\nmodule = AnsibleModule(dict(path={}))\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "open(module.params['path'], 'w').write('%d %s' % (child.pid, module.tmpdir))\nchild.wait()\n",
    )
    path = tmp_path / "said"
    with pytest.raises(TimedOut):
        async with make_machine().limit(3.0, "sleeper"):
            await run_module("sleeper", path=str(path))
    pid, _, folder = path.read_text().partition(" ")
    assert not exists(Path(folder))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#!powershell\n# POWERSHELL_COMMON\n", "a module for Windows"),
        ("from ansible.module_utils.basic import x\n(", "Unable to compile"),
    ],
)
def test_what_cannot_be_sent_is_refused(names: ActionNames, tmp_path: Path, text: str, message: str) -> None:
    """With the file."""
    path = write(tmp_path / "library/bad.py", text)
    with pytest.raises(TaskError, match=message) as refused:
        Payloads(names.files).make("ansible.legacy.bad", path)
    assert refused.value.place is not None
    assert refused.value.place.file == str(path)


@pytest.mark.usefixtures("speaker")
async def test_a_module_may_be_done_in_the_background(run_module: RunModule, tmp_path: Path) -> None:
    """With the keys of a job beside its own result, of a program too; not in check mode."""
    waited = Background(seconds=30.0, poll=1.0)
    where = {"_background": waited, "_async_dir": str(tmp_path / "jobs")}
    done = await run_module("speaker", secret="hush", **where)
    assert done.data["said"] == "x********"
    assert done.data["finished"] == 1
    assert "careful" in done.warnings
    write(tmp_path / "library/json.sh", '#!/bin/sh\n# WANT_JSON\necho "{\\"name\\": \\"$NAME\\"}"\n')
    assert (await run_module("json", _environment={"NAME": "vega"}, **where)).data["name"] == "vega"
    assert (await run_module("speaker", mode="exit", **where)).data["module_stderr"] == "no result\n"
    write(tmp_path / "library/more.sh", '#!/bin/sh\n# WANT_JSON\necho hum >&2\necho before\necho "{}"\necho after\n')
    more = await run_module("more", **where)
    assert more.data["stderr"] == "hum\n"
    assert more.warnings == ("Module invocation had junk after the JSON data: after",)
    with pytest.raises(TaskError, match="cannot be used on same task"):
        await run_module("speaker", check=True, **where)


async def test_a_diff_that_is_not_text_is_registered_as_the_module_gave_it(
    run_module: RunModule, tmp_path: Path
) -> None:
    """A playbook may look into it; what is shown is JSON."""
    given = {"before": {"name": "UTC"}, "after": {"name": "Europe/Oslo"}}
    write(
        tmp_path / "library/clock.py",
        f"#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\nAnsibleModule({{}}).exit_json(changed=True, diff={given})\n",
    )
    done = await run_module("clock")
    assert done.registered()["diff"] == given
    assert '-    "name": "UTC"' in list(done.diff[0].lines())
