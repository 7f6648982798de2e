"""How an agent gets to a PC: the command line that every login shell understands, and the bytes that follow on its stdin."""

from __future__ import annotations

import marshal
import pkgutil
import re
import sys
import threading
import zlib
from functools import lru_cache
from importlib.util import MAGIC_NUMBER, find_spec
from typing import TYPE_CHECKING, Any, cast

from hotdesk.errors import BecomeError, ConnectError
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import InspectLoader
    from types import CodeType

    from hotdesk.connections.base import Endpoint, Escalation

MODULES = (
    "frames",
    "loop",
    "process",
    "prctl",
    "command",
    "guardian",
    "proc",
    "members",
    "tree",
    "elevated",
    "calls",
    "standby",
    "files",
    "disk",
    "lock",
    "leaving",
    "note",
    "bulk",
    "dpkg",
    "hello",
    "main",
)
NEWEST_FIRST = tuple(f"python3.{minor}" for minor in range(15, 7, -1))
"""What is tried when plain ``python3`` turned out to be too old."""
NO_PYTHON, TOO_OLD, NO_ESCALATION = 127, 96, 97
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./~-]+")
# No quote, backslash, dollar, exclamation mark or newline: it stands in double quotes within single quotes, in any shell.
_FIRST = "import sys,zlib;sys.stdout.write(sys.argv[1]);sys.stdout.flush();exec(zlib.decompress(sys.stdin.buffer.read(int(sys.argv[2]))))"
_LOCKS = '${HOTDESK_LOCKS:+HOTDESK_LOCKS="$HOTDESK_LOCKS"}'
"""sudo clears the environment; root's agent must meet the user's at one lock file (``agent.lock``)."""
_packing = threading.Lock()


@frozen
class Start:
    """What starts one agent: ``command`` for the login shell, ``payload`` for its stdin once ``token`` was seen on its stdout."""

    command: str
    payload: bytes
    token: bytes
    prompt: bytes = b""
    """What sudo prints on stderr when it wants the password (empty: it is told not to ask)."""


@lru_cache(maxsize=1)
def _package() -> tuple[bytes, dict[str, bytes], dict[str, str]]:
    """(the bootstrap, compressed; module -> marshalled code of this Python; module -> source)."""
    names = {"hotdesk.agent": "__init__", **{f"hotdesk.agent.{name}": name for name in MODULES}}
    sources = {name: _source(file).decode() for name, file in names.items()}
    sources["hotdesk"] = ""
    codes = {name: marshal.dumps(_code(name)) for name in sources}
    return program_text("bootstrap"), codes, sources


def _source(file: str) -> bytes:
    """A file of the agent's folder. (importlib.resources would do, and imports zipfile first: 9 ms.)"""
    data = pkgutil.get_data("hotdesk.agent", f"{file}.py")
    if data is None:
        raise FileNotFoundError(f"hotdesk/agent/{file}.py")
    return data


def _code(name: str) -> CodeType | None:
    """A module's code, from Python's own cache of compiled files where it is there: to compile all takes 30 ms."""
    loader = cast("InspectLoader", spec.loader) if (spec := find_spec(name)) else None
    return loader.get_code(name) if loader else None


@lru_cache(maxsize=1)
def _pack() -> bytes:
    _, codes, sources = _package()
    # Version 2 of marshal is what every Python 3 reads.
    packed = zlib.compress(marshal.dumps([MAGIC_NUMBER, codes, sources], 2), 6)
    return b"%010d" % len(packed) + packed


def is_packed() -> bool:
    """Nothing of the agent has to be compiled for the next ``build``."""
    return _pack.cache_info().currsize > 0


def pack() -> None:
    """Compile and compress the agent, once in this process: 30 ms of CPU that do not belong on the event loop."""
    with _packing:
        _pack()


def build(
    endpoint: Endpoint,
    escalation: Escalation | None,
    *,
    config: dict[str, Any],
    token: str,
    interpreters: Sequence[str] | None = None,
) -> Start:
    """The start of one agent. Raises BecomeError or ConnectError for names that no shell line can carry safely."""
    found = interpreters or _interpreters(endpoint, escalation)
    for name in found:
        for word in name.split():
            if not _SAFE.fullmatch(word):
                raise ConnectError(
                    f"{endpoint.host}: ansible_python_interpreter {name!r} holds characters no interpreter path needs"
                )
    first = _package()[0]
    agent = f'-I -S -X utf8 -c "{_FIRST}" {token} {len(first)}'
    mark = f"env HOTDESK_RUN={config['run']}"
    prompt = b""
    if escalation is None:
        # Not with env: that is one more program to start.
        launch, check = f"exec $q {agent}", f"HOTDESK_RUN={config['run']}; export HOTDESK_RUN; "
    else:
        launch, check, prompt = _escalated(endpoint, escalation, mark, agent, token)
    choice = " ".join(found) if len(found) > 1 or " " not in found[0] else f'"{found[0]}"'
    lookup = "q=$p" if " " in found[0] else "q=$(command -v $p 2>/dev/null)"
    if interpreters:  # a name on the PATH may be a wrapper around nothing
        lookup += " && $q -I -S -c 0 </dev/null >/dev/null 2>&1"
    script = f"{check}for p in {choice}; do {lookup} && {launch}; done; echo hotdesk: no python >&2; exit {NO_PYTHON}"
    text = marshal.dumps({**config, "token": token}, 2)
    return Start(f"exec sh -c '{script}'", first + b"%010d" % len(text) + text + _pack(), token.encode(), prompt)


def bridge(python: str, *, run: str, token: str) -> Start:
    """The start of a bridge (``agent.bridge``) with the interpreter that an agent there runs on."""
    if not _SAFE.fullmatch(python):
        raise ConnectError(f"the interpreter's path {python!r} holds characters no interpreter path needs")
    program = program_text("bridge")
    command = f"exec sh -c 'exec env HOTDESK_RUN={run} {python} -I -S -c \"{_FIRST}\" {token} {len(program)}'"
    return Start(command, program, token.encode())


@lru_cache(maxsize=4)
def program_text(name: str) -> bytes:
    """A program of the agent's folder that runs in a Python of its own, compressed."""
    return zlib.compress(_source(name))


def remote_shell(python: str) -> str:
    """RSYNC_RSH (rsync(1): words at blanks, quotes hold words together, no backslashes)."""
    program = program_text("remote_shell").hex()
    return f"{python} -I -S -c 'import sys,zlib;exec(zlib.decompress(bytes.fromhex(sys.argv[1])))' {program}"


def _interpreters(endpoint: Endpoint, escalation: Escalation | None) -> list[str]:
    if not endpoint.python.startswith("auto"):
        return [endpoint.python]
    if endpoint.kind == "local" and _SAFE.fullmatch(sys.executable):
        return [sys.executable]
    plain = ["python3", "/usr/bin/python3", "/usr/libexec/platform-python", *NEWEST_FIRST]
    # Another user may not be able to run what stands in the login user's own PATH.
    return plain if escalation is None else ["/usr/bin/python3", *plain]


def _escalated(endpoint: Endpoint, escalation: Escalation, mark: str, agent: str, token: str) -> tuple[str, str, bytes]:
    """(what starts the agent as the other user, a check before it, the prompt to wait for)."""
    for word in (escalation.user, escalation.exe, *escalation.flags):
        if not _SAFE.fullmatch(word):
            raise BecomeError(f"{endpoint.host}: become: {word!r} cannot be put on a command line safely")
    exe, flags = escalation.exe, " ".join(escalation.flags)
    check = (
        f"command -v {exe} >/dev/null 2>&1 || {{ echo hotdesk: {exe} is not installed >&2; exit {NO_ESCALATION}; }}; "
    )
    if escalation.method == "sudo":
        prompt = f"hotdesk-{token}:"
        ask = "-n" if escalation.password is None else f"-S -k -p {prompt}"
        return (
            f"exec {exe} {ask} {flags} -u {escalation.user} {mark} {_LOCKS} $q {agent}",
            check,
            prompt.encode() if escalation.password else b"",
        )
    if escalation.method == "su":
        if escalation.password is not None:
            raise BecomeError(
                f"{endpoint.host}: become_method su cannot be given a password", remedy="Use become_method: sudo."
            )
        exe = "su" if exe == "sudo" else exe
        inner = f"exec {mark} $q {agent}".replace('"', '\\"')
        check = check.replace("sudo", "su")
        return f'exec {exe} -s /bin/sh {escalation.user} -c "{inner}"', check, b""
    raise BecomeError(
        f"{endpoint.host}: become_method {escalation.method} is not supported",
        remedy="Use become_method: sudo (or su as root).",
    )
