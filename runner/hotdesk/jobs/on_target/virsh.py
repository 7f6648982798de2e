"""libvirt asked by its own program: virsh(1). Python 3.8 or newer.

Things are named by their uuid wherever there is one: virsh takes a name that is a number for the id of a running domain.
"""

from __future__ import annotations

import os
import subprocess

from hotdesk.jobs.on_target.journal import Failed

VIRSH = ("virsh", "--quiet", "--connect", "qemu:///system")
ANSWER_LIMIT = 3600.0
"""Seconds for an answer: a domain's whole memory may have to be written."""
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def virsh(*words: str, **options: str) -> str:
    """What it prints. ``stdin`` goes to it, so that a definition stands in no process list. Raises Failed with its words."""
    said = said_by([*VIRSH, *words], options.get("stdin", ""))
    if said.returncode:
        text = " ".join(said.stderr.decode("utf-8", "replace").split())
        raise Failed(text.replace("error: ", "")[-400:] or "virsh {}: exit code {}".format(words[0], said.returncode))
    return said.stdout.decode("utf-8", "surrogateescape")


def asked(*words: str) -> str:
    """What it prints, without the last newlines; nothing where there is nothing to be said (no such thing, no current one)."""
    try:
        return virsh(*words).rstrip("\n")
    except Failed:
        return ""


def said_by(argv: list[str], stdin: str = "") -> subprocess.CompletedProcess[bytes]:
    """A program's end. Raises Failed when it is not there or takes too long."""
    try:
        return subprocess.run(
            argv,
            input=stdin.encode("utf-8", "surrogateescape"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT},
            timeout=ANSWER_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise Failed("there is no {}".format(argv[0]))
    except subprocess.TimeoutExpired:
        raise Failed("{} does not answer".format(argv[0]))


def lines(*words: str) -> list[str]:
    """Its lines, without the empty ones."""
    return [line.strip() for line in virsh(*words).splitlines() if line.strip()]


def told(*words: str) -> dict[str, str]:
    """What ``dominfo`` and the like print: ``Name: value``."""
    found = (line.partition(":") for line in lines(*words))
    return {name.strip(): value.strip() for name, _, value in found}
