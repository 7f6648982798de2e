"""Actions that do a part on the control node and leave the rest to a module of Ansible's."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.results import Result
from hotdesk.settings import Settings
from tests.unit.actions.builtin.conftest import make_call
from tests.unit.actions.conftest import write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.actions.base import Call
    from hotdesk.actions.registry import ActionNames
    from hotdesk.connections.link import Link
    from tests.unit.machines import MakeMachine

    Act = Callable[..., Awaitable[Result]]

pytestmark = pytest.mark.ansible

ECHO = """#!/usr/bin/python
from ansible.module_utils.basic import _load_params, AnsibleModule

given = {name: value for name, value in _load_params().items() if not name.startswith("_ansible_")}
AnsibleModule({name: {"type": "raw"} for name in given}, supports_check_mode=True).exit_json(module="NAME", given=given)
"""


@pytest.fixture
def act(names: ActionNames, make_machine: MakeMachine, tmp_path: Path) -> Act:
    """``await act("package", name=...)``; ``_name=value`` replaces what the Call has."""

    async def run(name: str, /, *, check: bool = False, **given: Any) -> Result:
        more = {key[1:]: given.pop(key) for key in list(given) if key.startswith("_")}
        names.files.add(tmp_path)
        action, machine = names.load(f"ansible.builtin.{name}"), make_machine(check=check)

        async def run_module(call: Call, module: str, args: Any) -> Result:
            found = names.module(module)
            assert found is not None, f"there is no module {module}"
            return await found.execute(call, args, module)

        async def machine_for(_host: str) -> Any:
            return machine

        call = make_call(action, machine, make_machine("localhost", check=check), given, tmp_path, check=check, **more)
        result = await action.run(
            replace(
                call,
                run_module=run_module,
                has_module=lambda module: names.module(module) is not None,
                machine_for=machine_for,
            )
        )
        assert isinstance(result, Result)
        return result

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write(tmp_path / "packed/inside", "content\n")
    path = tmp_path / "files/a.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as made:
        made.add(tmp_path / "packed", "packed")
    (tmp_path / "dest").mkdir()
    return path


async def test_package_leaves_it_to_the_package_manager(act: Act, tmp_path: Path) -> None:
    """The one that is named, else the one of the facts; its own options go through."""
    write(tmp_path / "library/smith.py", ECHO.replace("NAME", "smith"))
    for more in (
        {"use": "smith"},
        {"_variables": {"ansible_facts": {"pkg_mgr": "smith"}}},
        {"_variables": {"ansible_package_use": "smith"}},
    ):
        done = await act("package", name="a", state="forged", heat=3, **more)
        assert done.data["module"] == "smith"
        assert done.data["given"] == {"name": "a", "state": "forged", "heat": 3}
    with pytest.raises(TaskError, match="Could not detect a package manager"):
        await act("package", name="a", _variables={"ansible_facts": {"pkg_mgr": "unknown"}})


async def test_service_leaves_it_to_the_init_system(act: Act, tmp_path: Path) -> None:
    """What that has no option for is left out with a warning; without a module for it, ``service`` does it."""
    write(tmp_path / "library/systemd.py", ECHO.replace("NAME", "systemd"))
    write(tmp_path / "library/service.py", ECHO.replace("NAME", "service"))
    done = await act("service", name="a", sleep=3, _variables={"ansible_facts": {"service_mgr": "systemd"}})
    assert (done.data["module"], done.data["given"]) == ("systemd", {"name": "a"})
    assert (await act("service", name="a", sleep=3, use="no_such_init")).data == {
        "module": "service",
        "given": {"name": "a", "sleep": 3},
    }


async def test_dnf_needs_to_know_which(act: Act, tmp_path: Path) -> None:
    """It is said, or a fact."""
    write(tmp_path / "library/dnf5.py", ECHO.replace("NAME", "dnf5"))
    assert (await act("dnf", name="a", use_backend="dnf5")).data == {"module": "dnf5", "given": {"name": "a"}}
    with pytest.raises(TaskError, match="Could not detect which major revision"):
        await act("dnf", name="a", _variables={"ansible_facts": {"pkg_mgr": "apt"}})


async def test_an_archive_is_there_only_while_it_is_unpacked(act: Act, archive: Path, tmp_path: Path) -> None:
    """And a second time there is nothing to do."""
    for changed in (True, False):
        done = await act("unarchive", src=archive.name, dest=str(tmp_path / "dest"))
        assert done.changed is changed, done.data
        assert (tmp_path / "dest/packed/inside").read_text() == "content\n"
        assert list((tmp_path / "remote_tmp").iterdir()) == []
    assert (await act("unarchive", src=str(archive), dest=str(tmp_path / "dest"), remote_src=True, check=True)).skipped


async def test_what_cannot_be_unpacked_is_not_sent(act: Act, archive: Path, tmp_path: Path) -> None:
    """No directory, nothing to do."""
    lost = await act("unarchive", src=archive.name, dest=str(tmp_path / "nowhere"))
    assert lost.message == f"dest '{tmp_path / 'nowhere'}' must be an existing dir"
    assert (
        await act("unarchive", src=archive.name, dest=str(tmp_path / "dest"), creates=str(tmp_path / "dest"))
    ).skipped
    assert not (tmp_path / "remote_tmp").exists()


async def test_check_mode_asks_the_module_too(act: Act, archive: Path, tmp_path: Path) -> None:
    """It sees the archive, of which nothing is left: no file, and no folder that was not there before."""
    write(
        tmp_path / "library/unarchive.py",
        ECHO.replace("exit_json(", "exit_json(size=__import__('os').stat(given['src']).st_size, "),
    )
    done = await act("unarchive", src=archive.name, dest=str(tmp_path / "dest"), check=True)
    assert done.data["size"] == 10240
    assert not Path(done.data["given"]["src"]).parent.exists()
    assert not (tmp_path / "remote_tmp").exists()


async def test_a_tar_archive_is_skipped_in_check_mode(act: Act, archive: Path, tmp_path: Path) -> None:
    """By the module itself, in its words."""
    done = await act("unarchive", src=archive.name, dest=str(tmp_path / "dest"), check=True)
    assert done.skipped
    assert done.message.endswith("(unarchive) does not support check mode when using gtar")


@pytest.mark.parametrize("remote", [True, False])
async def test_pieces_are_put_together_alike(act: Act, tmp_path: Path, remote: bool) -> None:
    """On the target by the module, here by hotdesk."""
    for number, text in enumerate(("one\n", "two", "three\n", "four\n")):
        write(tmp_path / "pieces" / str(number), text)
    write(tmp_path / "pieces/.hidden", "no\n")
    options = {"delimiter": "--", "ignore_hidden": True, "regexp": "^[.012]", "remote_src": remote}
    done = await act("assemble", src=str(tmp_path / "pieces"), dest=str(tmp_path / "whole"), **options)
    assert done.changed
    assert (tmp_path / "whole").read_text() == "one\n--\ntwo\n--\nthree\n"


async def test_a_whole_has_one_diff(act: Act, tmp_path: Path) -> None:
    """As ansible's: a mapping, where copy has a list."""
    write(tmp_path / "pieces/one", "one\n")
    done = await act(
        "assemble", src=str(tmp_path / "pieces"), dest=str(tmp_path / "whole"), remote_src=False, _diff=True
    )
    assert done.registered()["diff"]["after"] == "one\n"


async def test_uri_sends_files_of_ours(act: Act, tmp_path: Path) -> None:
    """They are on the target only for the request; a form has them as parts."""
    write(tmp_path / "files/letter", "dear\n")
    write(
        tmp_path / "library/uri.py",
        ECHO.replace(
            "exit_json(", "exit_json(read=open(given.get('src') or given['body']['file']['filename']).read(), "
        ).replace("NAME", "uri"),
    )
    assert (await act("uri", url="http://vega/", src="letter")).data["read"] == "dear\n"
    form = await act(
        "uri", url="http://vega/", body_format="form-multipart", body={"file": {"filename": "letter"}, "x": "1"}
    )
    assert form.data["read"] == "dear\n"
    assert list((tmp_path / "remote_tmp").iterdir()) == []
    assert (await act("uri", url="http://vega/", check=True)).skipped


async def test_a_reboot_is_over_when_the_boot_is_another(act: Act, link: Link, tmp_path: Path) -> None:
    """Never of the control node itself; a command that fails is no reboot."""
    assert "would reboot the control node" in (await act("reboot")).message
    link.connection.endpoint = replace(link.connection.endpoint, kind="ssh")
    boots = write(tmp_path / "boots", "1\n")
    told = {"boot_time_command": f"cat {boots}", "test_command": f"grep 2 {boots}"}
    failed = await act("reboot", reboot_command="echo no; exit 3", **told)
    assert failed.message == "Reboot command failed. Error was: 'no, '"
    done = await act("reboot", reboot_command=f"echo 2 > {boots}", **told)
    assert done.changed
    assert done.data["rebooted"] is True
    late = await act("reboot", reboot_command="true", reboot_timeout=1, **told)
    assert late.message.startswith("Timed out waiting for the reboot")


FACTS = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({"color": {"default": "red"}, "fact_path": {}}, supports_check_mode=True)
if module.params["color"] == "none":
    module.fail_json(msg="it went bang")
module.exit_json(ansible_facts={"color": module.params["color"], "ansible_lists": ["NAME"]})
"""


async def test_gather_facts_runs_the_modules_that_are_named(act: Act, tmp_path: Path) -> None:
    """By the setting or the variable, which counts more; lists of theirs are joined, and what is setup's alone is left out with a warning."""
    write(tmp_path / "library/one.py", FACTS.replace("NAME", "one"))
    write(tmp_path / "library/two.py", FACTS.replace("NAME", "two").replace("red", "blue"))
    settings = Settings(facts_modules=("one", "smart"), remote_tmp=str(tmp_path / "tmp"))
    done = await act("gather_facts", gather_subset=["!all", "!min", "user"], _settings=settings)
    assert (done.facts["color"], "ansible_user_id" in done.facts) == ("red", True)
    assert done.warnings == ("Not passing subset(['!all', '!min', 'user']) to one",)
    done = await act("gather_facts", _variables={"ansible_facts_modules": ["one", "two"]}, _settings=settings)
    assert done.facts == {"color": "blue", "ansible_lists": ["one", "two"]}


async def test_facts_of_modules_that_fail_are_told_one_by_one(act: Act, tmp_path: Path) -> None:
    """In Ansible's words, with the reason; what others found counts."""
    write(tmp_path / "library/good.py", FACTS)
    write(tmp_path / "library/bad.py", FACTS.replace('"red"', '"none"'))
    done = await act("gather_facts", _variables={"ansible_facts_modules": "bad, good"})
    assert done.failed
    assert done.message == "The following modules failed to execute: bad. it went bang"
    assert list(done.data["failed_modules"]) == ["bad"]
    assert done.facts["color"] == "red"
