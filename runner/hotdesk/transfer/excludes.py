"""What no mirror may touch, and what it may touch only when that does not cut the way in.

Hard excludes come before every other rule: with rsync the first rule that matches decides (rsync(1), FILTER RULES). The patterns have
no leading slash, so they match at any depth: below every user's home, not the login user's alone.
"""

from __future__ import annotations

PARTIAL_DIR = ".hotdesk-partial"
"""Where an interrupted file waits to be resumed, beside its destination; never sent, never deleted as extraneous."""

HARD_EXCLUDES: tuple[tuple[str, str], ...] = (
    (f"{PARTIAL_DIR}/", "half-received files, kept to resume an interrupted transfer"),
    (".*.????????.hotdesk", "files that an agent is just writing"),
    (".local/state/hotdesk/", "run logs, history and marks: each PC has its own"),
    (".cache/hotdesk/", "what a PC's own hotdesk has cached"),
    ("var/lib/hotdesk/", "marks and journals of a PC"),
    (".hotdesk-snapshots/", "the snapshots of a PC, where its root is the top level of a btrfs"),
    ("run/lock/hotdesk*", "the locks that keep two runs apart"),
    ("run/hotdesk*", "sockets of a run under way"),
)
"""(pattern, why): hotdesk's own. The parts of hotdesk that own these paths are named in the collection's docs/folder.md."""

HANDLED: tuple[tuple[str, str], ...] = ((".config/dconf/user", "dconf"),)
"""(pattern, job): what a mirror never touches because that job alone knows how to move it. It equals what the jobs declare as ``handles``."""


def hard_rules() -> list[bytes]:
    """The hard excludes as rsync filter rules: hidden from the sender and protected at the receiver."""
    return [f"- {pattern}".encode() for pattern, _why in (*HARD_EXCLUDES, *HANDLED)]
