"""How each kind of expectation is looked at on a testinfra host: ``(host, expectations) -> subject -> what is there now``."""

from __future__ import annotations

import hashlib
import shlex
import stat
from typing import TYPE_CHECKING, Any

from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Found = dict[str, dict[str, Any]]
    Wanted = Sequence[Mapping[str, Any]]

LONGEST_COMMAND = 60_000
"""Characters of a command; one argument of sh may have 128 KiB (execve(2))."""
DIGEST = 12
"""Characters shown of a sha256."""
TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What is not as it was left, in words; only what was left is compared."""
    return [
        f"{key} is {_said(found.get(key))} and was {_said(value)}"
        for key, value in wanted.items()
        if found.get(key) != value
    ]


def _said(value: Any) -> str:
    if value is None or value == "":
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:DIGEST]}..." if len(text) == 64 and not text.strip("0123456789abcdef") else brief(text)


def files(host: Any, wanted: Wanted) -> Found:
    """By stat(1), sha256sum(1) and readlink(1), many at once."""
    found: Found = {each["subject"]: {"type": "missing"} for each in wanted}
    for paths in _shares(list(found)):
        done = host.run(f"LC_ALL=C stat --printf '%f %u %g %s %n\\0' -- {shlex.join(paths)}")
        for line in filter(None, done.stdout_bytes.decode(errors="surrogateescape").split("\0")):
            raw, uid, gid, size, path = line.split(" ", 4)
            mode = int(raw, 16)
            found[path] = {
                "type": TYPES.get(stat.S_IFMT(mode), "special"), "mode": f"{stat.S_IMODE(mode):04o}",
                "uid": int(uid), "gid": int(gid), "size": int(size),
            }  # fmt: skip
    hashed = [
        each["subject"] for each in wanted if "sha256" in each["value"] and found[each["subject"]]["type"] == "file"
    ]
    for paths in _shares(hashed):
        done = host.run(f"LC_ALL=C sha256sum --zero -- {shlex.join(paths)}")
        for line in filter(None, done.stdout_bytes.decode(errors="surrogateescape").split("\0")):
            found[line[66:]]["sha256"] = line[:64]
    links = [path for path, state in found.items() if state["type"] == "symlink"]
    for paths in _shares(links):
        done = host.run(f"LC_ALL=C readlink --zero -- {shlex.join(paths)}")
        for path, target in zip(paths, done.stdout_bytes.decode(errors="surrogateescape").split("\0"), strict=False):
            found[path]["target"] = target
    return found


def packages(host: Any, wanted: Wanted) -> Found:
    """By dpkg-query(1), all of them."""
    done = host.run(
        "dpkg-query --show --showformat='${db:Status-Abbrev}\\t${Package}\\t${Architecture}\\t${Version}\\n'"
    )
    there: Found = {}
    for line in done.stdout.splitlines():
        state, name, architecture, version = line.split("\t")
        if state[1:2] == "i":
            there[f"{name}:{architecture}"] = {"version": version, "hold": state[:1] == "h"}
            there.setdefault(name, there[f"{name}:{architecture}"])
    return {each["subject"]: there.get(each["subject"], {"version": None, "hold": False}) for each in wanted}


def units(host: Any, wanted: Wanted) -> Found:
    """By systemctl(1); of a user's manager when a user is named."""
    out: Found = {}
    for each in wanted:
        user = each["value"].get("user")
        scope = f"--user --machine={shlex.quote(f'{user}@.host')}" if user else ""
        name = shlex.quote(each["subject"])
        done = host.run(
            f"systemctl {scope} is-enabled -- {name} 2>/dev/null; echo; systemctl {scope} is-active -- {name} 2>/dev/null"
        )
        enabled, _, active = done.stdout.partition("\n\n") if "\n\n" in done.stdout else done.stdout.partition("\n")
        out[each["subject"]] = {
            "enabled": enabled.strip(),
            "active": active.strip(),
            **({"user": user} if user else {}),
        }
    return out


def users(host: Any, wanted: Wanted) -> Found:
    """By getent(1) and id(1)."""
    out: Found = {}
    for each in wanted:
        name = each["subject"]
        entry = host.run("getent passwd -- %s", name).stdout.rstrip("\n").split(":")
        if len(entry) < 7:
            out[name] = {}
            continue
        primary = host.run("id -gn -- %s", name).stdout.strip()
        groups = sorted(set(host.run("id -Gn -- %s", name).stdout.split()) - {primary})
        out[name] = {
            "uid": int(entry[2]), "gid": int(entry[3]), "comment": entry[4], "home": entry[5], "shell": entry[6], "groups": groups,
        }  # fmt: skip
    return out


def groups(host: Any, wanted: Wanted) -> Found:
    """By getent(1)."""
    out: Found = {}
    for each in wanted:
        entry = host.run("getent group -- %s", each["subject"]).stdout.rstrip("\n").split(":")
        known = len(entry) == 4
        out[each["subject"]] = (
            {"gid": int(entry[2]), "members": sorted(filter(None, entry[3].split(",")))} if known else {}
        )
    return out


def outputs(host: Any, wanted: Wanted) -> Found:
    """By running what the job named."""
    out: Found = {}
    for each in wanted:
        value = each["value"]
        done = host.run(shlex.join(value["argv"]))
        found: dict[str, Any] = {"argv": value["argv"], "rc": done.rc}
        if "stdout" in value:
            found["stdout"] = done.stdout_bytes.decode(errors="replace").removesuffix("\n")
        if "sha256" in value:
            found["sha256"] = hashlib.sha256(done.stdout_bytes).hexdigest()
        if "rc" not in value and done.rc != 0:
            found["stdout"] = found["sha256"] = f"nothing, but exit status {done.rc}"
        out[each["subject"]] = found
    return out


def _shares(paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths in lists that fit into a command."""
    share: list[str] = []
    length = 0
    for path in paths:
        if share and length + len(path) > LONGEST_COMMAND:
            yield share
            share, length = [], 0
        share.append(path)
        length += len(path) + 10
    if share:
        yield share


KINDS: dict[str, Callable[[Any, Wanted], Found]] = {
    "file": files,
    "package": packages,
    "unit": units,
    "user": users,
    "group": groups,
    "output": outputs,
}
