"""asyncssh, imported in a way that is quicker: ``from hotdesk.connections.library import asyncssh`` wherever it is needed."""

from __future__ import annotations

import ctypes.util
import os
import re
import sys
from pathlib import Path

_X509 = "asyncssh.crypto.x509"


def _import_asyncssh() -> None:
    """Import asyncssh without what hotdesk has no use for, a quarter of its time and more.

    Its searches for liboqs and nettle start ldconfig, gcc and ld; the loader's cache (ld.so(8)) gives the same answer. X.509
    certificates, which OpenSSH does not know either, are optional to asyncssh.
    """
    search = ctypes.util.find_library
    cache = _cache()

    def find_library(name: str) -> str | None:
        if cache is None:
            return search(name)
        found = re.search(rb"[/\0](lib%s\.so\.[^/\0]+)\0" % re.escape(name.encode()), cache)
        return None if found is None else os.fsdecode(found[1])

    ctypes.util.find_library = find_library
    if "asyncssh" not in sys.modules:
        sys.modules[_X509] = None  # type: ignore[assignment]  # an ImportError for whoever imports it
    try:
        import asyncssh  # noqa: F401
    finally:
        ctypes.util.find_library = search
        if sys.modules.get(_X509, sys) is None:
            del sys.modules[_X509]


def _cache() -> bytes | None:
    """What the loader knows; None where that is not all it looks at."""
    try:
        return None if os.environ.get("LD_LIBRARY_PATH") else Path("/etc/ld.so.cache").read_bytes()
    except OSError:
        return None


_import_asyncssh()

import asyncssh as asyncssh  # noqa: E402
