"""apt's source files, read as apt reads them: sources.list(5), both formats. Python 3.8 or newer."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""Names of pieces that apt reads; others it leaves (sources.list(5), apt_preferences(5), apt.conf(5))."""
KINDS = (
    (re.compile(r"/etc/apt/sources\.list"), "sources", ()),
    (re.compile(r"/etc/apt/sources\.list\.d/([^/]+)"), "sources", (".list", ".sources")),
    (re.compile(r"/etc/apt/preferences"), "pins", ()),
    (re.compile(r"/etc/apt/preferences\.d/([^/]+)"), "pins", ("", ".pref")),
    (re.compile(r"/etc/apt/apt\.conf"), "options", ()),
    (re.compile(r"/etc/apt/apt\.conf\.d/([^/]+)"), "options", ("", ".conf")),
    (re.compile(r"/etc/apt/auth\.conf"), "logins", ()),
    (re.compile(r"/etc/apt/auth\.conf\.d/([^/]+)"), "logins", ("", ".conf")),
    (re.compile(r"/etc/apt/trusted\.gpg"), "trusted", ()),
    (re.compile(r"/etc/apt/trusted\.gpg\.d/([^/]+)"), "trusted", (".gpg", ".asc")),
    (re.compile(r"/etc/apt/keyrings/([^/]+)"), "key", (".gpg", ".asc", ".pgp")),
    (re.compile(r"/usr/share/keyrings/([^/]+)"), "key", (".gpg", ".asc", ".pgp")),
)
DISTRIBUTION = re.compile(
    r"/etc/apt/sources\.list|/etc/apt/sources\.list\.d/(debian|ubuntu|raspi|linuxmint|official[^/]*)\.(list|sources)"
)
"""Where a distribution keeps its own."""


def kind(path: str) -> str:
    """What apt takes a file for: sources, pins, options, logins, trusted, key; empty: it does not read it."""
    for pattern, name, endings in KINDS:
        found = pattern.fullmatch(path)
        if found and not endings:
            return name
        if found and NAME.fullmatch(found.group(1)):
            ending = re.search(r"\.[^.]*$", found.group(1))
            if (ending.group() if ending else "") in endings:
                return name
    return ""


def repositories(path: str, text: str) -> list[dict[str, Any]]:
    """The active entries of a source file: {uri, suite, keys (paths)} each."""
    return _stanzas(text) if path.endswith(".sources") else _lines(text)


def _lines(text: str) -> list[dict[str, Any]]:
    out = []
    for line in text.splitlines():
        found = re.fullmatch(r"deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+).*", line.split("#")[0].strip())
        if found:
            options = dict(word.split("=", 1) for word in (found.group(1) or "").split() if "=" in word)
            keys = options.get("signed-by", "").split(",")
            out.append(
                {"uri": plain(found.group(2)), "suite": found.group(3), "keys": [k for k in keys if k.startswith("/")]}
            )
    return out


def _stanzas(text: str) -> list[dict[str, Any]]:
    out = []
    plain_text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", plain_text):
        fields = {}  # type: dict[str, str]
        name = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t"):
                fields[name] = fields.get(name, "") + "\n" + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        keys = [word for word in fields.get("signed-by", "").split() if word.startswith("/")]
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                out.append({"uri": plain(uri), "suite": suite, "keys": keys})
    return out


def plain(uri: str) -> str:
    """A URI as ``apt-cache policy`` writes it."""
    return re.sub(r"^(file|copy):/+", r"\1:/", uri).rstrip("/")
