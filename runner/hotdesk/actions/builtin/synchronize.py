"""ansible.posix.synchronize: rsync between the control node (or a delegate) and the task's PC. The module of the collection runs rsync, where
rsync is to be started; what is worked out here is who that is and how it reaches the other end, as the module's documentation says."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action, Call
from hotdesk.actions.option_types import as_boolean
from hotdesk.errors import ArgumentError
from hotdesk.paths import expanded
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from hotdesk.connections.base import Endpoint, Escalation

MODULE = "ansible.posix.synchronize"
BETWEEN = (
    "rsync between two PCs runs as the user who logs in: with become, that would be another one than Ansible's. "
    "Take become from the task and name the user in rsync_path (sudo rsync), or use hotdesk.sync.folder"
)


class Synchronize(Action):
    """Run rsync towards a PC, or from it."""

    name = MODULE
    unchecked = True
    DOCUMENTATION = """
short_description: Copy trees with rsync
description:
  - rsync runs here, or where the task is delegated to, and reaches the PC with ssh of its own.
  - Host keys are checked as for every connection of hotdesk, unless O(verify_host) says otherwise.
  - Everything else is the module's of the collection ansible.posix; C(ansible-doc ansible.posix.synchronize) has all options.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  src: {description: The tree; with O(mode=pull) on the PC., type: str, required: true}
  dest: {description: Where it goes., type: str, required: true}
  mode: {description: From here to the PC or from it., type: str, choices: [push, pull], default: push}
"""

    async def run(self, call: Call) -> Result:
        args = {name: value for name, value in call.args.items() if name != "use_ssh_args"}
        if args.get("src") is None or args.get("dest") is None:
            raise ArgumentError("synchronize requires both src and dest parameters are set", place=call.task.place)
        point, escalation = await call.way_to(call.host)
        delegated = call.machine.host != call.host
        if point.kind == "local" or call.machine.host == point.address:
            return await call.run_module(call, MODULE, args | _here(call, args, ("src", "dest")))
        if delegated and call.become and call.machine.host not in LOCAL:
            return failure(BETWEEN)
        pull = args.get("mode", "push") == "pull"
        near, far = ("dest", "src") if pull else ("src", "dest")
        user = point.user if as_boolean(args.get("set_remote_user", True)) else None
        given = args | _here(call, args, (near,)) | {far: _there(point, user, str(args[far]))}
        given |= await _ssh(call, args, point, escalation)
        starts = call.machine if delegated and call.machine.host not in LOCAL else call.control
        return await call.run_module(replace(call, machine=starts), MODULE, given)


LOCAL = ("localhost", "127.0.0.1", "::1")


def _here(call: Call, args: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Paths where rsync is started; a relative one is a role's or the playbook's file, as for copy."""
    return {name: _absolute(call, str(args[name])) for name in names}


def _absolute(call: Call, path: str) -> str:
    if path.startswith("/") or ":" in path:
        return path
    if path.startswith("~"):
        return str(expanded(path)) + "/" * path.endswith("/")
    try:
        found = call.find_file(path)
    except ArgumentError:  # a destination need not be there
        found = (call.search[0] if call.search else expanded(".")) / path
    return str(found) + "/" * path.endswith("/")


def _there(point: Endpoint, user: str | None, path: str) -> str:
    """The other end as rsync writes it."""
    if path.startswith("rsync://"):
        return path
    login = f"{user}@" if user else ""
    if ":" in point.address:
        return f"[{login}{point.address}]:{path}"
    if ":" in path:
        return path if "@" in path else f"{login}{path}"
    return f"{login}{point.address}:{path}"


async def _ssh(call: Call, args: dict[str, Any], point: Endpoint, escalation: Escalation | None) -> dict[str, Any]:
    """What ssh and rsync are told beside the user's own options."""
    given: dict[str, Any] = {"dest_port": args.get("dest_port") or point.port}
    if point.private_key_files:
        given["private_key"] = args.get("private_key") or point.private_key_files[0]
    options = [] if point.password else ["-o", "BatchMode=yes"]  # nobody is there to answer
    if point.host_key_checking == "yes" and "verify_host" not in args:
        given["verify_host"] = True
        if point.known_hosts:
            options += ["-o", f"UserKnownHostsFile={' '.join(point.known_hosts)}"]
    words = shlex.join(options)
    if as_boolean(call.args.get("use_ssh_args", False)):
        names = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
        own = [str(await call.render(call.variables[name])) for name in names if name in call.variables]
        words = " ".join([*own, words])
    given["_ssh_args"] = words
    if point.password:
        given["_local_rsync_password"] = point.password.value
    if escalation and not args.get("rsync_path") and escalation.method == "sudo":
        given["rsync_path"] = f"sudo -u {shlex.quote(escalation.user)} rsync"
    if "ansible_rsync_path" in call.variables:
        given["_local_rsync_path"] = str(await call.render(call.variables["ansible_rsync_path"]))
    return given
