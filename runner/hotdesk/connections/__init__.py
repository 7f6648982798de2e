"""Ways to the PCs: channels over asyncssh or to local children, and the agents on them."""

from __future__ import annotations

import ctypes.util
import os
from pathlib import Path


def _import_asyncssh() -> None:
    """Import asyncssh without the child processes it starts for that: it looks for liboqs, with ldconfig, gcc and ld (40 ms or more).

    The answer is the same: the search is left out only where neither the loader's cache nor LD_LIBRARY_PATH can know such a library.
    """
    search = ctypes.util.find_library

    def find_library(name: str) -> str | None:
        return None if name == "oqs" and _surely_missing() else search(name)

    ctypes.util.find_library = find_library
    try:
        import asyncssh  # noqa: F401
    finally:
        ctypes.util.find_library = search


def _surely_missing() -> bool:
    try:
        return not os.environ.get("LD_LIBRARY_PATH") and b"liboqs" not in Path("/etc/ld.so.cache").read_bytes()
    except OSError:
        return False


_import_asyncssh()
