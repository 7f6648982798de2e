from __future__ import annotations

import pytest

from hotdesk.errors import LinkLost, TransferError, Unreachable
from hotdesk.transfer import Mirror, outcome
from hotdesk.transfer.rsync import ability, server_argv

MIRROR = Mirror(path="/src", dest="/dst dir")
GOOD = [
    "rsync",
    "--server",
    "-lHogDtpAXrSe.LsfxCIvu",
    "--log-format=%i",
    "--partial-dir",
    ".hotdesk-partial",
    ".",
    "/dst\\ dir/",
]


def test_rehearsal_and_act_differ_by_one_word() -> None:
    """So they cannot drift apart."""
    act, rehearsal = MIRROR.argv(dry_run=False), MIRROR.argv(dry_run=True)
    assert [word for word in rehearsal if word != "--dry-run"] == act
    assert "--delete-excluded" not in act
    assert "--delete" not in act


def test_the_receiver_gets_the_agreed_destination() -> None:
    """rsync's shell quoting is taken off, since no shell is involved."""
    assert server_argv(GOOD, MIRROR, dry_run=False)[-1] == "/dst dir/"


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", "id"],
        ["rsync", "--server", "--daemon", ".", "/dst\\ dir/"],
        ["rsync", "--server", "--sender", "-l", ".", "/dst\\ dir/"],
        [*GOOD[:-1], "/etc/"],
        [*GOOD[:-1], "'/dst dir/' '/etc/'"],
        ["rsync", "--server", "--partial-dir", "/etc", ".", "/dst\\ dir/"],
        ["rsync", "--server", "--log-file=/etc/passwd", ".", "/dst\\ dir/"],
        ["rsync", "--server", "--config=x", ".", "/dst dir/"],
        ["rsync"],
        [*GOOD[:-2], "--delete", *GOOD[-2:]],
        [*GOOD[:-2], "--partial-dir=/etc/cron.d", *GOOD[-2:]],
        [*GOOD[:-2], "-T/etc/cron.d", *GOOD[-2:]],
        [*GOOD[:-2], "-K", *GOOD[-2:]],
        [*GOOD[:-2], "--timeout=x", *GOOD[-2:]],
        [*GOOD[:2], "-n" + GOOD[2][1:], *GOOD[3:]],
    ],
)
def test_a_source_cannot_ask_for_anything_else(words: list[str]) -> None:
    """Another PC may be the source: it gets the receiver that was agreed on."""
    with pytest.raises(TransferError, match="agreed receiver"):
        server_argv(words, MIRROR, dry_run=False)


def test_a_source_cannot_turn_a_rehearsal_into_the_act() -> None:
    """Nothing may change in check mode, whatever the other PC's rsync leaves out."""
    with pytest.raises(TransferError, match="agreed receiver"):
        server_argv(GOOD, MIRROR, dry_run=True)
    assert server_argv([*GOOD[:2], "-n" + GOOD[2][1:], *GOOD[3:]], MIRROR, dry_run=True)[2].startswith("-n")


def test_what_an_rsync_can_do() -> None:
    """Version and features are read from --version; builds without a feature say 'no'."""
    text = "rsync  version 3.2.7  protocol version 31\nCapabilities:\n    64-bit files, ACLs, no xattrs,\n    iconv\nOptimizations:\n"
    found = ability(text)
    assert found is not None
    assert (found.version, found.acls, found.xattrs, found.mkpath) == ((3, 2, 7), True, False, True)
    assert ability("openrsync: protocol version 29") is None


def test_paths_are_read_from_the_complaints() -> None:
    """Whatever is in the name; temporary names are those of their file."""
    stderr = (
        b'rsync: [sender] send_files failed to open "/src/a \\"b": Permission denied (13)\n'
        b'rsync: [receiver] mkstemp "/dst/.new\\#012line.a1B2c3" failed: Permission denied (13)\n'
        b"could not make way for new regular file: dir/clash\n"
        b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394)\n"
    )
    error = outcome.error(23, stderr, source="a", target="b")
    assert isinstance(error, TransferError)
    assert error.data["paths"] == ['/src/a \\\\"b', "/dst/new\\nline", "dir/clash"]
    assert "exit code 23" in error.message


def test_a_full_disk_is_named() -> None:
    """With its path and host, not as a protocol error."""
    stderr = b'rsync: [receiver] write failed on "/dst/big": No space left on device (28)\n'
    error = outcome.error(11, stderr, source="a", target="b")
    assert error.message == "no space left on b at /dst/big (from a to b)"


@pytest.mark.parametrize(
    ("code", "kind"), [(30, Unreachable), (12, LinkLost), (255, LinkLost), (10, LinkLost), (1, TransferError)]
)
def test_a_broken_way_is_unreachable(code: int, kind: type[Exception]) -> None:
    """Not a failure of the task."""
    assert type(outcome.error(code, b"rsync error: x (code 12)\n", source="a", target="b")) is kind


def test_vanished_files_are_listed() -> None:
    """Exit code 24 is a warning with their names."""
    said = outcome.complaints(
        b'file has vanished: "/src/gone"\nrsync warning: some files vanished before they could be transferred\n'
    )
    assert outcome.vanished(said) == ["/src/gone"]
