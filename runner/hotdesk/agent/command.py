"""How a request of the runner becomes a command: its program looked for, its environment marked."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hotdesk.agent.main import Agent
    from hotdesk.agent.process import Process

SYSTEM = (b"/usr/bin/", b"/bin/", b"/usr/sbin/", b"/sbin/")
"""Where programs are on a file system that answers, or this Python would not run either."""


class Command:
    """What a fork does to become a command: call it there. Its errors name the directory or the program."""

    def __init__(self, argv: list[bytes], env: dict[bytes, bytes], cwd: bytes | None, umask: int | None) -> None:
        self.argv, self.env, self.cwd, self.umask = argv, env, cwd, umask
        self.places = [argv[0]]
        if b"/" not in argv[0]:  # as execvp(3) looks, but prepared here: each page that the fork touches is copied
            path = env.get(b"PATH", os.fsencode(os.defpath)).split(b":")
            self.places = [at + b"/" + argv[0] if at else argv[0] for at in path]
            if all(place[:1] == b"/" for place in self.places):  # each attempt that fails after the fork is dear
                there = next((number for number, place in enumerate(self.places) if os.access(place, os.X_OK)), 0)
                self.places.insert(0, self.places.pop(there))

    @property
    def quick(self) -> bool:
        """May it be spawned, for which the agent waits until the program runs? A directory that does not answer would hold it up for ever."""
        return self.cwd is None and self.places[0].startswith(SYSTEM)

    def spawn(self, given: int, out: int, err: int, reset: tuple[int, ...]) -> int:
        """Start it with posix_spawn(3), which copies nothing of the agent. Its pid; 0 when it must be forked, which tells why."""
        actions = [(os.POSIX_SPAWN_DUP2, fd, wanted) for wanted, fd in enumerate((given, out, err))]
        before = os.umask(self.umask) if self.umask is not None else 0
        try:
            return os.posix_spawn(
                self.places[0], self.argv, self.env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=reset
            )
        except (OSError, NotImplementedError, ValueError):
            return 0
        finally:
            if self.umask is not None:
                os.umask(before)

    def __call__(self, _report: int) -> None:
        if self.umask is not None:
            os.umask(self.umask)
        if self.cwd is not None:
            os.chdir(self.cwd)
        refused = errno.ENOENT
        for place in self.places:
            try:
                os.execve(place, self.argv, self.env)
            except OSError as exc:
                if exc.errno not in (errno.ENOENT, errno.ENOTDIR) and refused == errno.ENOENT:
                    refused = exc.errno or errno.EIO
        raise OSError(refused, os.strerror(refused), self.argv[0])


def environment(agent: Agent, header: dict[str, Any]) -> dict[bytes, bytes]:
    """The environment of a request's process: ours, what it was given, the marks."""
    env = agent.environment.copy()
    env.update((os.fsencode(name), os.fsencode(value)) for name, value in (header.get("env") or {}).items())
    env[b"HOTDESK_RUN"] = agent.run.encode()
    env[b"HOTDESK_TASK"] = os.fsencode(header["task"])
    env[b"HOTDESK_REQUEST"] = agent.mark(header["id"]).encode()
    return env


def prepare(agent: Agent, header: dict[str, Any]) -> tuple[Command, Process]:
    """(the command, its process that is not started yet)."""
    from hotdesk.agent.process import Process

    argv = [os.fsencode(word) for word in header["argv"]]
    cwd = os.fsencode(header["cwd"]) if header.get("cwd") is not None else None
    command = Command(argv, environment(agent, header), cwd, header.get("umask"))
    return command, Process(agent, header["id"], header["task"], agent.mark(header["id"]))
