"""apt's own timers, paused under a lease that systemd keeps: whatever becomes of us, they run again. Python 3.8 or newer."""

from __future__ import annotations

import os
import subprocess

TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
NET = "hotdesk-apt-timers"


def pause(seconds: int) -> list[str]:
    """Stop those of the timers that are active, for at most ``seconds``; returns those that were stopped.

    The net first, then the jump: systemd itself is told to start them again. Of a run that died there may be a net already; it is stretched,
    not fired: both timers are persistent, and starting one that is overdue runs the upgrade at once.
    """
    if not os.path.isdir("/run/systemd/system"):
        return []
    pending = _systemctl("is-active", NET + ".timer") == "active"
    active = [timer for timer in TIMERS if _systemctl("is-active", timer) == "active"]
    if pending:
        _systemctl("restart", NET + ".timer")
    elif active:
        net = [
            "systemd-run",
            "--collect",
            "--on-active={}s".format(seconds),
            "--unit=" + NET,
            "systemctl",
            "start",
            *active,
        ]
        if subprocess.run(
            net, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode:
            return []
    for timer in active:
        _systemctl("stop", timer)
    return active or (list(TIMERS) if pending else [])


def resume(stopped: list[str]) -> None:
    """Start them, then take the net away."""
    enabled = [
        timer for timer in stopped if _systemctl("is-enabled", timer) in ("enabled", "static", "enabled-runtime")
    ]
    for timer in enabled:
        _systemctl("start", timer)
    _systemctl("stop", NET + ".timer")


def _systemctl(*words: str) -> str:
    done = subprocess.run(
        ["systemctl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return done.stdout.decode("utf-8", "replace").strip()
