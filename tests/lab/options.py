"""What a PC is made of. Kept beside the PC, so that it boots the same each time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from tests.lab.cgroups import in_bytes
from tests.lab.machine import LabError

if TYPE_CHECKING:
    from pathlib import Path

Disk = Literal["tmpfs", "ext4", "btrfs"]
Init = Literal["tiny", "systemd"]
Base = Literal["host", "debian"]


@dataclass(frozen=True, slots=True)
class Options:
    """``mounts`` are further file systems of the PC as (absolute path, size). Sizes are numbers with k, m or g."""

    size: str = "2g"
    disk: Disk = "tmpfs"
    init: Init = "tiny"
    base: Base = "host"
    memory: str = "max"
    mounts: tuple[tuple[str, str], ...] = ()

    def checked(self) -> Options:
        """Itself. Raises LabError for what does not go together or is no size."""
        if self.base == "host" and self.init == "systemd":
            raise LabError("systemd on this machine's own root would start this machine's services: add --base debian")
        if self.base == "host" and self.disk == "btrfs":
            raise LabError("a btrfs root is a copy, and this machine's own root is too big for one: add --base debian")
        for size in [self.size, *(size for _, size in self.mounts)] + [self.memory] * (self.memory != "max"):
            in_bytes(size)
        for path, _ in self.mounts:
            if not path.startswith("/"):
                raise LabError(f"{path!r} is no place for a mount: an absolute path, as in /data:64m")
        return self

    def write(self, directory: Path) -> None:
        """Keep them."""
        (directory / "options.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, directory: Path) -> Options:
        """As they were kept."""
        kept = json.loads((directory / "options.json").read_text())
        return cls(**{**kept, "mounts": tuple((path, size) for path, size in kept["mounts"])})
