from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.snapshots.on_target.btrfs import (
    Failed,
    by_number,
    is_subvolume,
    locked,
    mounts,
    store_of,
    subvolumes,
    tool,
    unprotected,
)

if TYPE_CHECKING:
    from pathlib import Path

TABLE = r"""
304 111 0:197 /@ / rw,noatime - btrfs /dev/sda2 rw,ssd,subvolid=256,subvol=/@
305 304 0:197 /@home /home rw,noatime shared:7 - btrfs /dev/sda2 rw,ssd,subvolid=257,subvol=/@home
306 304 0:197 /@home /srv/people rw - btrfs /dev/sda2 rw,ssd,subvolid=257,subvol=/@home
307 304 0:197 /@home/anna/share /srv/share rw - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home
308 304 0:197 /@old /old ro,noatime - btrfs /dev/sda2 rw,subvolid=300,subvol=/@old
309 304 0:210 / /data\040two rw - btrfs /dev/sdb rw,subvolid=5,subvol=/
310 304 0:197 /.hotdesk-snapshots/r.before/@ /look rw - btrfs /dev/sda2 rw,subvolid=301,subvol=/.hotdesk-snapshots/r.before/@
311 304 8:1 / /boot rw - ext4 /dev/sda1 rw
312 304 8:3 / /music rw - ext4 /dev/sda3 rw
313 304 0:30 / /tmp rw - tmpfs tmpfs rw
""".strip()


def test_subvolumes_come_from_the_mount_table() -> None:
    """Not from their names: with the shortest of several places; no bind mount of a directory, nothing read-only, no snapshot of ours."""
    found = [(each["path"], each["mount"], each["device"]) for each in subvolumes(mounts(TABLE))]
    assert found == [("@", "/", "/dev/sda2"), ("@home", "/home", "/dev/sda2"), ("", "/data two", "/dev/sdb")]


def test_what_is_hidden_by_a_later_mount_does_not_count() -> None:
    """The last one of a place is what people see there."""
    later = TABLE + "\n320 305 8:9 / /home rw - ext4 /dev/sdc1 rw"
    assert "/home" not in {each["mount"] for each in subvolumes(mounts(later))}
    assert "/home (ext4)" in unprotected(None, mounts(later))


def test_places_that_cannot_be_snapshotted_are_named() -> None:
    """All with people's files on them; of places that were named, just those."""
    assert unprotected(None, mounts(TABLE)) == ["/music (ext4)"]
    assert unprotected(["/home", "/music", "/srv"], mounts(TABLE)) == ["/music (ext4)", "/srv (no mount point)"]
    assert unprotected(None, mounts("1 0 8:1 / / rw - ext4 /dev/sda1 rw")) == ["/ (ext4)"]


def test_something_else_in_the_stores_place_is_refused(tmp_path: Path) -> None:
    """Snapshots in a plain directory would be part of the next snapshot."""
    top = str(tmp_path)
    assert store_of(top) is None
    (tmp_path / ".hotdesk-snapshots").mkdir()
    with pytest.raises(Failed, match="is no subvolume; move it away"):
        store_of(top)


def test_a_store_is_one_processs_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits, not for ever, and says for whom."""
    monkeypatch.setattr("hotdesk.snapshots.on_target.btrfs.PATIENCE", 0.0)
    with locked(str(tmp_path)), pytest.raises(Failed, match="another run"), locked(str(tmp_path)):
        pass
    with locked(str(tmp_path)):
        pass


def test_a_tool_that_fails_says_why() -> None:
    """Its own words; a missing one by name."""
    with pytest.raises(Failed, match="no such thing"):
        tool(["sh", "-c", "echo no such thing >&2; exit 3"])
    with pytest.raises(Failed, match="no program hotdesk-missing"):
        tool(["hotdesk-missing"])


def test_a_plain_directory_is_no_subvolume(tmp_path: Path) -> None:
    """Nor is what is not there."""
    assert not is_subvolume(str(tmp_path))
    assert not is_subvolume(str(tmp_path) + "/none")


@pytest.mark.parametrize(
    ("mount", "default", "fstab", "command_line", "number"),
    [
        ("/", False, "LABEL=a / btrfs subvol=@ 0 0", "quiet rootflags=subvol=@", False),
        ("/", False, "LABEL=a / btrfs subvolid=256 0 0", "quiet", True),
        ("/", False, "", "rootflags=ro,subvolid=256", True),
        ("/", True, "LABEL=a / btrfs defaults 0 0", "quiet", True),
        ("/", True, "", "rootflags=subvol=@", False),
        ("/home", False, "#a /home btrfs subvolid=257 0 0", "", False),
        ("/home", False, "a /home btrfs noatime,subvolid=257 0 0", "", True),
        ("/home", True, "a /home btrfs noatime 0 0", "", True),
        ("/home", False, "", "rootflags=subvolid=256", False),
    ],
)
def test_what_the_next_boot_mounts_by_number(
    mount: str, default: bool, fstab: str, command_line: str, number: bool
) -> None:
    """Then another subvolume in its place would not be seen."""
    assert by_number(mount, default, fstab, command_line) is number
