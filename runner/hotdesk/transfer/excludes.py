"""What no mirror may touch, and what it may touch only when that does not cut the way in.

Hard excludes come before every other rule: with rsync the first rule that matches decides (rsync(1), FILTER RULES). The patterns have
no leading slash, so they match at any depth: below every user's home, not the login user's alone.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PARTIAL_DIR = ".hotdesk-partial"
"""Where an interrupted file waits to be resumed, beside its destination; never sent, never deleted as extraneous."""

HARD_EXCLUDES: tuple[tuple[str, str], ...] = (
    (f"{PARTIAL_DIR}/", "half-received files, kept to resume an interrupted transfer"),
    (".*.????????.hotdesk", "files that an agent is just writing"),
    ("*.hotdesk-conflict-*", "a PC's own versions that were kept when a sync overwrote them"),
    (".local/state/hotdesk/", "run logs, history, manifests and marks: each PC has its own"),
    (".cache/hotdesk/", "what a PC's own hotdesk has cached"),
    ("var/lib/hotdesk/", "history, manifests, marks and journals of a PC"),
    (".hotdesk-snapshots/", "the snapshots of a PC, where its root is the top level of a btrfs"),
    ("run/lock/hotdesk*", "the locks that keep two runs apart"),
    ("run/hotdesk*", "sockets of a run under way"),
)
"""(pattern, why): hotdesk's own. The parts of hotdesk that own these paths are named in the collection's docs/folder.md."""

HANDLED: tuple[tuple[str, str], ...] = (
    (".config/dconf/user", "dconf"),
    ("etc/hotdesk/manual.yml", "manual"),
    ("var/lib/docker/", "docker"),
    ("etc/rancher/", "k3s"),
    ("var/lib/rancher/", "k3s"),
    ("var/lib/snapd/", "snap"),
    ("var/lib/libvirt/", "libvirt"),
    ("etc/libvirt/qemu/", "libvirt"),
    ("etc/libvirt/storage/", "libvirt"),
    (".config/*/User/globalStorage/state.vscdb*", "vscode"),
    (".config/*/User/profiles/*/globalStorage/state.vscdb*", "vscode"),
    (".var/app/*/config/*/User/globalStorage/state.vscdb*", "vscode"),
    (".var/app/*/config/*/User/profiles/*/globalStorage/state.vscdb*", "vscode"),
)
"""(pattern, job): what a mirror never touches because that job alone knows how to move it. It equals what the jobs declare as ``handles``."""


def hard_rules(tops: Iterable[str] = ()) -> list[bytes]:
    """The hard excludes as rsync filter rules: hidden from the sender and protected at the receiver.

    ``tops``: the directories that are mirrored, on both PCs. What is above them is in no path that rsync matches.
    """
    patterns = [pattern for pattern, _why in (*HARD_EXCLUDES, *HANDLED)]
    inner = [rest for pattern in patterns for top in tops for rest in _within(top, pattern)]
    return [f"- {pattern}".encode() for pattern in dict.fromkeys([*patterns, *inner])]


def _within(top: str, pattern: str) -> Iterator[str]:
    """What is left of a pattern whose first parts are the last ones of ``top``: ``/dconf/user`` in a mirror of ``/home/anna/.config``."""
    parts, path = pattern.split("/"), top.strip("/").split("/")
    for count in range(1, min(len(parts), len(path) + 1)):
        if all(fnmatchcase(name, part) for name, part in zip(path[-count:], parts[:count], strict=True)):
            rest = "/".join(parts[count:])
            yield from [f"/{rest}"] if rest else []
