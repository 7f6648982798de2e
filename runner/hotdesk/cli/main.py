"""``hotdesk``: the table of subcommands and the only door through which errors leave the program."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from hotdesk import __version__
from hotdesk.cli.command_line import hide_from_ps
from hotdesk.collector import collector_paused
from hotdesk.errors import HotdeskError, Interrupted, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

COMMANDS = {
    "init": "Write an inventory and a playbook for the PCs you name.",
    "sync": "Make the other PCs like the one you worked at.",
    "play": "Run playbooks over an inventory.",
    "plan": "Write what the sync jobs of playbooks would change, to review it.",
    "run": "Run one module on hosts.",
    "verify": "Run testinfra tests against hosts.",
    "vault": "Make, read and change vaulted files and values.",
    "inventory": "Show the inventory as hotdesk sees it.",
    "doc": "Show the documentation of a module or sync job.",
    "config": "Show every setting, its value and where it comes from.",
    "rollback": "Bring PCs back to before a run, from its snapshots.",
    "history": "Show which syncs the PCs remember, and forget a PC.",
    "marks": "Show and take back what is marked as a PC's own.",
    "snapshots": "Show, compare and remove the snapshots that runs have left.",
    "ps": "Show what runs have at work on the PCs.",
    "log": "Read the log of a run.",
    "report": "Show what happened in a run, as one HTML page.",
    "demo": "Make three embedded PCs the same, to see it work.",
}
"""Name -> one line of help. ``cli/NAME.py`` holds ``command``; it is imported when it is called."""
COLLECT_AFTER = 2_500, 5, 80
"""When the collector looks: after so many new objects at them, after so many such looks at what has outlived them, after so many of these at
everything. The default (700, 10, 10) suits programs with few objects; of more at once, the event loop would notice with 200 hosts."""


class Commands(click.Group):
    """Loads a subcommand's file only when that subcommand is called: ``hotdesk --help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = _imported(f"hotdesk.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no such command: {args[0]!r}. {hint}".rstrip(), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _imported(name: str) -> ModuleType:
    """A module, imported without the collector's looks at what is never garbage: a tenth of the start."""
    with collector_paused():
        found = importlib.import_module(name)
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hotdesk", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep several PCs the same: Ansible playbooks of sync jobs, run over asyncssh, watched and verified."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Every error becomes a sentence and a documented exit code (docs/exit-codes.md)."""
    if args is None:
        hide_from_ps()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a parent may have had it ignored: then no exit status is ever seen
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        code = cli.main(args, prog_name="hotdesk", standalone_mode=False)
    except click.exceptions.Exit as exc:
        code = exc.exit_code
    except click.ClickException as exc:
        exc.show()
        code = UsageError.exit_code
    except click.Abort:
        code = 128 + signal.SIGINT
    except Interrupted as exc:
        code = exc.code
    except HotdeskError as exc:
        click.echo(f"[ERROR]: {exc.report()}", err=True)
        code = exc.exit_code
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except (BrokenPipeError, SystemExit):  # click exits by itself only when nobody reads stdout any more
        code = 128 + signal.SIGPIPE
    except Exception as exc:  # a fault of hotdesk itself: told as one, with the traceback in a file
        code = _internal_error(exc)
    _leave_stdout()
    if args is None:
        gc.freeze()  # nothing is garbage now: the interpreter's last look at everything would take longer than many a command
    sys.exit(code if isinstance(code, int) else 0)


def _leave_stdout() -> None:
    """Nobody may read any more (``| head``): then what is left is dropped, and the interpreter's own flush must not complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:  # closed already
        return


def _internal_error(exc: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="hotdesk-error-", suffix=".txt", delete=False) as file:
        traceback.print_exception(exc, file=file)
    message = f"[ERROR]: internal error: {type(exc).__name__}: {exc}\n  This is a fault of hotdesk. Please report it with {file.name}"
    click.echo(message, err=True)
    return HotdeskError.exit_code
