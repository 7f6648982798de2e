"""``hotdesk log``: the runs there were, and what happened in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hotdesk.paths import run_log_dir
from hotdesk.report.run_log import chosen, entries
from hotdesk.text import safe

if TYPE_CHECKING:
    from pathlib import Path


@click.command("log")
@click.argument("run", required=False)
@click.option("--host", "host", metavar="NAME", help="Only what concerns this host.")
@click.option("--failed", "failed", is_flag=True, help="Only failures, warnings and interruptions.")
@click.option("--json", "as_json", is_flag=True, help="The lines as they were written.")
def command(run: str | None, host: str | None, failed: bool, as_json: bool) -> None:
    """List the runs, or show the one named RUN (its id or the beginning of it; 'last' for the newest)."""
    if run is None:
        for path in sorted(run_log_dir().glob("*.jsonl")):
            click.echo(_summary(path))
        return
    for entry in entries(chosen(run_log_dir(), run)):
        if host and host not in (entry.get("host"), *entry.get("hosts", ())):
            continue
        if failed and not _is_failure(entry):
            continue
        click.echo(json.dumps(entry) if as_json else safe(_line(entry)))


def _summary(path: Path) -> str:
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    command: list[str] = []
    for entry in entries(path):
        first = first or entry
        last = last if last.get("event") == "RunFinished" else entry
        command = command or entry.get("command", [])
    end = f"exit {last['exit_code']}" if last.get("event") == "RunFinished" else "did not finish"
    return safe(f"{path.stem}  {first.get('time', '?')}  {end:<14}  {' '.join(command)}")


def _is_failure(entry: dict[str, Any]) -> bool:
    result = entry.get("result") or {}
    broken = result.get("failed") or result.get("unreachable") or entry.get("outcome") in ("failed", "error")
    return bool(broken) or entry["event"] in ("Warned", "InterruptedRun", "Problems", "DiskCrossed")


def _line(entry: dict[str, Any]) -> str:
    result = entry.get("result") or {}
    words = [
        entry.get("time", ""),
        entry["event"],
        entry.get("host", ""),
        entry.get("task_name") or entry.get("name", ""),
    ]
    if result:
        status = "unreachable" if result.get("unreachable") else "failed" if result.get("failed") else ""
        words += [status or ("skipped" if result.get("skipped") else "changed" if result.get("changed") else "ok")]
        words += [str(result["msg"])] if status and "msg" in result else []
    keys = ("play", "text", "reason", "verb", "detail", "test", "outcome", "mount", "level", "line", "exit_code")
    words += [f"{key}={entry[key]}" for key in keys if entry.get(key) not in (None, "")]
    return "  ".join(word for word in words if word)
