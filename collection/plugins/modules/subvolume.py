#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/subvolume.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: subvolume
short_description: Make a btrfs subvolume of the target like the source's, by btrfs send
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Sends a read-only snapshot of a subvolume of the source PC to this target, as the difference to the newest snapshot that both have.
    What both have is told by what btrfs says they are copies of, not by names. It works in both directions - after the target has been
    the source, the way back is as short.
  - The new subvolume then takes the place of the old one in one step, and the old one is put aside. A run that is stopped or killed
    leaves the old one or the new one in place. A receive that was interrupted is found by the next run, and removed.
  - The data goes over the connections that the run has open already; PCs need neither keys for nor a route to each other.
  - One snapshot of the source serves all targets of a run.
options:
  path:
    description:
      - The subvolume on the source PC, where it is mounted or lies within another one. An absolute path, but not C(/).
    type: str
    required: true
  dest:
    description:
      - Where it is to be on the target. Its parent directory must be there, on btrfs.
      - A plain directory is replaced only when it is empty.
      - The same as O(path) when left out.
    type: str
  when_mounted:
    description:
      - What to do when the subvolume at O(dest) is mounted by itself, as C(/home) often is.
      - A mounted subvolume goes on being used until that PC is rebooted. With V(next_boot) it is replaced nevertheless; what is written
        to the old one until then is put aside with it.
    type: str
    choices: [refuse, next_boot]
    default: refuse
  bwlimit:
    description:
      - The most that is sent, in KiB per second, or with a unit (V(2m)).
    type: str
  keep_replaced:
    description:
      - How many of those that were replaced are kept aside on the target.
    type: int
    default: 2
attributes:
  check_mode:
    description: Lists exactly what differs and what would be done, and writes nothing anywhere.
  diff_mode:
    description: Shows which files differ, on the source from what both have, and on the target (those are put aside).
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
requirements:
  - btrfs-progs >= 4.15 and root (become) on the source and the targets
notes:
  - Subvolumes within the subvolume are not sent; they are named in a warning. Those within the one on the target are a problem, since
    they would be put aside with it.
  - The first time all of it is sent. A target that has been off for more than five runs gets all of it again.
  - Everything lies in C(.hotdesk-snapshots) in the top level of the file system - C(sent) on the source, C(received) and C(replaced)
    on the target.
"""

EXAMPLES = r"""
- name: Carry the virtual machines over
  hotdesk.sync.subvolume:
    path: /srv/vm
  become: true

- name: The home directories, which are mounted
  hotdesk.sync.subvolume:
    path: /home
    when_mounted: next_boot
  become: true
"""

RETURN = r"""
base:
  description: The run whose snapshot both PCs had; empty when all of it was (would be) sent.
  returned: always
  type: str
  sample: 20261121-105712-3f9c
bytes:
  description: How much was sent. Not known in check mode.
  returned: always
  type: int
  sample: 1049967
items:
  description:
    - What differs, C(+) new, C(-) gone, C(*) other content, C(.) other mode or owner; at most 1000 of each side.
    - What was changed on the target begins with C(put aside).
  returned: always
  type: list
  elements: str
  sample: ["* /disk.img", "put aside: + /notes"]
replaced:
  description: Where in C(.hotdesk-snapshots) the old one is; empty when there was none.
  returned: when the target was changed
  type: str
  sample: replaced/@home/20261121-105712-3f9c
reboot_required:
  description: The target shows the new one only after a reboot.
  returned: always
  type: bool
  sample: false
msg:
  description: Why there was nothing to do.
  returned: when the target is the source itself
  type: str
  sample: atlas is the source
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
            "path": {"type": "str", "required": True},
            "dest": {"type": "str"},
            "source": {"type": "str"},
            "when_mounted": {"type": "str", "choices": ["refuse", "next_boot"], "default": "refuse"},
            "bwlimit": {"type": "str"},
            "keep_replaced": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.subvolume works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
