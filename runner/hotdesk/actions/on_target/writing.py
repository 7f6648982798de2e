"""Writing a file whole or not at all, with a backup and a validation on request."""

from __future__ import annotations

import hashlib
import os
import stat
import time

from hotdesk.actions.on_target.hidden import hidden_file
from hotdesk.actions.on_target.refusal import Refused

CHUNK = 1 << 20
DIFF_LIMIT = 104448


def digest(path: str, algorithm: str = "sha1") -> str:
    """The hex digest of a file's content."""
    known = hashlib.new(algorithm)
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            known.update(chunk)
    return known.hexdigest()


def copied_stat(source: str, target: str) -> None:
    """Give ``target`` the owner, mode and extended attributes of ``source``, as far as we may."""
    found = os.stat(source)
    try:
        os.chown(target, found.st_uid, found.st_gid)
    except PermissionError:
        pass
    os.chmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError:
            pass


def copied_content(source: str, target: str) -> None:
    """Write all of ``source`` over ``target``."""
    import shutil

    shutil.copyfile(source, target)


def back_up(path: str) -> str:
    """Copy ``path`` to ``PATH.NUMBER.DATE~`` beside it and return that name. Raises OSError when something is there (a link, say)."""
    number = int.from_bytes(os.urandom(3), "big")  # Ansible has its pid there; one of ours makes many in a second
    name = "%s.%d.%s~" % (path, number, time.strftime("%Y-%m-%d@%H:%M:%S"))
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    import shutil

    shutil.copy2(path, name)
    copied_stat(path, name)
    return name


def staged(path: str, content: bytes) -> str:
    """Write ``content`` into a new file beside ``path``, known to nobody and readable by us alone; return its name."""
    handle, name = hidden_file(os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return name


def commit(temporary: str, path: str, unsafe: bool = False) -> None:
    """Put a staged file in its place at once. What exists there lends its owner, mode and attributes; a new file gets 0666 less umask.

    ``unsafe`` allows writing into the old file where it cannot be replaced (a bind-mounted file, say).
    """
    try:
        if os.path.exists(path):
            copied_stat(path, temporary)
        else:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        try:
            os.rename(temporary, path)
        except OSError:
            if not unsafe:
                raise
            import shutil

            with open(temporary, "rb") as source, open(path, "r+b") as target:
                shutil.copyfileobj(source, target, CHUNK)
                target.truncate()
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def validate(command: str | None, temporary: str) -> None:
    """Run the user's check on the staged file (``%s`` is its name). Raises Refused when it says no."""
    if not command:
        return
    if "%s" not in command:
        raise Refused("validate must contain %%s: %s" % command)
    import shlex
    import subprocess

    argv = [word.replace("%s", temporary) for word in shlex.split(command)]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
        )
    except OSError as exc:
        raise Refused("failed to validate: %s: %r" % (exc.strerror, argv[0]))
    if done.returncode:
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        raise Refused(
            "failed to validate",
            exit_status=done.returncode,
            stdout=out,
            stderr=err,
            stdout_lines=out.splitlines(),
            stderr_lines=err.splitlines(),
        )


def shown(content: bytes, limit: int = DIFF_LIMIT) -> str:
    """Content for a diff; a note in its place when it is binary or too long to be read."""
    if len(content) > limit:
        return "(too large to show: %d bytes, the limit is %d)\n" % (len(content), limit)
    if b"\0" in content[:8192]:
        return "(binary)\n"
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return "(binary)\n"


def content_diff(path: str, before: bytes | None, after: bytes | None, source: str, limit: int) -> dict[str, str]:
    """The diff entry of a file: its content before and after, with Ansible's headers."""
    entry = {"before_header": path, "after_header": source}
    entry["before"] = "" if before is None else shown(before, limit)
    entry["after"] = "" if after is None else shown(after, limit)
    return entry
