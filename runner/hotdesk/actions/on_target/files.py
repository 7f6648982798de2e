"""The states of ansible.builtin.file: one function per state, each a no-op when the path is already so."""

from __future__ import annotations

import errno
import os
import time

from hotdesk.actions.on_target.attributes import adjust, described, full_path, kind_of
from hotdesk.actions.on_target.hidden import hidden_directory
from hotdesk.actions.on_target.refusal import Refused, answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping


@answers
def set_state(
    path: str,
    state: str | None,
    attributes: Mapping[str, Any],
    src: str | None = None,
    recurse: bool = False,
    follow: bool = True,
    force: bool = False,
    times: Mapping[str, Any] | None = None,
    check: bool = False,
) -> dict[str, Any]:
    """Bring ``path`` into ``state`` with ``attributes`` (mode, owner, ...); nothing is written when ``check``.

    ``times``: ``modification_time``, ``access_time`` (None, "now", "preserve" or a text) and ``*_format``.
    """
    path = full_path(path)
    path = path.rstrip("/") or "/"
    src = full_path(src) if src else src
    now = kind_of(path)
    state = state or _implied(path, now)
    if recurse and state != "directory":
        raise Refused("recurse option requires state to be 'directory'", path=path)
    if state == "link" and not src and now != "link":
        raise Refused("src option is required for creating 'link'", path=path)
    before: dict[str, Any] = {"path": path}
    after: dict[str, Any] = {"path": path}
    handler: Callable[..., bool] = _STATES[state]
    job = _Job(path, state, src, now, dict(attributes), recurse, follow, force, times or {}, check, before, after)
    changed = handler(job)
    if before.keys() == {"path"} == after.keys() and changed:
        before["state"], after["state"] = now, state
    answer: dict[str, Any] = {"changed": changed, "diff": {"before": before, "after": after}}
    if state == "absent":
        return dict(answer, path=path, state="absent")
    answer.update({"dest": path, "src": src} if state in ("link", "hard") else {})
    if state == "touch":
        answer["dest"] = path
    elif state not in ("link", "hard"):
        answer["path"] = path
    if state in ("link", "hard") and answer["src"] is None:
        answer["src"] = os.readlink(path) if os.path.islink(path) else path
    return dict(answer, **described(path)) if kind_of(path) != "absent" else answer


def _implied(path: str, now: str) -> str:
    """The state when none is given: what is there."""
    if now == "absent":
        return "file"
    return now


class _Job:
    """Everything one state function needs."""

    def __init__(
        self,
        path: str,
        state: str,
        src: str | None,
        now: str,
        attributes: dict[str, Any],
        recurse: bool,
        follow: bool,
        force: bool,
        times: Mapping[str, Any],
        check: bool,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        self.path, self.state, self.src, self.now = path, state, src, now
        self.attributes, self.recurse, self.follow, self.force = attributes, recurse, follow, force
        self.times, self.check, self.before, self.after = times, check, before, after

    def becomes(self, before: Any, after: Any) -> None:
        self.before["state"], self.after["state"] = before, after

    def adjust(self, path: str | None = None) -> bool:
        """Attributes of the path; True when something had to change."""
        found = adjust(path or self.path, self.attributes, self.check, self.follow)
        if path is None or path == self.path:
            self.before.update(found["before"])
            self.after.update(found["after"])
        return bool(found["after"])


def _file(job: _Job) -> bool:
    if job.now == "absent":
        raise Refused("file (%s) is absent, cannot continue" % job.path, path=job.path, state="absent")
    path = job.path
    if job.now == "link" and job.follow:
        path = os.path.realpath(path)
        if not os.path.exists(path):
            raise Refused("file (%s) is absent, cannot continue" % path, path=path, state="absent")
    if kind_of(path) not in ("file", "hard"):
        raise Refused("file (%s) is %s, cannot continue" % (path, kind_of(path)), path=job.path, state=kind_of(path))
    return job.adjust()


def _directory(job: _Job) -> bool:
    path = job.path
    if job.now == "link" and job.follow:
        path = os.path.realpath(path)
        kind = kind_of(path)
        if kind == "absent":
            raise Refused("%s is a link to nothing; a directory cannot be made there" % job.path, path=job.path)
    else:
        kind = job.now
    changed = False
    if kind == "absent":
        job.becomes("absent", "directory")
        if job.check:
            return True
        _make_directories(job, path)
        changed = True
    elif kind != "directory":
        raise Refused("%s already exists as a %s" % (path, kind), **dict(described(path), path=job.path))
    changed = job.adjust() or changed
    if job.recurse:
        for inner in _tree(path, job.follow):
            changed = job.adjust(inner) or changed
    return changed


def _make_directories(job: _Job, path: str) -> None:
    """Every missing directory on the way gets the attributes too, as Ansible does."""
    missing = []
    walk = path
    while walk and not os.path.isdir(walk):
        missing.append(walk)
        parent = os.path.dirname(walk)
        if parent == walk:
            break
        walk = parent
    for one in reversed(missing):
        try:
            os.mkdir(one)
        except FileExistsError:
            if not os.path.isdir(one):
                raise Refused("There was an issue creating %s as requested: it exists" % one, path=job.path)
        except OSError as exc:
            raise Refused("There was an issue creating %s as requested: %s" % (one, exc.strerror), path=job.path)
        adjust(one, job.attributes, False, job.follow)


def _tree(path: str, follow: bool) -> Iterator[str]:
    """Everything below a directory. Links are given as they are; with ``follow`` directories behind them are entered, each once."""
    seen = {os.path.realpath(path)}
    for root, directories, files in os.walk(path, followlinks=False):
        for name in directories + files:
            inner = os.path.join(root, name)
            if not os.path.islink(inner):
                yield inner
                continue
            if not follow or not os.path.exists(inner):
                continue
            yield inner
            real = os.path.realpath(inner)
            if os.path.isdir(inner) and real not in seen:
                seen.add(real)
                for deeper in _tree(real, False):
                    yield deeper


def _absent(job: _Job) -> bool:
    if job.now == "absent":
        return False
    if os.path.realpath(job.path) == "/":
        raise Refused("refusing to remove /", path=job.path)
    job.becomes(job.now, "absent")
    if job.now == "directory":
        directories: list[str] = []
        files: list[str] = []
        for root, inner, names in os.walk(job.path):
            directories += [os.path.join(root, name) for name in inner][: 1000 - len(directories)]
            files += [os.path.join(root, name) for name in names][: 1000 - len(files)]
        job.before["path_content"] = {"directories": directories, "files": files}
    if job.check:
        return True
    if job.now == "directory":
        _remove_tree(job.path)
    else:
        os.unlink(job.path)
    return True


def _link(job: _Job) -> bool:
    src = job.src
    if src is None:  # an existing link whose attributes are wanted
        src = os.readlink(job.path)
    path = job.path
    if os.path.isdir(path) and not os.path.islink(path):
        relative = path
        if not job.force and os.listdir(path):
            raise Refused("the directory %s is not empty, refusing to convert it" % path, path=path)
        if not job.force:
            raise Refused("refusing to convert from directory to symlink for %s" % path, path=path)
    else:
        relative = os.path.dirname(path)
    target = src if os.path.isabs(src) else os.path.join(relative, src)
    if not os.path.exists(target) and not job.force:
        raise Refused(
            'src file does not exist, use "force=yes" if you really want to create the link: %s' % target,
            path=path,
            src=src,
        )
    changed = False
    if job.now == "link":
        old = os.readlink(path)
        if old != src:
            job.before["src"], job.after["src"] = old, src
            changed = True
    elif job.now == "absent":
        job.becomes("absent", "link")
        changed = True
    elif job.now in ("file", "hard") and not job.force:
        raise Refused("refusing to convert from %s to symlink for %s" % (job.now, path), path=path, dest=path)
    else:
        job.becomes(job.now, "link")
        changed = True
    if changed and not job.check:
        _replace(job, lambda name: os.symlink(src, name))
    if (changed and job.check) or not os.path.exists(path):
        return changed
    return job.adjust() or changed


def _hard(job: _Job) -> bool:
    path, src = job.path, job.src
    if src is None:
        if job.now == "absent":
            raise Refused("src is required for creating new hardlinks", path=path)
        return job.adjust()
    if not os.path.exists(src):
        raise Refused("src does not exist", dest=path, src=src)
    changed = True
    if job.now == "absent":
        job.becomes("absent", "hard")
    elif job.now == "link":
        job.becomes("link", "hard")
    elif os.path.samefile(path, src):
        changed = False
    elif job.now == "directory":
        raise Refused("Cannot link because a directory exists at destination: %s" % path, dest=path, src=src)
    elif not job.force:
        raise Refused("Cannot link, different hard link exists at destination: %s" % path, dest=path, src=src)
    else:
        job.becomes(job.now, "hard")
    if changed and not job.check:
        _replace(job, lambda name: os.link(src, name))
    if changed and job.check:
        return True
    return job.adjust() or changed


def _replace(job: _Job, make: Callable[[str], None]) -> None:
    """Make a link under a name nobody knows and rename it over what is there: the path is never missing."""
    path = job.path
    if job.now == "directory":
        _remove_tree(path) if job.force else os.rmdir(path)
    parent = os.path.dirname(path) or "."
    try:
        place = hidden_directory(parent)
    except OSError as exc:
        if exc.errno == errno.ENOENT:
            raise Refused("Error while linking: the directory %s does not exist" % parent, path=path)
        raise
    name = os.path.join(place, "link")
    try:
        make(name)
        os.rename(name, path)
    finally:
        for remove, left in ((os.unlink, name), (os.rmdir, place)):
            if os.path.lexists(left):
                remove(left)


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path)


def _touch(job: _Job) -> bool:
    changed = False
    times = job.times
    wanted = {name: times.get(name) for name in ("modification_time", "access_time")}
    if job.now == "absent":
        job.becomes("absent", "touch")
        # As with touch(1) in Ansible: 'preserve' of a file that is not there creates nothing of its own, it creates the file.
        if job.check:
            return True
        try:
            os.close(os.open(job.path, os.O_WRONLY | os.O_CREAT, 0o666))
        except OSError as exc:
            raise Refused("Error, could not touch target: %s" % exc.strerror, path=job.path)
        changed = True
    path = os.path.realpath(job.path) if job.follow else job.path
    if not os.path.lexists(path):
        raise Refused("%s is a link to nothing; it cannot be touched" % job.path, path=job.path)
    found = os.stat(path, follow_symlinks=job.follow)
    stamp = time.time_ns()
    mtime = _time(wanted["modification_time"], times.get("modification_time_format"), found.st_mtime_ns, stamp)
    atime = _time(wanted["access_time"], times.get("access_time_format"), found.st_atime_ns, stamp)
    for name, old, new in (("mtime", found.st_mtime_ns, mtime), ("atime", found.st_atime_ns, atime)):
        if old != new and "state" not in job.before:
            job.before[name], job.after[name] = old / 1e9, new / 1e9
    if (mtime, atime) != (found.st_mtime_ns, found.st_atime_ns):
        changed = True
        if not job.check:
            os.utime(path, ns=(atime, mtime), follow_symlinks=job.follow)
    return job.adjust() or changed


def _time(wanted: Any, form: Any, old: int, now: int) -> int:
    """Nanoseconds since the epoch of a time option. Raises Refused for a text that does not fit the format."""
    if wanted == "preserve":
        return old
    if wanted in (None, "", "now"):
        return now
    try:
        return int(time.mktime(time.strptime(str(wanted), form or "%Y%m%d%H%M.%S"))) * 10**9
    except ValueError as exc:
        raise Refused("Error while obtaining timestamp for time %s using format %s: %s" % (wanted, form, exc))


_STATES: dict[str, Callable[[_Job], bool]] = {
    "file": _file,
    "directory": _directory,
    "absent": _absent,
    "link": _link,
    "hard": _hard,
    "touch": _touch,
}
