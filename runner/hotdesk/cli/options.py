"""Options that several subcommands share, with ansible-playbook's names and meanings, and the Settings they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from hotdesk.configuration import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.settings import Settings

F = TypeVar("F", bound="Callable[..., Any]")

VAULT = (
    click.option(
        "--vault-id",
        "vault_ids",
        multiple=True,
        metavar="ID@SOURCE",
        help="A vault identity and where its password comes from.",
    ),
    click.option(
        "--vault-password-file",
        "--vault-pass-file",
        "vault_files",
        multiple=True,
        metavar="FILE",
        help="File with a vault password.",
    ),
    click.option(
        "-J",
        "--ask-vault-password",
        "--ask-vault-pass",
        "ask_vault_pass",
        is_flag=True,
        help="Ask for the vault password.",
    ),
)
VERBOSE = (click.option("-v", "--verbose", "verbosity", count=True, help="Show more; may be repeated (-vvv)."),)
INVENTORY = (
    click.option(
        "-i",
        "--inventory",
        "inventory",
        multiple=True,
        metavar="SOURCE",
        help="Inventory file, directory or host list; may be repeated.",
    ),
    click.option("-l", "--limit", "limit", metavar="PATTERN", help="Only these of the hosts."),
    *VAULT,
    *VERBOSE,
)
CONNECTION = (
    click.option("-u", "--user", "remote_user", metavar="NAME", help="Log in as this user."),
    click.option("-k", "--ask-pass", "ask_pass", is_flag=True, help="Ask for the connection password."),
    click.option("--private-key", "--key-file", "private_key_file", metavar="FILE", help="Authenticate with this key."),
    click.option("-c", "--connection", "connection", metavar="KIND", help="ssh or local."),
    click.option(
        "-T", "--timeout", "connect_timeout", type=float, metavar="SECONDS", help="Limit for connecting and logging in."
    ),
    click.option(
        "--ssh-common-args", "ssh_common_args", metavar="ARGS", help="Options as for ssh, e.g. '-o ProxyJump=gate'."
    ),
    click.option("--ssh-extra-args", "ssh_extra_args", metavar="ARGS", help="More options as for ssh."),
    click.option(
        "--accept-new", "accept_new", is_flag=True, help="Accept and remember unknown host keys (never changed ones)."
    ),
    click.option(
        "-b", "--become", "become", is_flag=True, default=None, help="Become another user (root) on the hosts."
    ),
    click.option("--become-method", "become_method", metavar="METHOD", help="sudo or su."),
    click.option("--become-user", "become_user", metavar="NAME", help="Whom to become."),
    click.option(
        "-K", "--ask-become-pass", "become_ask_pass", is_flag=True, help="Ask for the become (sudo) password."
    ),
    click.option(
        "--become-password-file",
        "--become-pass-file",
        "become_password_file",
        metavar="FILE",
        help="File with the become password.",
    ),
    click.option(
        "--connection-password-file",
        "--conn-pass-file",
        "connection_password_file",
        metavar="FILE",
        help="File with the login password.",
    ),
)
PLANNING = (
    click.option(
        "-f", "--forks", "forks", type=click.IntRange(min=1), metavar="N", help="Hosts worked on at once (50)."
    ),
    click.option(
        "--workers",
        "workers",
        metavar="N|URL",
        help="Let N processes, or a Dask cluster (tcp://SCHEDULER:8786), hold the connections (docs/workers.md).",
    ),
    click.option(
        "-e", "--extra-vars", "extra_vars", multiple=True, metavar="VARS", help="key=value, YAML/JSON, or @FILE."
    ),
    click.option("-D", "--diff", "diff", is_flag=True, help="Show what changes inside files."),
    click.option(
        "--output", "output", type=click.Choice(["auto", "live", "plain", "json"]), help="How to show the run (auto)."
    ),
)
RUN = (
    *PLANNING,
    click.option("-C", "--check", "check", is_flag=True, help="Change nothing; show what would change."),
    click.option(
        "--junit",
        "junit",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write a JUnit report of tasks and verification.",
    ),
)
SELECTION = (
    click.option("-t", "--tags", "tags", multiple=True, metavar="TAGS", help="Only tasks with these tags."),
    click.option("--skip-tags", "skip_tags", multiple=True, metavar="TAGS", help="No tasks with these tags."),
)
"""Which of the tasks."""


def options(*groups: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """Add groups of options to a command, shown in the order given."""

    def add(function: F) -> F:
        for group in reversed(groups):
            for option in reversed(group):
                function = option(function)
        return function

    return add


SAME_NAME = (
    "remote_user",
    "private_key_file",
    "connect_timeout",
    "become",
    "become_method",
    "become_user",
    "forks",
    "workers",
    "output",
    "connection",
    "become_password_file",
    "connection_password_file",
)
FLAGS = ("ask_pass", "become_ask_pass", "ask_vault_pass", "check", "diff", "force_handlers")


def settings_from(given: dict[str, Any], *, warn: Callable[[str], None] | None = None) -> Settings:
    """The Settings of this invocation: command line over environment over ansible.cfg over defaults.

    Raises UsageError naming the file or variable that is wrong.
    """
    line: dict[str, Any] = {name: given[name] for name in SAME_NAME if given.get(name) is not None}
    line.update({name: True for name in FLAGS if given.get(name)})
    if given.get("inventory"):
        line["inventory"] = tuple(given["inventory"])
    if given.get("verbosity"):
        line["verbosity"] = given["verbosity"]
    if given.get("accept_new"):
        line["host_key_checking"] = "accept-new"
    args = " ".join(given[name] for name in ("ssh_common_args", "ssh_extra_args") if given.get(name))
    if args:
        line["ssh_args"] = args
    sources = (*given.get("vault_ids", ()), *(f"@{file}" for file in given.get("vault_files", ())))
    if sources:
        line["vault_password_files"] = sources
    return load_settings(line, warn=warn)
