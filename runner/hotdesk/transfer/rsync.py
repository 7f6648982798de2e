"""One rsync command line, built in one place: the rehearsal and the act differ by ``--dry-run`` alone, so they cannot drift apart."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hotdesk.errors import TransferError
from hotdesk.frozen import frozen
from hotdesk.results import Problem
from hotdesk.transfer.excludes import PARTIAL_DIR
from hotdesk.transfer.itemize import OUT_FORMAT

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST_RSYNC = (3, 1, 0)
PEER = "hotdesk"
"""What stands before the colon of the destination: the road ignores it, the runner knows where it leads."""


@frozen(kw_only=True)
class Mirror:
    """What is to be made equal: the directory ``path`` on the source and ``dest`` on the target (absolute, without a final slash)."""

    path: str
    dest: str
    delete: bool = False
    rules: tuple[bytes, ...] = ()
    """The whole list of filter rules, in order (hotdesk.transfer.filters.build)."""
    bwlimit: str = ""
    """As for rsync: KiB per second, or with a suffix."""
    checksum: bool = False
    one_file_system: bool = False
    acls: bool = True
    xattrs: bool = True
    mkpath: bool = True
    """Both ends know --mkpath (3.2.3 or newer)."""
    timeout: int = 600
    """Seconds without any data between the two ends before rsync gives up (exit code 30)."""

    def argv(self, *, dry_run: bool) -> list[str | bytes]:
        """The command on the source; the remote shell comes from RSYNC_RSH. One argument a rule: a name in it may hold anything.

        --no-inc-recursive: without it the totals are not known until the end, so no bar can be right.
        --delete-excluded is never used: what is excluded must survive on the target.
        """
        out: list[str | bytes] = [
            "rsync",
            "--archive",
            "--hard-links",
            "--sparse",
            "--numeric-ids",
            "--no-inc-recursive",
        ]
        out += ["--acls"] * self.acls + ["--xattrs"] * self.xattrs + ["--mkpath"] * self.mkpath
        out += [f"--partial-dir={PARTIAL_DIR}", f"--timeout={self.timeout}"]
        out += (
            ["--delete"] * self.delete + ["--checksum"] * self.checksum + ["--one-file-system"] * self.one_file_system
        )
        out += [f"--bwlimit={self.bwlimit}"] if self.bwlimit else []
        out += ["--dry-run"] * dry_run
        out += ["--info=progress2", f"--out-format={OUT_FORMAT}", "--stats", "--no-human-readable", "--outbuf=Block"]
        out += [b"--filter=" + rule for rule in self.rules]
        return [*out, "--", slashed(self.path), f"{PEER}:{slashed(self.dest)}"]


def slashed(path: str) -> str:
    """With a final slash: the directory's content, not the directory, is what is mirrored."""
    return path.rstrip("/") + "/"


_LETTERS = re.compile(r"-([vlHogDtpAXrcxSn]+)(?:e[0-9]*\.[0-9]*[A-Za-z]*)?")
"""What ``argv`` comes to on the other side, in front of what an rsync says of itself (``e.LsfxCIvu``)."""
_AGREED = re.compile(
    r"--(bwlimit=\d+|checksum|log-format=%i|mkpath|no-i-r|numeric-ids|one-file-system|sparse|stats|timeout=\d+"
    rf"|partial-dir={re.escape(PARTIAL_DIR)})"
)
_DELETING = ("--delete", "--delete-during")


def server_argv(asked: Sequence[str], mirror: Mirror, *, dry_run: bool) -> list[str]:
    """The receiver's command line, from what the sending rsync asks its remote shell to run. Raises TransferError.

    The sender may be another PC: it gets the receiver that was agreed on, with this destination, and nothing else: no deletions unless
    the mirror deletes, a rehearsal only and always when this is one. rsync 3.2.4 and newer quotes the destination for a shell; no shell
    is involved here, so it is replaced by the path itself.
    """
    words = list(asked)
    try:
        start = words.index("rsync")
    except ValueError:
        raise _refused(words) from None
    words = words[start:]
    if len(words) < 4 or words[1] != "--server" or words[-2] != "." or not _same(words[-1], slashed(mirror.dest)):
        raise _refused(words)
    letters, options = "", iter(words[2:-2])
    for word in options:
        if cluster := _LETTERS.fullmatch(word):
            letters += cluster[1]
        elif word == "--partial-dir":
            if next(options, "") != PARTIAL_DIR:
                raise _refused(words)
        elif not (_AGREED.fullmatch(word) or (mirror.delete and word in _DELETING)):
            raise _refused(words)
    if ("n" in letters) is not dry_run:
        raise _refused(words)
    return [*words[:-1], slashed(mirror.dest)]


def _same(word: str, dest: str) -> bool:
    if word == dest:
        return True
    try:
        return shlex.split(word) == [dest]
    except ValueError:
        return False


def _refused(words: Sequence[str]) -> TransferError:
    return TransferError(
        f"the source's rsync asked for something else than the agreed receiver: {shlex.join(words)[:300]}"
    )


@frozen
class Ability:
    """What ``rsync --version`` says that a PC's rsync can do."""

    version: tuple[int, ...]
    acls: bool
    xattrs: bool

    @property
    def mkpath(self) -> bool:
        return self.version >= (3, 2, 3)


LONGEST_VERSION = 1 << 16
"""Characters of ``rsync --version`` that are read."""


def ability(text: str) -> Ability | None:
    """Read ``rsync --version``; None when it is not rsync's. Builds without a feature print ``no ACLs``, ``no xattrs``."""
    text = text[:LONGEST_VERSION]
    found = re.search(r"rsync\s+version\s+v?(\d{1,6}(?:\.\d{1,6}){0,5})", text)
    if found is None:
        return None
    have = re.search(r"Capabilities:(.*?)(?:\n\S|\Z)", text, re.DOTALL)
    words = [word.strip() for word in re.split(r"[,\n]", have[1])] if have else []
    return Ability(tuple(int(part) for part in found[1].split(".")), "ACLs" in words, "xattrs" in words)


def usable(host: str, version: str | None, problems: list[Problem]) -> Ability | None:
    """What a PC's rsync is able to, from its ``--version`` (None: it has no rsync); ``problems`` learns why it cannot be used."""
    found = ability(version) if version is not None else None
    if found is None:
        problems.append(Problem(f"{host} has no rsync", "Install the package rsync there."))
    elif found.version < OLDEST_RSYNC:
        number = ".".join(map(str, found.version))
        problems.append(Problem(f"{host} has rsync {number}; 3.1.0 or newer is needed", "Update rsync there."))
    return found
