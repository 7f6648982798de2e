"""A package whose installation takes as long as its gate is closed: made on the spot, so that no network is needed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.lab import PC
    from tests.matrix.scene import Scene

REMEDY = "dpkg --configure -a"
"""What a run must say when it leaves a package half installed."""
POSTINST = "#!/bin/bash\nbash -c 'exec -a MARK-postinst cat GATE'\n"


def name(scene: Scene) -> str:
    return f"hotdesk-matrix-{scene.mark}"


def prepare(scene: Scene) -> None:
    """The same package on every PC of the work."""
    control = scene.directory / "package" / "DEBIAN"
    control.mkdir(parents=True)
    (control / "control").write_text(
        f"Package: {name(scene)}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: slow\n"
    )
    (control / "postinst").write_text(scene.written(POSTINST))
    (control / "postinst").chmod(0o755)
    package = scene.directory / "package.deb"
    build = ["dpkg-deb", "--root-owner-group", "--build", str(control.parent), str(package)]
    subprocess.run(build, capture_output=True, check=True)
    for pc in scene.hosts:
        pc.run("tee", f"/var/tmp/{scene.mark}.deb", stdin=package.read_bytes())


def after(scene: Scene) -> Iterable[str]:
    """A package system that is in the middle of something must have been reported, with the remedy, where the run could still be told."""
    for pc in scene.hosts:
        wanted = scene.fault.faulted if pc is scene.faulted else scene.fault.others
        if scene.fault.code < 0 or (wanted == "unreachable" and not scene.fault.followed):
            continue
        if pc.init is not None and (told := pc.run("dpkg", "--audit", check=False)) and REMEDY not in scene.log_text():
            yield f"dpkg --audit on {pc.name} says {told.split(chr(10))[0]!r}, and the run did not"


def done(scene: Scene) -> Iterable[str]:
    """The package is installed and nothing is half done."""
    for pc in scene.hosts:
        if (state := _state(scene, pc)) != "installed":
            yield f"the package on {pc.name} is {state}"
        if told := pc.run("dpkg", "--audit", check=False):
            yield f"dpkg --audit on {pc.name}: {told.split(chr(10))[0]}"


def _state(scene: Scene, pc: PC) -> str:
    return pc.run("dpkg-query", "-W", "-f", "${db:Status-Status}", name(scene), check=False) or "missing"


def clean(scene: Scene) -> None:
    for pc in scene.hosts:
        scene.release([pc])
        pc.run(
            "sh", "-c", f"dpkg --configure -a; dpkg --purge {name(scene)}; rm -f /var/tmp/{scene.mark}.deb", check=False
        )
