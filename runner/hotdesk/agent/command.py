"""What a fork of the agent does to become a command."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


def command(argv: list[bytes], env: dict[bytes, bytes], cwd: bytes | None, umask: int | None) -> Callable[[int], None]:
    """What a fork does to become a command. Its errors name the directory or the program."""
    places = [argv[0]]
    if b"/" not in argv[0]:  # as execvp(3) looks, but prepared here: each page that the fork touches is copied
        places = [os.path.join(at, argv[0]) for at in env.get(b"PATH", os.fsencode(os.defpath)).split(b":")]
        if all(place[:1] == b"/" for place in places):  # each attempt that fails after the fork is dear
            places.sort(key=lambda place: not os.access(place, os.X_OK))

    def become(_report: int) -> None:
        if umask is not None:
            os.umask(umask)
        if cwd is not None:
            os.chdir(cwd)
        refused = errno.ENOENT
        for place in places:
            try:
                os.execve(place, argv, env)
            except OSError as exc:
                if exc.errno not in (errno.ENOENT, errno.ENOTDIR) and refused == errno.ENOENT:
                    refused = exc.errno or errno.EIO
        raise OSError(refused, os.strerror(refused), argv[0])

    return become
