"""What the fork of a call is making under a name of its own, told to the agent before it is made: so it can be removed when the fork is killed.

The memory is shared by the two (mmap(2), anonymous): no frame has to be sent and none can be lost, whatever signal comes when.
"""

from __future__ import annotations

import mmap
import os

LENGTH = 2
SIZE = 4096 + LENGTH  # PATH_MAX, limits.h


class Note:
    """One path, or none; written by the fork, read by the agent once the fork has ended."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SIZE)

    def about_to_make(self, path: str) -> None:
        """``path`` (of a file, or a directory with all in it) is new, under a name that nobody else uses. It takes the last one's place."""
        name = os.fsencode(os.path.abspath(path))
        if len(name) <= SIZE - LENGTH:  # one that is longer cannot be made
            self._memory[:LENGTH] = bytes(LENGTH)  # killed halfway, it names nothing rather than something else
            self._memory[LENGTH : LENGTH + len(name)] = name
            self._memory[:LENGTH] = len(name).to_bytes(LENGTH, "big")

    def take(self) -> bytes:
        """The path, if one was noted, which is forgotten now."""
        name = self._memory[LENGTH : LENGTH + int.from_bytes(self._memory[:LENGTH], "big")]
        self._memory[:LENGTH] = bytes(LENGTH)
        return name
