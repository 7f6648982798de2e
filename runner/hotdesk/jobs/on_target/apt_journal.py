"""Which packages there are before and after a job changed them, kept in a journal. Python 3.8 or newer."""

from __future__ import annotations

import os

from hotdesk.jobs.on_target.apt_state import packages, policy, said
from hotdesk.jobs.on_target.journal import ROOT, complete, note, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def now() -> dict[str, Any]:
    """``packages``: name -> [version, manual or auto, hold or nothing] of those installed; ``native`` and (foreign) ``architectures``."""
    native = said(["dpkg", "--print-architecture"]).strip()
    installed, held, _, _ = packages(native)
    manual = set(said(["apt-mark", "showmanual"]).split())
    found = {
        name: [version, "manual" if name in manual else "auto", "hold" if name in held else ""]
        for name, version in installed.items()
    }
    foreign = said(["dpkg", "--print-foreign-architectures"]).split()
    return {"packages": found, "native": native, "architectures": foreign}


def begin(run: str, root: str = ROOT) -> str:
    """Before the change: all packages. The journal's name."""
    return note("packages", run, {"packages": {"before": now(), "after": None}}, root)


def end(name: str, root: str = ROOT) -> None:
    """After it: only what is different stays in the journal."""
    journal = read(os.path.join(root, os.path.basename(name)))
    if journal is None:
        return
    before, after = journal["packages"]["before"], now()
    names = [
        name
        for name in {**before["packages"], **after["packages"]}
        if before["packages"].get(name) != after["packages"].get(name)
    ]
    short = {
        when: {**all_, "packages": {name: all_["packages"][name] for name in names if name in all_["packages"]}}
        for when, all_ in (("before", before), ("after", after))
    }
    complete(name, {"packages": short}, root)


def offered(names: list[str]) -> dict[str, list[str]]:
    """The versions of these packages that archives have."""
    if not names:
        return {}
    found = policy(said(["apt-cache", "policy", *names]), {}, set())
    return {name: [version for version, _ in one["versions"]] for name, one in found.items()}
