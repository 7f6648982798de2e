"""ansible.posix.synchronize and ansible.posix.patch: what they do before the collection's modules go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.builtin.patch import Patch
from hotdesk.actions.builtin.synchronize import BETWEEN, Synchronize
from hotdesk.connections.base import Endpoint, Escalation, Secret
from hotdesk.errors import ArgumentError
from hotdesk.results import Result
from tests.unit.actions.builtin.conftest import make_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hotdesk.actions.base import Call
    from tests.unit.machines import MakeMachine

    Ran = Callable[..., Awaitable[tuple[str, dict[str, Any]]]]

DESK = Endpoint(host="desk", address="192.0.2.7", port=2222, user="ann")


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@pytest.fixture
def ran(make_machine: MakeMachine, tmp_path: Path) -> Ran:
    """``await ran(args)``: (the machine where the module was started, what it was given)."""

    async def run(
        given: dict[str, Any],
        point: Endpoint = DESK,
        escalation: Escalation | None = None,
        delegate: str = "desk",
        **more: Any,
    ) -> tuple[str, dict[str, Any]]:
        seen: list[tuple[str, dict[str, Any]]] = []

        async def run_module(call: Call, name: str, args: Mapping[str, Any]) -> Result:
            assert name == "ansible.posix.synchronize"
            seen.append((call.machine.host, dict(args)))
            return Result()

        async def way_to(name: str) -> tuple[Endpoint, Escalation | None]:
            assert name == "desk"
            return point, escalation

        call = make_call(Synchronize(), make_machine(delegate), make_machine("localhost"), given, tmp_path, **more)
        result = await Synchronize().run(replace(call, host="desk", run_module=run_module, way_to=way_to))
        if not seen:
            assert isinstance(result, Result)
            return "", dict(result.data)
        return seen[0]

    return run


async def test_rsync_runs_here_and_logs_in_as_hotdesk_does(ran: Ran) -> None:
    """The PC's address, port and user; host keys are checked unless the task says otherwise."""
    where, args = await ran({"src": "/a/", "dest": "/b"})
    assert where == "localhost"
    assert (args["src"], args["dest"], args["dest_port"]) == ("/a/", "ann@192.0.2.7:/b", 2222)
    assert args["verify_host"] is True
    assert "BatchMode=yes" in args["_ssh_args"]
    assert "rsync_path" not in args
    _, unchecked = await ran({"src": "/a/", "dest": "/b", "verify_host": False})
    assert unchecked["verify_host"] is False


async def test_pull_turns_the_ends_around_and_become_is_for_the_far_one(ran: Ran) -> None:
    """``sudo -u`` goes before the PC's rsync; one's own ``rsync_path`` stays."""
    root = Escalation(user="root")
    _, args = await ran({"src": "/a", "dest": "/b", "mode": "pull", "set_remote_user": False}, escalation=root)
    assert (args["src"], args["dest"], args["rsync_path"]) == ("192.0.2.7:/a", "/b", "sudo -u root rsync")
    _, args = await ran({"src": "/a", "dest": "/b", "rsync_path": "ionice rsync"}, escalation=root)
    assert args["rsync_path"] == "ionice rsync"


async def test_a_relative_path_is_one_of_the_playbooks_files(ran: Ran, tmp_path: Path) -> None:
    """With its final slash, which says that the content is meant."""
    (tmp_path / "files" / "tree").mkdir(parents=True)
    _, args = await ran({"src": "tree/", "dest": "/b"}, search=(tmp_path,))
    assert args["src"] == f"{tmp_path}/files/tree/"


async def test_with_a_password_ssh_may_ask(ran: Ran) -> None:
    """sshpass answers; BatchMode would keep ssh from asking."""
    _, args = await ran({"src": "/a", "dest": "/b"}, point=replace(DESK, password=Secret("pw")))
    assert args["_local_rsync_password"] == "pw"
    assert "BatchMode" not in args["_ssh_args"]


async def test_on_a_pc_of_this_machine_both_ends_are_paths(ran: Ran) -> None:
    """Nothing is reached by ssh; so it is where the task is delegated to the PC itself."""
    where, args = await ran({"src": "/a", "dest": "/b"}, point=Endpoint(host="desk", kind="local"))
    assert (where, args) == ("desk", {"src": "/a", "dest": "/b"})


async def test_a_delegate_starts_rsync_but_not_under_become(ran: Ran) -> None:
    """Ansible takes ``become`` from the delegate's rsync; where that cannot be, the task fails and says so."""
    where, args = await ran({"src": "/a", "dest": "/b"}, delegate="other")
    assert (where, args["dest"]) == ("other", "ann@192.0.2.7:/b")
    _, failed = await ran({"src": "/a", "dest": "/b"}, delegate="other", become=True)
    assert failed["msg"] == BETWEEN


async def test_both_ends_must_be_given(ran: Ran) -> None:
    """One sentence, before anything runs."""
    with pytest.raises(ArgumentError, match="both src and dest"):
        await ran({"src": "/a"})


async def test_a_patch_of_ours_is_on_the_target_while_it_is_applied(make_machine: MakeMachine, tmp_path: Path) -> None:
    """In check mode too; with remote_src the module has it all."""
    (tmp_path / "fix.patch").write_text("--- a\n", encoding="utf-8")
    texts: list[str] = []

    async def run_module(call: Call, name: str, args: Mapping[str, Any]) -> Result:
        assert name == "ansible.posix.patch"
        source = str(args["src"])
        texts.append(source if args.get("remote_src") else read(source))
        return Result()

    async def patched(*, check: bool = False, **given: Any) -> Result:
        call = make_call(
            Patch(), make_machine(check=check), make_machine("localhost", check=check), given, tmp_path, check=check, search=(tmp_path,)
        )  # fmt: skip
        return await Patch().run(replace(call, run_module=run_module))

    await patched(src="fix.patch")
    await patched(src="/there", remote_src=True)
    await patched(src="fix.patch", check=True)
    assert texts == ["--- a\n", "/there", "--- a\n"]
    with pytest.raises(ArgumentError, match="src is required"):
        await patched()
