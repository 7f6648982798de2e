#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/rollback.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Bring a PC back to before a run
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Puts a writable snapshot of what M(hotdesk.sync.snapshot) kept before a run in the place of each subvolume, in one step each. What
    was there is put aside. The PC then needs a reboot, and goes on with what it had until then.
  - What is there now is snapshotted first, under the name of this run, so that a rollback can be rolled back.
  - Where there is no snapshot of C(/) from before the run, the journals that its jobs left on the PC are used (without a reboot) - files of
    C(/etc) with content, owner, mode and times, /etc/apt, packages with version, hold and whether somebody asked for them, states of units,
    and desktop settings. Packages that were installed are removed, not purged. What no archive has any more is named, and left.
  - Accounts and files that M(hotdesk.sync.folder) deleted or overwrote come back by snapshots alone.
  - This is what C(hotdesk rollback) runs, after it has shown what comes back and has asked.
options:
  run:
    description:
      - The run whose changes are to be undone. C(hotdesk snapshots list) and C(hotdesk log) show them.
    type: str
    required: true
  subvolumes:
    description:
      - Where the subvolumes are mounted that are brought back. When left out, all of which there is a snapshot from before O(run).
    type: list
    elements: str
  overwrite:
    description:
      - Also bring back what was changed again since, by hand or by a later run. Otherwise that is named, and left.
      - It concerns the journals. A snapshot always comes back as a whole.
    type: bool
    default: false
  consent:
    description:
      - Everything written since then to these subvolumes is put aside, by whomever. Outside check mode, say here that this is wanted.
    type: bool
    default: false
attributes:
  check_mode:
    description: Lists what would come back and what would go, and writes nothing anywhere.
  diff_mode:
    description: Shows the same list.
  platform:
    description: The systems that can be targets.
extends_documentation_fragment:
  - hotdesk.sync.job
requirements:
  - root (become) on the targets, and btrfs-progs >= 4.15 where there are snapshots
notes:
  - Subvolumes within one that is brought back are in no snapshot. They go over to the new one as they are, at once.
  - What was put aside is C(.hotdesk-snapshots/replaced) in the top level of the file system, and is removed with the snapshots of that run.
"""

EXAMPLES = r"""
- name: See what would come back
  hotdesk.sync.rollback:
    run: 20261121-105712-3f9c
  become: true
  check_mode: true
  diff: true

- name: Bring the system back, not the people's files
  hotdesk.sync.rollback:
    run: 20261121-105712-3f9c
    subvolumes: [/]
    consent: true
  become: true
"""

RETURN = r"""
items:
  description:
    - Of snapshots, what comes back (C(+)), goes (C(-)), gets its old content (C(*)) or its old mode or owner (C(.)); at most 1000.
    - Of journals, what is done.
  returned: always
  type: list
  elements: str
  sample: ["+ /etc/hosts.allow", "* /etc/fstab", "restore /etc/motd", "remove htop"]
reboot_required:
  description: The PC shows it only after a reboot.
  returned: always
  type: bool
  sample: true
problems:
  description: What does not hold, each with C(message) and C(remedy). Nothing was changed then, unless the job had begun.
  returned: when validation or read-back fails
  type: list
  elements: dict
"""


def main():
    """Run by Ansible only when the action plugin of this name was not found: the work is done on the control node."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "subvolumes": {"type": "list", "elements": "str"},
            "overwrite": {"type": "bool", "default": False},
            "consent": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.rollback works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
