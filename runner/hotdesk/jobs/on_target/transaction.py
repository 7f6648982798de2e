"""Put a set of files in place together, or not at all, with a journal on this PC that survives a kill.

A transaction is one folder below ``ROOT``: ``journal.json`` (what is to be, what was, how far it is) and ``old/`` (what was). Its states:
``begun`` -> ``applying`` -> ``done``, or ``undone``. Whatever is neither ``done`` nor ``undone`` is undone: by a stop (TERM) at once, after a
kill or a power cut by the next transaction or ``recover``. ``done`` ones are kept, for ``undo.py``. Standard library only, Python 3.8 or newer.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

from hotdesk.jobs.on_target.journal import ROOT, Failed, alone, folders, new, prune, read, shown, state_of, sync, turn
from hotdesk.jobs.on_target.stopping import stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator, Iterator

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SAID = 2000
"""Characters of a command's words that a message repeats, from their end."""


def perform(
    unit: str,
    run: str,
    items: list[dict[str, Any]],
    checks: list[list[str]],
    steady: list[dict[str, Any]],
    limit: float,
    payload: bytes = b"",
    root: str = ROOT,
) -> Generator[str, None, str]:
    """Put ``items`` in place. Gives lines of what the checks say, as signs of life; returns the transaction's name.

    An item is ``path``, ``kind`` (file, link, absent), ``mode``, ``owner`` and ``group`` (names, ids, or None for root), ``size`` (its part of
    ``payload``) or ``copy`` (a file on this PC that is copied with its times and attributes), ``link``, ``was`` (``state_of`` as it was
    planned) and ``validate`` (argv with ``%s``, run on the new file before anything is replaced). ``checks`` are commands that must succeed
    with everything in place; ``steady`` are {argv, words, more}: of their output, the lines that begin with one of the words must be the
    same afterwards, or with ``more``, still be there. Else all is put back, and
    Failed says why, naming ``path``. ``limit`` (seconds) is for each command.
    """
    with alone(root), stoppable():
        _recover(root)
        folder = new(root, unit)
        journal: dict[str, Any] = {
            "unit": unit,
            "run": run,
            "at": time.time(),
            "state": "begun",
            "made": [],
            "items": [],
            "checks": checks,
        }
        try:
            before = [_lines(one, limit) for one in steady]
            _keep(folder, journal, items)
            _stage(journal, items, payload, folder)
            for item, kept in zip(items, journal["items"]):
                yield from _validate(item, kept, limit)
            turn(folder, journal, "applying")
            for kept in journal["items"]:
                _place(kept)
            for one, lines in zip(steady, before):
                _hold(one, lines, _lines(one, limit))
            for argv in checks:
                yield from _check(argv, limit)
            turn(folder, journal, "done")
        except BaseException:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            problems = _put_back(folder, journal)
            if problems:
                raise Failed("it could not be put back: " + "; ".join(problems) + "; what was is kept in " + folder)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        prune(root)
        return os.path.basename(folder)


def unfinished(root: str = ROOT) -> list[dict[str, Any]]:
    """The transactions that a kill left half done: ``name``, ``unit``, ``run`` and ``was`` (path -> its state before). Reads only."""
    found = [(folder, read(folder)) for folder in folders(root)]
    return [shown(folder, one) for folder, one in found if one and one["state"] not in ("done", "undone")]


def recover(root: str = ROOT) -> list[str]:
    """Undo what was left half done; returns the paths that were put back. Failed names what could not be."""
    with alone(root):
        return _recover(root)


def _recover(root: str) -> list[str]:
    out, problems = [], []
    for folder in folders(root):
        journal = read(folder)
        if journal is None:  # killed before its journal was whole: it had touched nothing
            shutil.rmtree(folder, ignore_errors=True)
        elif journal["state"] not in ("done", "undone"):
            applied = journal["state"] == "applying"
            found = _put_back(folder, journal)
            problems += [said + "; what was is kept in " + folder for said in found]
            out += [kept["path"] for kept in journal["items"]] if applied else []
    if problems:
        raise Failed("a transaction that was interrupted could not be undone: " + "; ".join(problems))
    return out


# --- what is kept


def _keep(folder: str, journal: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Copies of what is there, and the journal: from here on everything can be put back."""
    os.mkdir(os.path.join(folder, "old"), 0o700)
    for number, item in enumerate(items):
        path, old = item["path"], state_of(item["path"])
        if old is not None and old[0] == "other":
            raise Failed("it is neither a file nor a link", path=path)
        if "was" in item and item["was"] != old:
            raise Failed("it was changed since this was planned", path=path)
        if old is not None and old[0] == "file":
            copy = os.path.join(folder, "old", str(number))
            shutil.copyfile(path, copy)
            shutil.copystat(path, copy)
            os.chmod(copy, 0o600)
            sync(copy)
        parent, name = os.path.split(path)
        temporary = os.path.join(parent, "." + name[:200] + "." + os.urandom(4).hex() + ".hotdesk")
        kept = {"path": path, "old": old, "copy": number, "temporary": temporary, "new": None}
        journal["items"].append({**kept, "validate": item.get("validate") or []})
        made = parent
        while not os.path.isdir(made) and made not in journal["made"]:
            journal["made"].append(made)
            made = os.path.dirname(made)
    turn(folder, journal, "begun")


def _stage(journal: dict[str, Any], items: list[dict[str, Any]], payload: bytes, folder: str) -> None:
    """Everything new beside its place, whole and with its owner and mode, under a hidden name."""
    for made in sorted(journal["made"]):
        os.mkdir(made, 0o755)
    at = 0
    for item, kept in zip(items, journal["items"]):
        try:
            if item["kind"] == "link":
                os.symlink(item["link"], kept["temporary"])
            elif item["kind"] == "file" and item.get("copy"):
                _copy(item["copy"], kept["temporary"], item["mode"], *_ids(item))
            elif item["kind"] == "file":
                _write(kept["temporary"], payload[at : at + item["size"]], item)
                at += item["size"]
        except OSError as exc:
            raise Failed(exc.strerror or str(exc), path=item["path"])
        if item["kind"] != "absent":
            kept["new"] = state_of(kept["temporary"])
    turn(folder, journal, "begun")


def _write(name: str, data: bytes, item: dict[str, Any]) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        stream.write(data)
        stream.flush()
        uid, gid = _ids(item)
        if (uid, gid) != (os.geteuid(), os.getegid()):
            os.fchown(fd, uid, gid)
        os.fchmod(fd, item["mode"])
        os.fsync(fd)


def _ids(item: dict[str, Any]) -> tuple[int, int]:
    if isinstance(item["owner"], int):
        return item["owner"], item["group"]
    try:
        uid = pwd.getpwnam(item["owner"]).pw_uid if item["owner"] else os.geteuid()
    except KeyError:
        raise Failed("there is no user {} here".format(item["owner"]), path=item["path"])
    try:
        return uid, grp.getgrnam(item["group"]).gr_gid if item["group"] else os.getegid()
    except KeyError:
        raise Failed("there is no group {} here".format(item["group"]), path=item["path"])


def _place(kept: dict[str, Any]) -> None:
    try:
        if kept["new"] is None:
            os.unlink(kept["path"])
        else:
            os.rename(kept["temporary"], kept["path"])
    except FileNotFoundError:
        if kept["new"] is not None:
            raise
    except OSError as exc:
        raise Failed(exc.strerror or str(exc), path=kept["path"])
    sync(os.path.dirname(kept["path"]))


# --- and put back


def _put_back(folder: str, journal: dict[str, Any]) -> list[str]:
    """Everything as it was. Returns what could not be; the transaction is over when that is nothing."""
    problems = []
    for kept in reversed(journal["items"]):
        try:
            os.unlink(kept["temporary"])
        except OSError:
            pass
        if journal["state"] == "applying":
            said = _put_one_back(folder, kept)
            problems += [kept["path"] + ": " + said] if said else []
    if not problems:
        unmake(journal)
        turn(folder, journal, "undone")
    return problems


def _put_one_back(folder: str, kept: dict[str, Any]) -> str:
    """Nothing, or why it was left as it is."""
    path, old = kept["path"], kept["old"]
    try:
        now = state_of(path)
        if now == old:
            return ""
        if now != kept["new"]:
            return "somebody changed it since"
        if old is None:
            os.unlink(path)
        elif old[0] == "link":
            os.symlink(old[4], kept["temporary"])
            os.rename(kept["temporary"], path)
        else:
            _put_copy_back(os.path.join(folder, "old", str(kept["copy"])), kept)
        sync(os.path.dirname(path))
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def _put_copy_back(copy: str, kept: dict[str, Any]) -> None:
    """The file that was there, with its owner, mode, times and attributes."""
    temporary, (_, mode, uid, gid, _) = kept["temporary"], kept["old"]
    os.makedirs(os.path.dirname(temporary), exist_ok=True)
    _copy(copy, temporary, mode, uid, gid)
    os.rename(temporary, kept["path"])


def _copy(copy: str, to: str, mode: int, uid: int, gid: int) -> None:
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))  # nobody else reads it meanwhile
    shutil.copyfile(copy, to)
    shutil.copystat(copy, to)
    if (uid, gid) != (os.geteuid(), os.getegid()):
        os.chown(to, uid, gid)
    os.chmod(to, mode)
    sync(to)


def unmake(journal: dict[str, Any]) -> None:
    """Folders that the transaction made, when nobody has put anything there."""
    for made in sorted(journal["made"], reverse=True):
        try:
            os.rmdir(made)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                raise


# --- commands


def _validate(item: dict[str, Any], kept: dict[str, Any], limit: float) -> Iterator[str]:
    if item.get("validate") and item["kind"] == "file":
        argv = [word.replace("%s", kept["temporary"]) for word in item["validate"]]
        try:
            yield from _check(argv, limit)
        except Failed as exc:
            raise Failed(exc.msg.replace(kept["temporary"], item["path"]), path=item["path"])


def _check(argv: list[str], limit: float) -> Iterator[str]:
    """Run a command to its end. Gives its lines; Failed with its last words when it does not succeed."""
    deadline, said = time.monotonic() + limit, b""
    with _running(argv) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        while True:
            more = process.stdout.read(1 << 16)
            if more == b"":
                break
            if more:
                said = (said + more)[-SAID:]
                yield more.decode("utf-8", "replace")
            elif time.monotonic() > deadline:
                raise Failed("{} took longer than {:g} seconds".format(argv[0], limit))
            else:
                time.sleep(0.02)
        code = process.wait()
    if code:
        words = said.decode("utf-8", "replace").strip() or "no words"
        raise Failed("{} failed ({}): {}".format(" ".join(argv), code, words), rc=code)


@contextmanager
def _running(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive", PATH=PATH)
        full = shutil.which(argv[0], path=PATH) or argv[0]  # sshd wants to be called by its whole name
        process = subprocess.Popen(
            [full, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    except FileNotFoundError:
        raise Failed("there is no {} here to check it with".format(argv[0]), missing=argv[0])
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        process.wait()


def _lines(one: dict[str, Any], limit: float) -> list[str]:
    """Of a command's output, the lines that are to stay; nothing when it cannot say."""
    try:
        text = "".join(_check(one["argv"], limit))
    except Failed:
        return []
    return sorted(line for line in text.splitlines() if line.startswith(tuple(one["words"])))


def _hold(one: dict[str, Any], before: list[str], after: list[str]) -> None:
    gone = set(before) - set(after) if one["more"] else set(before) ^ set(after)
    if before and gone:
        raise Failed("it would change what lets you in ({}): {}".format(" ".join(one["argv"]), "; ".join(sorted(gone))))
