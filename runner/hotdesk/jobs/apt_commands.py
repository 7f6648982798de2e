"""apt-get's command lines and what it says. The rehearsal and the act have one builder, so that they cannot drift apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotdesk.errors import TaskError
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set

    from hotdesk.connections.link import Completed
    from hotdesk.jobs.apt_plan import Package
    from hotdesk.jobs.machine import Machine

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l",
    "UCF_FORCE_CONFFOLD": "1",
}
"""Nobody is there to answer a question."""
CONFFILES = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
"""A configuration file that was changed here is kept; the new one is put beside it as .dpkg-dist."""
UPDATE = (
    "apt-get",
    "-q",
    "update",
    "-o",
    "APT::Update::Error-Mode=any",
    "-o",
    "Acquire::Retries=2",
    "-o",
    "Acquire::http::Timeout=30",
)
"""An archive that cannot be reached is an error: without Error-Mode apt-get says W: and succeeds."""
LISTS_LOCK = "/var/lib/apt/lists/lock"


@frozen
class Effects:
    """What a rehearsal says: names that would be installed (new or upgraded) and removed, without the native architecture."""

    installs: frozenset[str]
    removes: frozenset[str]


def install(packages: Sequence[Package], *, lock_timeout: float, simulate: bool = False) -> list[str]:
    """One transaction for all of them: ``name``, ``name=version``, and ``name-`` for a removal. Never purge, autoremove or held packages."""
    words = [one.name + ("-" if one.remove else f"={one.version}" if one.version else "") for one in packages]
    downgrades = ["--allow-downgrades"] if any(one.version for one in packages) else []
    first = (
        ["apt-get", "-q", "--dry-run"]
        if simulate
        else ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={lock_timeout:.0f}"]
    )
    return [*first, "--assume-yes", *downgrades, *CONFFILES, "install", "--", *words]


def effects(text: str, architecture: str) -> Effects:
    """Of ``apt-get --dry-run``'s output."""
    found: dict[str, set[str]] = {"Inst": set(), "Remv": set()}
    for line in text.splitlines():
        verb, _, rest = line.partition(" ")
        if verb in found and rest:
            found[verb].add(rest.split()[0].removesuffix(f":{architecture}"))
    return Effects(frozenset(found["Inst"]), frozenset(found["Remv"] - found["Inst"]))


async def rehearse(machine: Machine, packages: Sequence[Package], architecture: str) -> Effects | str:
    """What installing these together would do, or apt's words when it cannot be done. Reads only."""
    argv = install(packages, lock_timeout=0, simulate=True)
    done = await machine.run(argv, change=False, env=ENVIRONMENT, timeout=120)
    if done.rc:
        return words(done)
    return effects(done.stdout.decode(errors="replace"), architecture)


async def collateral(
    machine: Machine, chosen: Mapping[str, Package], protected: Set[str], architecture: str
) -> tuple[dict[str, frozenset[str] | str], frozenset[str]]:
    """Id -> the ``protected`` packages that it would remove, or apt's words when it cannot be done at all; and all that go when none does.

    One rehearsal of all together; one for each alone only when that shows something.
    """
    whole = await rehearse(machine, list(chosen.values()), architecture)
    if isinstance(whole, Effects) and not whole.removes & protected:
        return {}, whole.removes
    out: dict[str, frozenset[str] | str] = {}
    for ident, one in chosen.items():
        alone = await rehearse(machine, [one], architecture)
        if isinstance(alone, str):
            out[ident] = alone
        elif taken := alone.removes & protected:
            out[ident] = taken
    if not out:  # each alone is fine and together they are not: none can be singled out
        out = {ident: whole if isinstance(whole, str) else whole.removes & protected for ident in chosen}
    return out, frozenset()


async def perform(
    machine: Machine,
    packages: Sequence[Package],
    *,
    lock_timeout: float,
    said: Callable[[str, bytes], None] | None = None,
) -> str:
    """Change: the same for real. Nothing, or apt's words when it failed. Ends by the stall limit when nothing is heard."""
    argv = install(packages, lock_timeout=lock_timeout)
    done = await machine.run(argv, change=True, env=ENVIRONMENT, stall=True, on_output=said)
    return words(done) if done.rc else ""


async def command(machine: Machine, argv: Sequence[str], *, change: bool) -> str:
    """A small tool that must succeed; what it says. Raises TaskError with its words."""
    done = await machine.run(argv, change=change, env=ENVIRONMENT, stall=change, timeout=None if change else 120)
    if done.rc:
        raise TaskError(f"{' '.join(argv[:3])} failed ({done.rc}): {words(done)}")
    return done.stdout.decode(errors="replace")


def words(done: Completed) -> str:
    """The lines that say what is wrong; the last ones when none does."""
    text = (done.stdout + b"\n" + done.stderr).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"E: |dpkg: error|dpkg: dependency|Err:", line)]
    depends = [line for line in lines if re.match(r"\S+ : (Depends|PreDepends|Conflicts|Breaks)", line)]
    return " ".join(dict.fromkeys([*depends, *told] or lines[-3:]))[-1000:]
