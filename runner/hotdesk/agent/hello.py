"""What an agent says of itself and of the PC it runs on."""

from __future__ import annotations

import os
import sys
import zlib
from _frozen_importlib_external import MAGIC_NUMBER  # importlib.util brings four modules more

from hotdesk.agent import proc
from hotdesk.agent.lock import OWN_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hotdesk.agent.main import Agent


def hello(agent: Agent) -> dict[str, Any]:
    """What an agent says of itself; ``AgentInfo`` on the other side."""
    uid = os.getuid()
    machine, name = _identity()
    return {
        "ev": "hello",
        "python": list(sys.version_info[:3]),
        "executable": sys.executable,
        "pid": agent.pid,
        "uid": uid,
        "user": _user(uid)[0],
        "home": _user(uid)[1],
        "hostname": name,
        "machine_id": machine,
        # It becomes the parent of what its descendants orphan.
        "subreaper": agent.subreaper,
        "proc": agent.proc,
        # hidepid (proc(5)) hides what other users run, the first process among it.
        "magic": int.from_bytes(MAGIC_NUMBER, "little"),
        "sees_others": agent.proc and os.path.exists("/proc/1/stat"),
    }


def _identity() -> tuple[str, str]:
    """(machine-id(5), its own name). Embedded PCs are several on one machine: there the folder of a PC's locks tells them apart."""
    machine, name = proc.read("/etc/machine-id").decode("ascii", "replace").strip(), os.uname().nodename
    own = os.environ.get(OWN_FOLDER)
    if own:
        machine, name = "{:08x}".format(zlib.crc32(os.fsencode(own))) + machine[8:], os.environ.get("HOTDESK_PC", name)
    return machine, name


def _user(uid: int) -> tuple[str, str]:
    import pwd

    try:
        found = pwd.getpwuid(uid)
        return found.pw_name, found.pw_dir
    except KeyError:
        return str(uid), os.environ.get("HOME", "/")
