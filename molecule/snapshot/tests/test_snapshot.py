"""What the target must have kept: its subvolumes before and after each of the two runs, the second of which changed nothing."""

from __future__ import annotations

from typing import Any

STORE = "/mnt/.hotdesk-snapshots"


def top(host: Any, script: str) -> list[str]:
    """The lines that a script says, with the top level of the file system at /mnt."""
    mounted = f"mount -o subvolid=5 $(findmnt -nvo SOURCE /) /mnt; {script}"
    return list(host.check_output("unshare -m sh -c %s", mounted).splitlines())


def test_each_run_left_two_of_each_subvolume(host: Any) -> None:
    """As btrfs lists them, read-only, in a directory of root's alone."""
    kept = [line.split()[-1] for line in top(host, "btrfs subvolume list -r /mnt")]
    ends = sorted(path.partition(".hotdesk-snapshots/")[2].partition(".")[2] for path in kept)
    assert ends == sorted([f"{phase}/{name}" for phase in ("before", "after") for name in ("@", "@home")] * 2)
    assert top(host, f"stat -c '%a %U' {STORE}") == ["700 root"]


def test_the_first_has_what_was_there(host: Any) -> None:
    """And the others what came of it."""
    assert top(host, f"cat {STORE}/*.before/@home/ada/page {STORE}/*.after/@home/ada/page") == [
        "old",
        "new",
        "new",
        "new",
    ]
