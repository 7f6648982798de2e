"""What the last sync left in a directory of this PC: by it one sees what was changed here since. Runs there; Python 3.8 or newer.

A file of records, each a name and its state (a letter for its kind, size, mtime in ns, and the digest where it was taken), all ended by NUL, gzipped.
It is read and written as a stream: a home of a million files must not cost the memory of a million names.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat

from hotdesk.jobs.on_target.own_folder import own_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Optional, Tuple

MOST = 2000000  # entries of a manifest; what is beyond them is not known
HASHED = 1 << 20  # bytes: of a larger file size and time are enough
BUDGET = 256 << 20  # bytes that are hashed for one manifest
BLOCK = 1 << 20
BATCH = 4096
CUT = b""  # the name of a last record: there is more in the tree than is noted


def changed(top: str, payload: bytes) -> List[str]:
    """What became of each of these paths since the last sync (separated by NUL): "" nothing that is known, "changed", or "new" since then."""
    names = payload.split(b"\0")
    if _run(top) is None:
        return [""] * len(names)
    wanted = {*names, CUT}
    known = {name: state for name, state in _records(top) if name in wanted}
    base = os.fsencode(top)
    return [_became(os.path.join(base, name), known.get(name), CUT not in known) for name in names]


def _became(path: bytes, before: Optional[bytes], whole: bool) -> str:
    now = _state(path)
    if now is None:
        return ""
    if before is None:
        return "new" if whole else ""
    old = before.split(b" ")
    if old[:3] == now.split(b" ")[:3]:
        return ""
    same_size = old[:2] == now.split(b" ")[:2]
    if same_size and len(old) > 3 and old[3] == _digest(path):
        return ""  # touched, no more
    return "changed"


def keep(top: str, run: str, payload: bytes = b"", begin: bool = True, one_file_system: bool = False) -> int:
    """Note these paths (separated by NUL) as this run left them; the others stay as they were noted, so what was left alone is still seen.

    Where there is no manifest, all of the tree is noted (unless ``begin`` is False: then none is begun). Gives the number of entries.
    """
    there = _run(top) is not None
    if (not there and not begin) or (there and not payload):
        return 0
    names = {name for name in payload.split(b"\0") if name}
    before = _records(top) if there else _walk(top, one_file_system)
    left = [BUDGET]
    base = os.fsencode(top)

    def records() -> Iterator[Tuple[bytes, bytes]]:
        for name, state in before:
            if name not in names:
                yield name, state
        for name in names:
            state_now = _hashed(os.path.join(base, name), left)
            if state_now is not None:
                yield name, state_now

    return _write(top, records(), run, "")


def take(top: str, run: str, renew: bool = True, one_file_system: bool = False) -> bool:
    """Note the whole tree as it is now, to count once ``settle`` says so. False: this run has already (or, without ``renew``, any has)."""
    last = _run(top)
    if last == run or (last is not None and not renew):
        return False
    _write(top, _walk(top, one_file_system), run, ".next")
    return True


def settle(top: str) -> None:
    """What ``take`` has noted counts from now on."""
    path = _path(top)
    try:
        os.replace(path + ".next", path)
    except FileNotFoundError:
        pass  # another target of the same run was quicker


def beside(top: str, suffix: str, payload: bytes) -> List[str]:
    """Save a copy of each of these paths beside it, as ``NAME.hotdesk-conflict-SUFFIX``; never over another. Gives the copies' paths."""
    base, out = os.fsencode(top), []
    for name in payload.split(b"\0"):
        path = os.path.join(base, name)
        copy = path + b".hotdesk-conflict-" + os.fsencode(suffix)
        number = 1
        while os.path.lexists(copy):
            number += 1
            copy = path + b".hotdesk-conflict-" + os.fsencode("{}-{}".format(suffix, number))
        _copy(path, copy)
        out.append(copy.decode("utf-8", "backslashreplace"))
    return out


def _copy(path: bytes, copy: bytes) -> None:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(path), copy)
        return
    if not stat.S_ISREG(found.st_mode):
        return
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(path, "rb") as old, os.fdopen(descriptor, "wb") as new:
        shutil.copyfileobj(old, new, BLOCK)
        new.flush()
        os.fsync(new.fileno())
    if os.geteuid() == 0:
        os.chown(copy, found.st_uid, found.st_gid)
    shutil.copystat(path, copy)


def _hashed(path: bytes, left: List[int]) -> Optional[bytes]:
    state = _state(path)
    if state is not None and state.startswith(b"f "):
        size = int(state.split(b" ")[1])
        if size <= HASHED and size <= left[0]:
            left[0] -= size
            try:
                return state + b" " + _digest(path)
            except OSError:
                pass
    return state


def _state(path: bytes) -> Optional[bytes]:
    """None: nothing, or a directory."""
    try:
        return _words(os.lstat(path))
    except OSError:
        return None


def _words(found: os.stat_result) -> Optional[bytes]:
    if stat.S_ISDIR(found.st_mode):
        return None
    kind = "f" if stat.S_ISREG(found.st_mode) else "l" if stat.S_ISLNK(found.st_mode) else "s"
    return "{} {} {}".format(kind, found.st_size, found.st_mtime_ns).encode()


def _digest(path: bytes) -> bytes:
    known = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            known.update(block)
    return known.hexdigest()[:32].encode()


def _walk(top: str, one_file_system: bool) -> Iterator[Tuple[bytes, bytes]]:
    base = os.fsencode(top)
    device = os.lstat(base).st_dev
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(base, folder)))
        except OSError:
            continue  # what cannot be read was not synced either
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            name = os.path.join(folder, entry.name)
            words = _words(found)
            if words is not None:
                yield name, words
            elif not one_file_system or found.st_dev == device:
                waiting.append(name)


def _run(top: str) -> Optional[str]:
    """The run that left the manifest of this directory; None: there is none, or none that can be read."""
    try:
        with gzip.open(_path(top), "rb") as file:
            found = json.loads(file.readline(1 << 16))
        return str(found["run"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _records(top: str) -> Iterator[Tuple[bytes, bytes]]:
    with gzip.open(_path(top), "rb") as file:
        file.readline(1 << 16)
        rest = b""
        while True:
            block = file.read(BLOCK)
            parts = (rest + block).split(b"\0")
            rest = parts.pop()
            if len(parts) % 2:
                rest = parts.pop() + b"\0" + rest
            yield from zip(parts[::2], parts[1::2])
            if not block:
                return


def _write(top: str, records: Iterator[Tuple[bytes, bytes]], run: str, ending: str) -> int:
    path = _path(top)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    new = "{}.{}.new".format(path, os.getpid())
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = _pour(file, json.dumps({"top": top, "run": run}).encode() + b"\n", records)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path + ending)
    except BaseException:
        os.unlink(new)
        raise
    return count


def _pour(file: Any, head: bytes, records: Iterator[Tuple[bytes, bytes]]) -> int:
    count = 0
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as out:
        waiting = [head]
        for name, state in records:
            if count >= MOST:
                name, state = CUT, b"cut"
            count += 1
            waiting += (name, b"\0", state, b"\0")
            if len(waiting) >= BATCH:
                out.write(b"".join(waiting))
                waiting = []
            if name == CUT:
                break
        out.write(b"".join(waiting))
    return count


def _path(top: str) -> str:
    return own_path("manifests/{}.gz".format(hashlib.sha256(os.fsencode(top)).hexdigest()[:32]))
