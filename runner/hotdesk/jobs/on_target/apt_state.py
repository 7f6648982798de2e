"""What apt and dpkg say of this PC, and where each package comes from. Reads only. Python 3.8 or newer."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time

from hotdesk.jobs.on_target.apt_sources import DISTRIBUTION, kind, plain, repositories
from hotdesk.jobs.on_target.etc_files import survey
from hotdesk.jobs.on_target.journal import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BATCH = 400
"""Names on one command line: an argument list has a limit."""
DISTRO = "the distribution"
"""The origin of all that comes from the distribution's own source files, whichever mirror they name."""
KEYRINGS = "/usr/share/keyrings"
FIELDS = "${Package}\t${Architecture}\t${db:Status-Want}\t${db:Status-Status}\t${Version}\t${Essential}\n"
HALF = ("half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")


def describe(names: list[str]) -> dict[str, Any]:
    """All of it; ``names`` are packages whose origins are asked for besides those of this PC's own manual ones.

    A dict: ``architecture``, ``foreign``, ``release``; ``manual``, ``held``; ``installed`` name -> version; ``essential``; ``half``: names
    of packages in the middle of something; ``origins`` name -> {installed, origin, candidate, source, versions}; ``labels`` URI -> origin; ``files``
    as ``etc_files.survey`` of /etc/apt and of the keyrings gives them, those that apt reads, with ``kind`` and, for sources, ``entries``.
    """
    native = said(["dpkg", "--print-architecture"]).strip()
    installed, held, half, essential = packages(native)
    manual = said(["apt-mark", "showmanual"]).split()
    files = _files()
    distribution = {e["uri"] for path, one in files.items() if DISTRIBUTION.fullmatch(path) for e in one["entries"]}
    rows = _labels(said(["apt-cache", "policy"]))
    return {
        "architecture": native,
        "foreign": said(["dpkg", "--print-foreign-architectures"]).split(),
        "release": _release(),
        "manual": manual,
        "held": held,
        "installed": installed,
        "essential": essential,
        "half": half + records(),
        "origins": origins(sorted({*manual, *names}), rows, distribution),
        "labels": {**{plain(uri): label for (uri, _), label in rows.items()}, **dict.fromkeys(distribution, DISTRO)},
        "files": files,
    }


def origins(names: list[str], labels: dict[tuple[str, str], str], distribution: set[str]) -> dict[str, Any]:
    """Where these packages come from, by ``apt-cache policy``. ``distribution``: the URIs that count as the distribution."""
    out: dict[str, Any] = {}
    for at in range(0, len(names), BATCH):
        out.update(policy(said(["apt-cache", "policy", *names[at : at + BATCH]]), labels, distribution))
    return out


def _labels(text: str) -> dict[tuple[str, str], str]:
    """(URI, suite/component) -> the Origin that the archive gives itself."""
    out, row = {}, ("", "")
    for line in text.splitlines():
        found = re.match(r"\s*-?\d+ (\S+) (\S+)", line)
        if found and "/" in found.group(1):
            row = (found.group(1), found.group(2))
        label = re.match(r"\s+release .*?\bo=([^,]+)", line)
        if label:
            out[row] = label.group(1)
    return out


def policy(text: str, labels: dict[tuple[str, str], str], distribution: set[str]) -> dict[str, Any]:
    """One entry a package of ``apt-cache policy NAMES``."""
    out: dict[str, Any] = {}
    one: dict[str, Any] = {}
    version, current = "", False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            one = out[line.rstrip(":")] = {"installed": "", "origin": "", "candidate": "", "source": "", "versions": []}
        elif line.startswith("  Installed: "):
            one["installed"] = _none(line[13:])
        elif line.startswith("  Candidate: "):
            one["candidate"] = _none(line[13:])
        elif re.match(r" (\*\*\*|   ) \S+ -?\d+( .*)?$", line):
            version, current = line[5:].split()[0], line.startswith(" ***")
        elif re.match(r" {5,}-?\d+ \S", line):
            _, uri, place = (line.split() + [""])[:3]
            if uri != "/var/lib/dpkg/status":
                origin = DISTRO if plain(uri) in distribution else labels.get((uri, place)) or plain(uri)
                one["versions"].append([version, origin])
                if current and not one["origin"]:
                    one["origin"] = origin
                if version == one["candidate"] and not one["source"]:
                    one["source"] = origin
    for one in out.values():
        if one["installed"] and not one["origin"]:
            one["origin"] = one["source"]  # an older version than the archive still has
    return out


def _none(text: str) -> str:
    return "" if text == "(none)" else text


def packages(native: str) -> tuple[dict[str, str], list[str], list[str], list[str]]:
    installed, held, half, essential = {}, [], [], []
    for line in said(["dpkg-query", "-W", "-f", FIELDS]).splitlines():
        name, architecture, want, status, version, needed = line.split("\t")
        name = name if architecture in (native, "all") else name + ":" + architecture
        if status == "installed":
            installed[name] = version
        if status in HALF:
            half.append(name)
        if want == "hold":
            held.append(name)
        if needed == "yes":
            essential.append(name)
    return installed, held, half, essential


def records(updates: str = "/var/lib/dpkg/updates") -> list[str]:
    """dpkg itself, when it was killed before it had put its records in order: numbers are the names of those (apt looks for the same)."""
    return ["dpkg"] if os.path.isdir(updates) and any(name.isdigit() for name in os.listdir(updates)) else []


def _files() -> dict[str, Any]:
    out = {}
    for top in ("/etc/apt", KEYRINGS):
        for path, one in survey(top, [], [])["files"].items():
            read_as = kind(path)
            if read_as and one["state"] is not None and (top != KEYRINGS or one["standing"] == "local"):
                out[path] = {**one, "kind": read_as, "entries": _entries(path) if read_as == "sources" else []}
    return out


def _entries(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return repositories(path, stream.read())
    except FileNotFoundError:
        return []


def _release() -> str:
    known = {}
    with open("/etc/os-release", encoding="utf-8") as stream:
        for line in stream:
            name, _, value = line.strip().partition("=")
            known[name] = value.strip("\"'")
    return "{} {}".format(known.get("ID", "?"), known.get("VERSION_CODENAME") or known.get("VERSION_ID", "")).strip()


def said(argv: list[str]) -> str:
    """What a command says; one that fails is no empty answer."""
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
    except FileNotFoundError:
        raise Failed("there is no {} here".format(argv[0]), missing=argv[0])
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip() or "no words"
        raise Failed("{} failed ({}): {}".format(" ".join(argv[:2]), done.returncode, words))
    return done.stdout.decode("utf-8", "replace")


def wait_for(path: str, limit: float) -> float:
    """Until nobody holds this lock of apt's; the seconds waited. Failed names the holder after ``limit`` seconds."""
    began = time.monotonic()
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0.0
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return time.monotonic() - began
        except (BlockingIOError, PermissionError):
            if time.monotonic() - began > limit:
                raise Failed("{} has been held for {:g} seconds by another package manager".format(path, limit))
        finally:
            os.close(fd)
        time.sleep(0.2)
