"""A flatpak installation, the system's or a person's: read and written as whom it belongs to. Python 3.8 or newer."""

from __future__ import annotations

import base64
import glob
import os
import pwd
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

SYSTEM = "/var/lib/flatpak"
ANCHORS = "/usr/share/ostree/trusted.gpg.d"
"""Keys that a remote without keys of its own is checked by (ostree.repo-config(5))."""
SECTION = re.compile(r'\[remote "(.+)"\]')


def describe(user: str) -> dict[str, Any]:
    """``there``; ``remotes``: name -> {options, trust (keys), filter (text or None)}; ``refs``: ref -> {commit, runtime}; ``masks``; ``pins``."""
    place = _become(user)
    sections = _sections(_text(os.path.join(place, "repo", "config")) or "")
    core = dict(sections.get("core", {}))
    return {
        "there": bool(sections),
        "remotes": {name: _remote(place, name, sections[head]) for head, name in _remotes(sections)},
        "refs": {ref: one for ref, one in _refs(place)},
        "masks": [one for one in core.get("xa.masked", "").split(";") if one],
        "pins": [one for one in core.get("xa.pinned", "").split(";") if one],
    }


def write_remote(user: str, name: str, options: dict[str, str], filtered: str | None, payload: bytes = b"") -> None:
    """Make a remote just so: its keys (``payload``), its filter, and last its section of the configuration, each file replaced at once."""
    repository = os.path.join(_become(user), "repo")
    keys = os.path.join(repository, name + ".trustedkeys.gpg")
    if payload:
        _replace(keys, payload)
    elif os.path.lexists(keys):
        os.unlink(keys)
    if filtered is not None:
        path = options["xa.filter"]
        if _text(path) != filtered:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _replace(path, filtered.encode("utf-8", "surrogateescape"))
    config = os.path.join(repository, "config")
    _replace(config, with_section(_text(config) or "", name, options).encode("utf-8", "surrogateescape"))


def with_section(text: str, name: str, options: dict[str, str]) -> str:
    """A configuration in which the remote's section says ``options`` and nothing else."""
    head = '[remote "{}"]'.format(name)
    kept, inside = [], False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == head
        if not inside:
            kept.append(line)
    body = "\n".join(kept).rstrip("\n")
    return "{}\n\n{}\n{}".format(
        body, head, "".join("{}={}\n".format(key, value) for key, value in sorted(options.items()))
    )


def _become(user: str) -> str:
    """From here on this process is that person (empty: root): what a person could have put a link to is not opened by root."""
    os.umask(0o022)
    if not user:
        return SYSTEM
    entry = pwd.getpwnam(user)
    if os.geteuid() == 0:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    return os.path.join(entry.pw_dir, ".local/share/flatpak")


def _sections(text: str) -> dict[str, dict[str, str]]:
    """A key file: section -> key -> value."""
    found, section = {}, {}  # type: dict[str, dict[str, str]], dict[str, str]
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip().strip("[]"), {})
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return found


def _remotes(sections: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for head in sections:
        found = SECTION.match("[" + head + "]")
        if found:
            yield head, found.group(1)


def _remote(place: str, name: str, options: dict[str, str]) -> dict[str, Any]:
    filtered = options.get("xa.filter")
    return {"options": options, "trust": _trust(place, name, options), "filter": _text(filtered) if filtered else None}


def _trust(place: str, name: str, options: dict[str, str]) -> bytes:
    """The keys that what comes from it is checked by: its own, else the PC's and those it is told to look at."""
    own = _bytes(os.path.join(place, "repo", name + ".trustedkeys.gpg"))
    if own is not None:
        return own
    if options.get("gpg-verify", "true") != "true":
        return b""
    paths = sorted(glob.glob(os.path.join(ANCHORS, "*.gpg")))
    paths = [path for path in paths if os.path.basename(path) not in ("trustdb.gpg", "secring.gpg")]
    for path in options.get("gpgkeypath", "").split(";"):
        paths += sorted(glob.glob(os.path.join(path, "*"))) if os.path.isdir(path) else [path] if path else []
    return b"".join(_bare(_bytes(path) or b"") for path in paths)


def _bare(data: bytes) -> bytes:
    """Keys without their ASCII armour (RFC 9580, 6.2)."""
    found = re.findall(
        rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: .*\r?\n)*\r?\n(.*?)(?:^=.{4}\s*)?-----END",
        data,
        re.S | re.M,
    )
    return b"".join(base64.b64decode(one) for one in found) if found else data


def _refs(place: str) -> Iterator[tuple[str, dict[str, str]]]:
    """What is deployed, by the link that says which commit is."""
    for active in sorted(glob.glob(os.path.join(glob.escape(place), "*", "*", "*", "*", "active"))):
        kind, name, architecture, branch = active[len(place) + 1 :].split("/")[:4]
        if kind not in ("app", "runtime"):
            continue
        metadata = _sections(_text(os.path.join(active, "metadata")) or "")
        try:
            commit = os.readlink(active)
        except OSError:
            continue
        ref = "/".join((kind, name, architecture, branch))
        yield ref, {"commit": commit, "runtime": metadata.get("Application", {}).get("runtime", "")}


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _text(path: str) -> str | None:
    data = _bytes(path)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _replace(path: str, data: bytes) -> None:
    """At once; what a kill has left of an earlier try goes."""
    parent, name = os.path.split(path)
    for left in glob.glob(os.path.join(glob.escape(parent), "." + glob.escape(name) + ".????????.hotdesk")):
        os.unlink(left)
    temporary = os.path.join(parent, "." + name + "." + os.urandom(4).hex() + ".hotdesk")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, path)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
