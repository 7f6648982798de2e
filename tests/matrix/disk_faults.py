"""Full disks: the target's, a separate mount on it, the source's, the one of this machine that the run log is on."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.matrix.fault import Fault, nothing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.matrix.scene import Scene
    from tests.matrix.works import Work

FINISH = 60.0
"""Seconds in which work on a full disk has failed, and other work is done."""
MOUNT = "64m"
"""Size of the separate mount: the work's files fit."""
STATE = "256k"
TARGET = "/var/tmp"
"""On the PC's disk, beside what the work writes."""
WRAP = 'mkdir "$2" && cp -a "$1/." "$2" && mount -t tmpfs -o size="$3" tmpfs "$1" && cp -a "$2/." "$1"'


def written_to(work: Work) -> str:
    """The directory on a target that the work writes to; empty when it writes nothing."""
    if work.transfers:
        return "/srv/MARK"
    return {"copy": "/var/tmp/MARK", "lineinfile": "/var/tmp/MARK", "apt": "/var/lib/dpkg"}.get(work.name, "")


def writes_nothing(work: Work) -> str:
    return "" if written_to(work) else "it writes nothing to a disk"


def is_not_writing(work: Work) -> str:
    """At the moment when the work is held."""
    reasons = {
        "copy": "its new file is whole when its gate is reached",
        "lineinfile": "its new file is whole when its gate is reached",
        "apt": "without room dpkg cannot put its records in order: a limit, see docs/guarantees.md",
    }
    return writes_nothing(work) or reasons.get(work.name, "")


def has_no_directory_of_its_own(work: Work) -> str:
    return "a package goes to many directories" if work.name == "apt" else is_not_writing(work)


def is_looked_at_before(work: Work) -> str:
    return writes_nothing(work) or ("a job looks for room before the play" if work.transfers else "")


def has_no_source_pc(work: Work) -> str:
    return "" if work.transfers == "relayed" else "no PC is its source"


def _place(scene: Scene) -> str:
    return scene.written(written_to(scene.work))


def fill_target(scene: Scene) -> None:
    """Not a byte is free; then what waits goes on."""
    scene.faulted.fill(TARGET)
    scene.release([scene.faulted])


def fill_target_before(scene: Scene) -> None:
    scene.faulted.fill(TARGET)


def others_under_way(scene: Scene) -> bool:
    return scene.under_way(scene.others)


def empty_target(scene: Scene) -> None:
    scene.faulted.empty(TARGET)


def fill_mount(scene: Scene) -> None:
    scene.faulted.fill(_place(scene))
    scene.release([scene.faulted])


def empty_mount(scene: Scene) -> None:
    scene.faulted.empty(_place(scene))


def mount_place(scene: Scene) -> None:
    """What the work writes lies on a file system of its own."""
    scene.faulted.run("sh", "-euc", WRAP, "sh", _place(scene), f"{scene.folder}/was-there", MOUNT)


def unmount_place(scene: Scene) -> None:
    scene.faulted.run("umount", "--lazy", _place(scene), check=False)


def fill_source(scene: Scene) -> None:
    scene.source.fill("/srv")


def empty_source(scene: Scene) -> None:
    scene.source.empty("/srv")


def _state(scene: Scene) -> Path:
    return scene.directory / "run-0"


def mount_state(scene: Scene) -> None:
    _state(scene).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={STATE}", "tmpfs", str(_state(scene))], check=True)


def fill_state(scene: Scene) -> None:
    _fill_state(scene)
    scene.release(scene.hosts)


def _fill_state(scene: Scene) -> None:
    with (_state(scene) / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def mount_full_state(scene: Scene) -> None:
    """There is not even room for a directory."""
    mount_state(scene)
    _fill_state(scene)


def unmount_state(scene: Scene) -> None:
    subprocess.run(["umount", "--lazy", str(_state(scene))], check=False, capture_output=True)


DISK_FULL = Fault(
    name="disk-full",
    kind="disk",
    strike=fill_target,
    mend=empty_target,
    senseless=is_not_writing,
    bound=FINISH,
    code=2,
    faulted="failed",
    others="ok",
    one_host=True,
)
STATE_FULL = Fault(
    name="disk-full-state",
    kind="disk",
    before=mount_state,
    strike=fill_state,
    restore=unmount_state,
    log_is_lost=True,
    says="could not be written: No space left on device",
    bound=FINISH,
    code=0,
    faulted="ok",
    others="ok",
)
DISK_FAULTS = (
    DISK_FULL,
    replace(
        DISK_FULL,
        name="disk-full-before",
        before=fill_target_before,
        strike=nothing,
        ready=others_under_way,
        senseless=is_looked_at_before,
    ),
    replace(
        DISK_FULL,
        name="disk-full-mount",
        before=mount_place,
        strike=fill_mount,
        mend=empty_mount,
        restore=unmount_place,
        senseless=has_no_directory_of_its_own,
    ),
    replace(
        DISK_FULL,
        name="disk-full-source",
        strike=fill_source,
        mend=empty_source,
        senseless=has_no_source_pc,
        others="failed",
        one_host=False,
    ),
    STATE_FULL,
    replace(
        STATE_FULL,
        name="disk-full-state-before",
        sampled=False,
        before=mount_full_state,
        strike=lambda scene: scene.release(scene.hosts),
    ),
)
