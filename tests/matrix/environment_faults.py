"""PCs and machines as they are found: login shells, sudo and Python in every state, narrow limits of sshd, clocks that jump.

Where work is possible, the promise is a stop's: after a SIGINT nothing is left there either, and the next run succeeds. Where it is not, that
PC is refused with the reason, and the others finish.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import shells
from tests.matrix.fault import STOP, Fault, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.lab import PC
    from tests.matrix.scene import Scene
    from tests.matrix.works import Work

FINISH = 60.0
"""Seconds in which work that nothing stopped is done."""
PYTHON = "/usr/bin/python3"
BANNER = f'#!/bin/sh\necho "Welcome to Python"; echo noise >&2\nexec {PYTHON}.real "$@"\n'
OLD = f"""#!/bin/sh
exec {PYTHON}.real -I -S -X utf8 -c '
import sys
sys.version_info = (3, 7, 3, "final", 0)
code = sys.argv.index("-c", 1) + 1
program, sys.argv = sys.argv[code], ["-c", *sys.argv[code + 1:]]
exec(program)' "$@"
"""
"""A Python that says it is 3.7: none of that age can be installed any more."""
SUDO = "/etc/sudoers.d/zz-matrix"
ASKS = "ada ALL=(ALL:ALL) PASSWD: ALL\n"
LOSES = 'Defaults env_reset\nDefaults env_keep = ""\nDefaults env_check = ""\nDefaults secure_path = "/usr/sbin:/usr/bin:/sbin:/bin"\n'
CLOCK_SOURCE = Path(__file__).with_name("clock.c")
CLOCK_LIBRARY, CLOCK = "/usr/lib/matrix-clock.so", "/etc/matrix-clock"
"""On a PC."""
SSHD = "/etc/ssh/sshd_lab_config"
HOUR = 3600


def stop(scene: Scene) -> None:
    scene.signal(signal.SIGINT)


def put(pc: PC, path: str, text: str, mode: str) -> None:
    """Write a file on a PC as root."""
    pc.run("sh", "-euc", 'cat >"$1"; chmod "$2" "$1"', "sh", path, mode, stdin=text.encode())


# --- login shells


def give_shell(name: str) -> Callable[[Scene], None]:
    def give(scene: Scene) -> None:
        for pc in scene.lab:
            shells.give(pc, scene.work.user, name)

    return give


def take_shell(name: str) -> Callable[[Scene], None]:
    def take(scene: Scene) -> None:
        for pc in scene.lab:
            shells.take_back(pc, scene.work.user, name)

    return take


# --- Python


def instead_of_python(text: str) -> Callable[[Scene], None]:
    """Another program in Python's place on the faulted PC; none with an empty text."""

    def replaced(scene: Scene) -> None:
        scene.faulted.run("cp", "--no-dereference", PYTHON, f"{PYTHON}.real")
        scene.faulted.run("rm", PYTHON)
        if text:
            put(scene.faulted, PYTHON, text, "755")

    return replaced


def real_python(scene: Scene) -> None:
    scene.faulted.run("sh", "-c", f"test ! -e {PYTHON}.real || mv {PYTHON}.real {PYTHON}")


# --- sudo


def sudoers(text: str) -> Callable[[Scene], None]:
    return lambda scene: put(scene.faulted, SUDO, text, "440")


def usual_sudoers(scene: Scene) -> None:
    scene.faulted.run("rm", "-f", SUDO)


def remove_sudo(scene: Scene) -> None:
    scene.faulted.run("mv", "/usr/bin/sudo", "/usr/bin/sudo.real")


def real_sudo(scene: Scene) -> None:
    scene.faulted.run("sh", "-c", "test ! -e /usr/bin/sudo.real || mv /usr/bin/sudo.real /usr/bin/sudo")


def uses_no_sudo(work: Work) -> str:
    return "" if work.become or work.name == "sudo-inside" else "it uses no sudo"


def becomes_nobody(work: Work) -> str:
    return "" if work.become else "it becomes nobody"


def has_a_password(work: Work) -> str:
    return becomes_nobody(work) or ("it has the password" if work.user == "bob" else "")


# --- many at once


def many_at_once(scene: Scene) -> None:
    """All names at the same time, to sshds with their default MaxStartups and MaxSessions."""
    (scene.directory / "ansible.cfg").write_text("[defaults]\nforks = 100\n")


def is_no_plain_command(work: Work) -> str:
    return (
        ""
        if work.name in ("command", "term-ignoring", "sudo", "root-login")
        else "its files are the same for all names of a PC"
    )


# --- clocks


def fake_clocks(scene: Scene) -> None:
    """The runner's clock and those of the logins on the faulted PC can be set."""
    library, clock = scene.directory / "clock.so", scene.directory / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-O", "-o", str(library), str(CLOCK_SOURCE)], check=True)
    clock.write_text("0\n")
    scene.desk.environment |= {"LD_PRELOAD": str(library), "MATRIX_CLOCK": str(clock)}
    scene.faulted.run("tee", CLOCK_LIBRARY, stdin=library.read_bytes())
    put(scene.faulted, CLOCK, "0\n", "644")
    settings = f"SetEnv LD_PRELOAD={CLOCK_LIBRARY} MATRIX_CLOCK={CLOCK}"
    scene.faulted.run("sh", "-c", f'echo "{settings}" >>{SSHD}; pkill -HUP -o -x sshd')


def jump(seconds: int) -> Callable[[Scene], None]:
    """The runner's clock one way, the PC's the other; then the work may go on."""

    def jumped(scene: Scene) -> None:
        (scene.directory / "clock").write_text(f"{seconds}\n")
        put(scene.faulted, CLOCK, f"{-seconds}\n", "644")
        scene.release(scene.hosts)

    return jumped


def real_clocks(scene: Scene) -> None:
    for name in ("LD_PRELOAD", "MATRIX_CLOCK"):
        scene.desk.environment.pop(name, None)
    scene.faulted.run("sh", "-c", f"sed -i '/^SetEnv/d' {SSHD}; pkill -HUP -o -x sshd; rm -f {CLOCK} {CLOCK_LIBRARY}")


def no_compiler(work: Work) -> str:
    return "" if shutil.which("cc") else "a clock that can be set needs a C compiler (apt install gcc libc6-dev)"


WORKS_THERE = Fault(
    name="works",
    kind="environment",
    strike=stop,
    bound=STOP,
    code=130,
    faulted="stopped",
    others="stopped",
)
REFUSED = Fault(
    name="refused",
    kind="environment",
    strike=nothing,
    ready=lambda scene: scene.under_way(scene.others),
    bound=FINISH,
    code=4,
    faulted="unreachable",
    others="ok",
    one_host=True,
)
ENVIRONMENT_FAULTS = (
    *(
        replace(WORKS_THERE, name=f"shell-{name}", before=give_shell(name), restore=take_shell(name))
        for name in ("bash", "fish", "csh")
    ),
    replace(WORKS_THERE, name="python-banner", before=instead_of_python(BANNER), restore=real_python),
    replace(WORKS_THERE, name="sudo-env", before=sudoers(LOSES), restore=usual_sudoers, senseless=uses_no_sudo),
    replace(WORKS_THERE, name="crowd", before=many_at_once, aliases=12, senseless=is_no_plain_command),
    replace(REFUSED, name="python-missing", before=instead_of_python(""), mend=real_python, says="no Python was found there"),
    replace(REFUSED, name="python-old", before=instead_of_python(OLD), mend=real_python, says="Python 3.8 or newer is needed there"),
    replace(REFUSED, name="sudo-asks", before=sudoers(ASKS), mend=usual_sudoers, senseless=has_a_password, says="Give the become password"),
    replace(REFUSED, name="sudo-missing", before=remove_sudo, mend=real_sudo, senseless=becomes_nobody, says="sudo is not installed"),
    *(
        replace(
            WORKS_THERE, name=name, before=fake_clocks, strike=jump(seconds), restore=real_clocks,
            senseless=no_compiler, bound=FINISH, code=0, faulted="ok", others="ok",
        )
        for name, seconds in (("clock-forward", HOUR), ("clock-back", -HOUR))
    ),
)  # fmt: skip
