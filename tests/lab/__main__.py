"""``python -m tests.lab up 3 | down | ps | ssh PC ... | exec PC ... | cut PC | heal PC | hang PC | unhang PC | off PC | on PC | fill PC PATH``."""

from __future__ import annotations

import os
import sys

from tests.lab.lab import PC, Lab, LabError


def main(words: list[str]) -> int:
    """Do one thing with the lab."""
    match words:
        case ["up", *rest]:
            lab = Lab.up(int(rest[0]) if rest else 3)
            print(f"up: {', '.join(lab.pcs)}; ssh -F {lab.ssh_config} pc1")
        case ["down"]:
            Lab.down()
        case ["ps"]:
            for pc in Lab.found():
                print(f"{pc.name}  {pc.address}  {'off' if pc.init is None else f'{len(pc.processes())} processes'}")
        case ["ssh", name, *command]:
            os.execvp("ssh", ["ssh", "-F", str(Lab.found().ssh_config), name, *command])
        case ["exec", name, *command]:
            os.execvp("nsenter", [*PC(name).enter(), *command])
        case [("cut" | "heal" | "hang" | "unhang" | "off" | "on") as verb, name]:
            getattr(PC(name), verb)()
        case ["fill", name, path]:
            PC(name).run(
                "sh",
                "-c",
                'fallocate -l "$(df --output=avail -B1 "$1" | tail -1)" "$1/hotdesk-lab-fill"',
                "sh",
                path,
                check=False,
            )
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as exc:
        sys.exit(f"lab: {exc}")
