"""``hotdesk init``: an inventory and a playbook to begin with."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

import click

from hotdesk.actions.collections import Collections
from hotdesk.actions.registry import ActionNames
from hotdesk.cli.options import settings_from
from hotdesk.errors import UsageError
from hotdesk.paths import exists

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
CONFIG = """\
[defaults]
inventory = inventory
"""
HOSTS = """\
---
# The PCs that are to be the same. How one is reached, where its name alone does not do: below it, as for any Ansible inventory, say
#     ansible_host: 192.168.1.7
#     ansible_user: anna
pcs:
  hosts:
{hosts}
"""
VARIABLES = """\
---
# The PC you worked at: the others become like it. On another day: hotdesk sync --from {other}
hotdesk_source: {source}

# What is kept the same: the jobs of playbooks/switch.yml that run. Begin with the home directory; each further one is a line.
# A job whose programs neither PC has fails, so leave it out.
switch_jobs:
  - folder
  # - snapshot   # the way back, on PCs with btrfs
  # - apt        # packages
  # - manual     # what was installed without a package manager
  # - flatpak    # programs from Flathub and other remotes
  # - snap       # snaps, of the store and sideloaded
  # - accounts   # people's users and groups
  # - etc        # what you changed in /etc
  # - systemd    # units, enabled and disabled
  # - dconf      # desktop settings
  # - vscode     # the state of editors
  # - docker     # images, volumes, networks, containers
  # - k3s        # a local cluster
  # - libvirt    # virtual machines with their disks, networks, storage pools

# The directory that folder mirrors, on every PC.
switch_home: {home}

# What each PC keeps for itself, relative to that directory.
switch_exclude:
  - .cache
  - .local/share/Trash

# Every job but folder needs root on both sides, and so do owners and files of other users: then true, and -K to be asked for the
# sudo password.
switch_become: false

# Also remove packages, accounts, settings, ... that only a target has. hotdesk sync lists that first, and removes nothing until you allow it.
switch_remove: false

# With snapshot, on PCs without btrfs: removals are wanted although there is no way back from them.
hotdesk_without_snapshot: false
"""
PLAYBOOK = "hotdesk.sync.switch"
"""Of the collection: what is written is a copy for the person to change."""


@click.command("init")
@click.argument("names", nargs=-1, required=True, metavar="NAMES...")
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIRECTORY",
    help="Where (here).",
)
def command(names: tuple[str, ...], folder: Path) -> None:
    """Write an inventory and a playbook for the PCs NAMES; the first is the one you work at.

    They are plain Ansible. Nothing that is there already is touched.
    """
    for name in names:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no name for a PC",
                remedy="Letters, digits, '.', '_' and '-'; the address comes later, in the inventory.",
            )
    files = {
        "ansible.cfg": CONFIG,
        "inventory/hosts.yml": HOSTS.format(hosts="\n".join(f"    {name}:" for name in dict.fromkeys(names))),
        "inventory/group_vars/pcs.yml": VARIABLES.format(
            source=names[0],
            other=names[-1],
            home=f"/home/{getpass.getuser()}" if getpass.getuser() != "root" else "/root",
        ),
        "playbooks/switch.yml": _playbook(),
    }
    there = [name for name in files if exists(folder / name)]
    if there:
        raise UsageError(
            f"{', '.join(there)} is there already; nothing was written", remedy="Choose another directory with --in."
        )
    for name, text in files.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as exc:
            raise UsageError(f"{folder / name} cannot be written: {exc.strerror}") from None
        click.echo(f"wrote {folder / name}")
    click.echo("Look at them, then: hotdesk sync --check")


def _playbook() -> str:
    found = ActionNames(Collections(settings_from({}))).playbook_path(PLAYBOOK)
    if found is None:
        raise UsageError(
            f"{PLAYBOOK} was not found: the collection hotdesk.sync is missing",
            remedy="hotdesk doc -l lists what is found.",
        )
    return found[1].read_text(encoding="utf-8")
