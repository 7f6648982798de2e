"""A home directory as people have them: what the demo and the tests synchronise. The same bytes every time.

About 3,000 files: documents, a git repository, dotfiles, symbolic and hard links, an old sqlite-like database, names with spaces,
newlines and bytes that are not UTF-8, empty directories, private modes, old dates, and one big file that does not compress.
"""

from __future__ import annotations

import hashlib
import os
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 1024 * 1024
WORDS = (
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "desk",
    "chair",
    "lamp",
    "paper",
    "letter",
    "sync",
    "moves",
    "every",
    "night",
)
EPOCH = 1_700_000_000
"""Files are dated from here backwards, so that no run depends on the clock."""
ODD_NAMES = (
    b"with space.txt",
    b"new\nline.txt",
    b"tab\there.txt",
    b"latin-\xe9\xff.txt",
    b"-starts-with-dash",
    b"quote'and\"double.txt",
    b"dollar$HOME`id`.txt",
    b"back\\slash.txt",
    b"percent%20s{{ not_a_template }}.txt",
    "ünïcödé-日本語.txt".encode(),
    b"x" * 240,
    b" leading and trailing ",
    b"*star?[a].txt",
)


def build_home(path: Path, *, big_file: int = 200 * BLOCK) -> int:
    """Build the tree in ``path`` (made if missing) with a file of ``big_file`` bytes; returns the number of files.

    Deterministic: contents, modes and dates depend on nothing but the arguments.
    """
    dice = random.Random(20)
    count = 0
    for name, content in _files(dice):
        _write(path / name, content, EPOCH - count * 977)
        count += 1
    folder = path / "Documents" / "odd names"
    folder.mkdir(parents=True, exist_ok=True)
    odd = os.fsencode(folder)
    for raw in ODD_NAMES:
        with open(os.path.join(odd, raw), "wb") as file:  # noqa: PTH118, PTH123 - these names are bytes
            file.write(b"odd: " + raw)
        count += 1
    count += _links(path)
    _modes(path)
    if big_file:
        _big(path / "Videos" / "holiday.mkv", big_file)
        count += 1
    return count


def _files(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for year in range(2018, 2024):
        for month in range(1, 13):
            for number in range(20):
                yield f"Documents/{year}/{month:02}/note-{number:02}.md", _text(dice, dice.randint(200, 3000))
    for number in range(300):
        yield f"Pictures/album-{number // 50}/img_{number:04}.jpg", dice.randbytes(dice.randint(2000, 20000))
    for number in range(600):
        yield f"src/tool/package_{number // 40:02}/module_{number:03}.py", _text(dice, dice.randint(100, 4000))
    yield from _repository(dice)
    for number in range(150):
        yield f".cache/browser/{number % 16:x}/{number:08x}", dice.randbytes(dice.randint(100, 4000))
    for name in (
        ".bashrc",
        ".profile",
        ".gitconfig",
        ".vimrc",
        ".config/app/settings.ini",
        ".config/autostart/app.desktop",
    ):
        yield name, _text(dice, 400)
    yield ".ssh/config", b"Host *\n  ServerAliveInterval 15\n"
    yield ".ssh/id_demo", b"not a real key\n"
    yield ".local/share/app/state.db", b"SQLite format 3\0" + dice.randbytes(200_000)
    yield "Documents/empty.txt", b""
    yield "Documents/one-byte.txt", b"x"


def _repository(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """The shape of a git repository: loose objects, refs, a pack."""
    yield "src/tool/.git/HEAD", b"ref: refs/heads/main\n"
    yield "src/tool/.git/config", b"[core]\n\tbare = false\n"
    yield "src/tool/.git/refs/heads/main", hashlib.sha1(b"main").hexdigest().encode() + b"\n"
    for number in range(500):
        name = hashlib.sha1(str(number).encode()).hexdigest()
        yield f"src/tool/.git/objects/{name[:2]}/{name[2:]}", dice.randbytes(dice.randint(80, 600))
    yield "src/tool/.git/objects/pack/pack-1.pack", dice.randbytes(2 * BLOCK)


def _text(dice: random.Random, size: int) -> bytes:
    words = dice.choices(WORDS, k=size // 5 + 1)
    return " ".join(words).encode()[:size] + b"\n"


def _write(path: Path, content: bytes, when: int) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (when, when))


def _links(path: Path) -> int:
    """Symbolic links (relative, absolute, dangling, to a directory, a circle) and hard links; how many."""
    links = {
        "current": "Documents/2023",
        "Documents/latest.md": "2023/12/note-19.md",
        ".vim": ".config/app",
        "Documents/dangling": "no/such/file",
        "Documents/outside": "/etc/hostname",
        "Documents/circle": "circle",
    }
    for name, target in links.items():
        link = path / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    hard = path / "Pictures" / "favourites"
    hard.mkdir(exist_ok=True)
    for number in range(10):
        link = hard / f"best_{number}.jpg"
        link.unlink(missing_ok=True)
        link.hardlink_to(path / f"Pictures/album-{number // 50}/img_{number:04}.jpg")
    return len(links) + 10


def _modes(path: Path) -> None:
    (path / "Desktop").mkdir(exist_ok=True)
    (path / "Downloads" / "empty" / "deep").mkdir(parents=True, exist_ok=True)
    (path / ".ssh").chmod(0o700)
    (path / ".ssh/id_demo").chmod(0o600)
    (path / "src/tool/package_00/module_000.py").chmod(0o755)
    (path / "Documents/one-byte.txt").chmod(0o444)


def _big(path: Path, size: int) -> None:
    """Blocks of random bytes, each different (a counter stands in front), none of them sparse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = random.Random(200).randbytes(BLOCK)
    with path.open("wb") as file:
        for number in range(0, size, BLOCK):
            turn = number // BLOCK * 4099 % BLOCK  # rotated, so that no two blocks are equal to a deduplicator
            piece = number.to_bytes(8, "big") + block[turn + 8 :] + block[:turn]
            file.write(piece[: min(BLOCK, size - number)])
    os.utime(path, (EPOCH, EPOCH))
