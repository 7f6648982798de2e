"""Control groups of the lab, one per PC in each hierarchy that is of use: the unified one (freezing) and memory, under cgroup v1, hybrid or v2."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.lab.machine import NUMBER, LabError, until

ROOT = Path("/sys/fs/cgroup")
NAME = f"hotdesk-lab-{NUMBER}"
UNITS = {"k": 10, "m": 20, "g": 30}


def unified() -> Path | None:
    """Where cgroup v2 is mounted, on a hybrid machine too; None without it."""
    return next((path for path in (ROOT, ROOT / "unified") if (path / "cgroup.procs").exists()), None)


def memory() -> Path | None:
    """The root of the hierarchy whose groups can limit memory; None when there is none."""
    if (ROOT / "memory" / "memory.limit_in_bytes").exists():
        return ROOT / "memory"
    root = unified()
    return root if root and "memory" in (root / "cgroup.controllers").read_text().split() else None


def directories(pc: str = "") -> list[Path]:
    """The lab's groups in each hierarchy, or one PC's, whether they exist or not."""
    return [root / NAME / pc for root in dict.fromkeys([unified(), memory()]) if root]


def make(pc: str) -> list[Path]:
    """Make a PC's groups; those that cannot be made (a container without the right) are left out."""
    made = []
    root = unified()
    for directory in directories(pc):
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            made.append(directory)
    if root is not None and root == memory():
        for parent in (root, root / NAME):
            with contextlib.suppress(OSError):
                (parent / "cgroup.subtree_control").write_text("+memory")
    return made


def remove(pc: str = "") -> None:
    """Remove a PC's groups, or all of the lab's, with what a systemd made below."""
    for top in directories(pc):
        for directory in sorted(top.glob("**/"), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                directory.rmdir()


def remaining() -> list[str]:
    """The lab's groups that cannot be removed yet."""
    remove()
    return [str(path) for path in directories() if path.exists()]


def limit_memory(pc: str, limit: str) -> None:
    """Limit a PC to so much memory (``512m``; ``max`` for no limit); its page cache and tmpfs count. Raises LabError where that is not possible."""
    root = memory()
    if root is None:
        raise LabError("no memory limit: this machine's cgroups have no memory controller")
    size = "-1" if limit == "max" else str(in_bytes(limit))
    file = root / NAME / pc / "memory.limit_in_bytes"
    if root == unified():
        file, size = root / NAME / pc / "memory.max", "max" if limit == "max" else size
    try:
        file.write_text(size)
    except OSError as exc:
        raise LabError(f"no memory limit of {limit} for {pc}: {file}: {exc.strerror}") from exc


def memory_used(pc: str) -> int:
    """Bytes a PC takes now, page cache and tmpfs included. Raises LabError where nobody counts them."""
    for root, file in ((ROOT / "memory", "memory.usage_in_bytes"), (unified(), "memory.current")):
        if root is not None and (root / NAME / pc / file).exists():
            return int((root / NAME / pc / file).read_text())
    raise LabError("this machine's cgroups have no memory controller")


def freeze(pc: str, frozen: bool) -> bool:
    """Freeze or thaw all of a PC; False where there is no cgroup v2 to do it with."""
    root = unified()
    group = root / NAME / pc if root else None
    if group is None or not (group / "cgroup.freeze").exists():
        return False
    (group / "cgroup.freeze").write_text("1" if frozen else "0")
    wanted = f"frozen {int(frozen)}"
    until(lambda: wanted in (group / "cgroup.events").read_text(), 10, lambda: f"{pc} does not become: {wanted}")
    return True


def frozen(pc: str) -> bool:
    """Whether it is frozen now."""
    root = unified()
    try:
        return root is not None and (root / NAME / pc / "cgroup.freeze").read_text().strip() == "1"
    except OSError:
        return False


def in_bytes(size: str) -> int:
    """``64m`` is 67108864. Raises LabError for what is no size."""
    number, unit = (size[:-1], size[-1].lower()) if size and size[-1].lower() in UNITS else (size, "")
    if not number.isdigit():
        raise LabError(f"{size!r} is no size: a number with k, m or g")
    return int(number) << UNITS.get(unit, 0)
