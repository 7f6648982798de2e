"""A registry's snippets, run on a PC by bash: asked for a version as nobody, so that a plan changes nothing, and installing as root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.errors import TaskError, TimedOut

if TYPE_CHECKING:
    from hotdesk.connections.link import Completed
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.manual_registry import Snippets

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--")
VERSION_LIMIT = 60.0
"""Seconds within which a version must be told."""
LONGEST = 200
"""Characters of a version."""
WORDS = 400
"""Characters of a failed snippet's own words that a message repeats."""
RUN = 'body=$HOTDESK_SNIPPET; unset HOTDESK_SNIPPET; set -e; eval "$body"'
"""In the environment a snippet is in no process list."""


def version_argv(body: str) -> list[str]:
    """The command that prints the installed version; also for ``hotdesk verify --jobs``, later."""
    clean = ["env", "-i", f"PATH={PATH}", "HOME=/nonexistent", "LC_ALL=C.UTF-8"]
    return [*clean, *NOBODY, "bash", "-c", body]


async def version(machine: Machine, snippets: Snippets) -> tuple[str, str]:
    """(version, "") as it is printed, without the last newline, or ("", why there is none). Reads only."""
    try:
        done = await machine.run(version_argv(snippets.version), change=False, cwd="/", timeout=VERSION_LIMIT)
    except TimedOut:
        return "", f"its version snippet took longer than {VERSION_LIMIT:g} seconds on {machine.host}"
    said = done.stdout.decode(errors="replace").removesuffix("\n")
    if done.rc:
        return "", f"its version snippet failed on {machine.host}: {_words(done)}"
    if not said.strip():
        return "", f"its version snippet printed nothing on {machine.host}"
    if len(said) > LONGEST or not said.replace("\n", "").isprintable():
        return "", f"its version snippet printed no version on {machine.host}"
    return said, ""


async def act(machine: Machine, item: str, body: str, wanted: str, limit: float) -> None:
    """Change: run a body as root, for at most ``limit`` seconds. Raises TaskError with its own last words."""
    told = {"HOTDESK_SNIPPET": body, "HOTDESK_ITEM": item, "HOTDESK_VERSION": wanted}
    env = {"PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **told}
    try:
        done = await machine.run(["bash", "-c", RUN, "snippet"], change=True, env=env, cwd="/", timeout=limit)
    except TimedOut:
        raise TaskError(f"its snippet took longer than {limit:g} seconds") from None
    if done.rc:
        raise TaskError(f"its snippet failed: {_words(done)}")


def _words(done: Completed) -> str:
    said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())[-WORDS:]
    return f"{said or 'it said nothing'} (exit code {done.rc})"
