"""The facts of hosts, kept between runs as Ansible's cache ``jsonfile`` keeps them: both engines may share a folder.

A file for each host, ``PREFIXs1_HOST``: ``{"__payload__": JSON}``, in it the facts by the names that modules gave them. What Ansible notes
with a value (where it was written) is left out when it is read, and all that is read is data, never a template.
https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/jsonfile_cache.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.aio import in_thread
from hotdesk.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hotdesk.executor.host import HostState
    from hotdesk.settings import Settings

SCHEMA = "s1_"
"""How Ansible 2.19 tells its files from those of versions before it."""
PAYLOAD = "__payload__"
GATHERED = "_ansible_facts_gathered"
"""Among the facts: a play has gathered them, so that ``gathering = smart`` need not."""
_TYPE = "__ansible_type"
_VALUES = ("value", "iso8601", "ciphertext")
"""Where the value stands in what Ansible writes for a text with notes, a time, an encrypted text."""


class FactCache:
    """The facts of one folder, which is made for the first of them. In check mode they are read, and nothing is written or removed."""

    def __init__(
        self, folder: Path, prefix: str, timeout: float, *, writes: bool = True, warn: Callable[[str], None]
    ) -> None:
        """``timeout``: seconds after which what a file holds is too old; inf: never."""
        self._folder, self._prefix, self._timeout = folder, prefix, timeout
        self._writes, self._warn = writes, warn
        self._known: dict[str, dict[str, Any]] = {}
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def load(self, hosts: Iterable[str]) -> None:
        """Read what is kept of these hosts, all at once; what is asked for later is read one by one."""
        new = [name for name in hosts if name not in self._known]
        found = await in_thread(lambda: [self._read(name) for name in new])
        self._known |= zip(new, found, strict=True)

    def recall(self, state: HostState) -> None:
        """Teach a host what is kept of it."""
        facts = self._of(state.name)
        state.learn({name: value for name, value in facts.items() if name != GATHERED})
        state.gathered = bool(facts.get(GATHERED))

    async def keep(self, state: HostState, facts: Mapping[str, Any]) -> None:
        """Keep what a host has just learnt."""
        known = self._of(state.name)
        known |= facts
        if state.gathered:
            known[GATHERED] = True
        if self._writes:
            async with self._writing[state.name]:
                await in_thread(self._write, state.name, dict(known))

    async def forget(self, host: str) -> None:
        """meta: clear_facts, --flush-cache."""
        self._known[host] = {}
        if self._writes:
            async with self._writing[host]:
                await in_thread(self._remove, host)

    def _of(self, host: str) -> dict[str, Any]:
        if host not in self._known:
            self._known[host] = self._read(host)
        return self._known[host]

    def _file(self, host: str) -> Path:
        return self._folder / f"{self._prefix}{SCHEMA}{host.replace('/', '%2F')}"

    # These block.

    def _read(self, host: str) -> dict[str, Any]:
        file = self._file(host)
        try:
            if time.time() - file.stat().st_mtime > self._timeout:
                return {}
            facts = without_notes(json.loads(json.loads(file.read_text(encoding="utf-8"))[PAYLOAD]))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
            self._warn(f"the facts kept of {host} are not used: {file} cannot be read ({type(reason).__name__})")
            return {}
        return facts if isinstance(facts, dict) else {}

    def _write(self, host: str, facts: dict[str, Any]) -> None:
        file = self._file(host)
        text = json.dumps({PAYLOAD: json.dumps(facts, default=str)})
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".", delete=False) as new:
                try:
                    new.write(text)
                    new.flush()
                    Path(new.name).replace(file)
                except BaseException:
                    Path(new.name).unlink()
                    raise
        except OSError as reason:
            self._warn(f"the facts of {host} are not kept: {reason.strerror}: {file}")

    def _remove(self, host: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file(host).unlink()


def without_notes(value: Any) -> Any:
    """A value of a file of Ansible's, without what Ansible notes with it."""
    if isinstance(value, list):
        return [without_notes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _TYPE in value:
        return without_notes(next((value[name] for name in _VALUES if name in value), None))
    return {name: without_notes(one) for name, one in value.items()}


def fact_cache(settings: Settings, warn: Callable[[str], None]) -> FactCache | None:
    """The cache that the settings name; None: facts live for the run. Raises UsageError when no folder is named."""
    if settings.fact_caching.endswith("memory"):
        return None
    folder = settings.fact_caching_connection
    if folder is None:
        raise UsageError(
            "fact_caching = jsonfile needs a folder to keep facts in",
            remedy="Set fact_caching_connection (ANSIBLE_CACHE_PLUGIN_CONNECTION).",
        )
    prefix, timeout = settings.fact_caching_prefix, settings.fact_caching_timeout
    return FactCache(folder, prefix, timeout, writes=not settings.check, warn=warn)
