"""What an administrator has put below /etc/systemd: unit files, drop-ins, masks, enabled instances. Standard library only, Python 3.8 or newer."""

from __future__ import annotations

import os
import re

from hotdesk.jobs.on_target.journal import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNIT = r"[^/]+\.(service|socket|target|timer|path|mount|automount|swap|slice|scope)"
FILE = re.compile(r"(" + UNIT + r")(\.d/[^/]+\.conf)?$|(service|socket|timer|path|slice|target)\.d/[^/]+\.conf$")
WANTED = re.compile(r"[^/]+\.(wants|requires)/(" + UNIT + r")$")
OWN = ("/etc/", "/lib/systemd/", "/usr/lib/systemd/", "/usr/local/lib/systemd/", "/run/")
"""A link to one of these is made by ``systemctl enable``; one to another place is a unit of its own."""
LONGEST = 1 << 20


def survey(top: str) -> dict[str, Any]:
    """A dict: ``files`` path below ``top`` -> ``journal.state_of``, ``masked`` units, ``instances`` (of templates) that are enabled, ``odd``
    path -> why it is left."""
    files: dict[str, Any] = {}
    masked, instances, odd = set(), set(), {}
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(
            name for name in folders if folder == top and not os.path.islink(os.path.join(folder, name))
        )
        for name in sorted(names):
            path = os.path.join(folder, name)
            below = os.path.relpath(path, top)
            wanted = WANTED.match(below)
            if wanted:
                if re.search(r"@[^.]", wanted.group(2)):
                    instances.add(wanted.group(2))
            elif folder == top and FILE.match(below) and _masks(path):
                masked.add(below)
            elif FILE.match(below) and not _enables(path):
                why = _odd(path)
                if why:
                    odd[below] = why
                else:
                    files[below] = state_of(path)
    return {"files": files, "masked": sorted(masked), "instances": sorted(instances), "odd": odd}


def _masks(path: str) -> bool:
    """systemd.unit(5): a unit that is a link to /dev/null, or empty, is masked."""
    if os.path.islink(path):
        return os.path.realpath(path) == "/dev/null"
    return os.path.isfile(path) and os.path.getsize(path) == 0 and not path.endswith(".conf")


def _enables(path: str) -> bool:
    return os.path.islink(path) and os.path.join(os.path.dirname(path), os.readlink(path)).startswith(OWN)


def _odd(path: str) -> str:
    try:
        path.encode()
        state = state_of(path)
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    except OSError as exc:
        return exc.strerror or str(exc)
    if state is not None and state[0] == "other":
        return "it is neither a file nor a link"
    return "it is longer than 1 MiB" if not os.path.islink(path) and os.path.getsize(path) > LONGEST else ""
