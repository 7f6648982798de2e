"""Waiting for a port, a file or a text, with sleeps that never pass the deadline (ansible.builtin.wait_for)."""

from __future__ import annotations

import glob
import os
import re
import socket
import struct
import time

from hotdesk.actions.on_target.attributes import described, full_path
from hotdesk.actions.on_target.refusal import Refused, answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

STATES = {
    "ESTABLISHED": "01",
    "SYN_SENT": "02",
    "SYN_RECV": "03",
    "FIN_WAIT1": "04",
    "FIN_WAIT2": "05",
    "TIME_WAIT": "06",
}
"""Names of TCP states as /proc/net/tcp writes them (include/net/tcp_states.h)."""


@answers
def wait(options: Mapping[str, Any]) -> dict[str, Any]:
    """Wait as ``options`` say: port, host, path, state, search_regex, timeout, connect_timeout, delay, sleep, exclude_hosts, msg,
    active_connection_states. Seconds everywhere."""
    return _Wait(options).run()


class _Wait:
    """One wait: what for, and until when."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.start = time.monotonic()
        self.deadline = self.start + float(options["timeout"])
        self.path = full_path(options["path"]) if options.get("path") else None
        self.port, self.host = options.get("port"), options.get("host") or "127.0.0.1"
        self.state = options.get("state") or "started"
        text = options.get("search_regex")
        try:
            self.regex = re.compile(text.encode(), re.MULTILINE) if text else None
        except re.error as exc:
            raise Refused("search_regex is not a regular expression: %s" % exc)
        self.groups: list[Any] = []
        self.named: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        delay, timeout = float(self.options.get("delay") or 0), float(self.options["timeout"])
        if self.port is None and self.path is None and self.state != "drained":
            time.sleep(delay + timeout)  # nothing to wait for: as Ansible, one after the other
        else:
            time.sleep(min(delay, timeout))
            test, text = self._what()
            while not test():
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise Refused(self.options.get("msg") or text, elapsed=self._elapsed())
                time.sleep(min(float(self.options.get("sleep") or 1), left))
        answer = {
            "changed": False,
            "state": self.state,
            "port": self.port,
            "search_regex": self.options.get("search_regex"),
            "match_groups": self.groups,
            "match_groupdict": self.named,
            "path": self.path,
            "elapsed": self._elapsed(),
        }
        if self.path and os.path.lexists(self.path):
            answer.update(described(self.path))
        return answer

    def _elapsed(self) -> int:
        return int(time.monotonic() - self.start)

    def _what(self) -> tuple[Any, str]:
        target = self.path or "%s:%s" % (self.host, self.port)
        if self.state == "drained":
            return self._drained, "Timeout when waiting for %s to drain" % target
        if self.state in ("absent", "stopped"):
            if self.path:
                return self._gone, "Timeout when waiting for %s to be absent." % target
            return self._closed, "Timeout when waiting for %s to stop." % target
        if self.regex:
            text = "Timeout when waiting for search string %s in %s" % (self.options["search_regex"], target)
        else:
            text = "Timeout when waiting for %s%s" % ("file " if self.path else "", target)
        return (self._there if self.path else self._open), text

    def _there(self) -> bool:
        assert self.path
        if self.regex is None:
            return os.path.exists(self.path)
        try:
            with open(self.path, "rb") as stream:
                return self._search(stream.read())
        except OSError:
            return False

    def _gone(self) -> bool:
        assert self.path
        return not os.path.exists(self.path)

    def _search(self, text: bytes) -> bool:
        assert self.regex
        found = self.regex.search(text)
        if found is None:
            return False

        def shown(part: bytes | None) -> str | None:
            return None if part is None else part.decode("utf-8", "replace")

        self.groups = [shown(part) for part in found.groups()]
        self.named = {name: shown(part) for name, part in found.groupdict().items()}
        return True

    def _connection(self) -> socket.socket:
        assert self.port is not None
        left = max(0.1, self.deadline - time.monotonic())
        return socket.create_connection(
            (self.host, int(self.port)), min(float(self.options.get("connect_timeout") or 5), left)
        )

    def _closed(self) -> bool:
        try:
            self._connection().close()
        except OSError:
            return True
        return False

    def _open(self) -> bool:
        try:
            with self._connection() as link:
                if self.regex is None:
                    try:
                        link.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    return True
                return self._read(link)
        except OSError:
            return False

    def _read(self, link: socket.socket) -> bool:
        """Read what the service says until the expression is in it."""
        text = b""
        while time.monotonic() < self.deadline and len(text) < 1 << 24:
            link.settimeout(max(0.1, min(5.0, self.deadline - time.monotonic())))
            part = link.recv(1024)
            if not part:
                return False
            text += part
            if self._search(text):
                return True
        return False

    def _drained(self) -> bool:
        return not any(self._active())

    def _active(self) -> list[str]:
        names = self.options.get("active_connection_states") or list(STATES)
        codes = {STATES[name] for name in names if name in STATES}
        ours, excluded = self._addresses(self.host), set()
        for host in self.options.get("exclude_hosts") or ():
            excluded |= self._addresses(host)
        found = []
        for table in glob.glob("/proc/net/tcp") + glob.glob("/proc/net/tcp6"):
            with open(table) as stream:
                for line in stream.readlines()[1:]:
                    words = line.split()
                    local, _, port = words[1].rpartition(":")
                    remote = words[2].rpartition(":")[0]
                    if int(port, 16) != int(self.port or 0) or words[3] not in codes:
                        continue
                    if (not ours or local in ours) and remote not in excluded:
                        found.append(line)
        return found

    def _addresses(self, host: str) -> set[str]:
        """An address as /proc/net/tcp writes it, and as IPv6 maps it; empty for "any"."""
        if host in ("0.0.0.0", "::"):
            return set()
        try:
            known = socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)
        except OSError as exc:
            raise Refused("cannot look up %s: %s" % (host, exc))
        out = set()
        for family, _, _, _, address in known:
            raw = socket.inet_pton(family, str(address[0]))
            words = struct.unpack("=%dI" % (len(raw) // 4), raw)
            text = "".join("%08X" % word for word in words)
            out.add(text)
            if family == socket.AF_INET:
                out.add("%08X%08X%08X" % struct.unpack("=3I", b"\0" * 10 + b"\xff\xff") + text)
        return out
