#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/snapshot.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
short_description: Keep read-only btrfs snapshots of the PCs, named by run
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Makes a read-only snapshot of every btrfs subvolume that is mounted on the target, and on the source PC, before or after what the
    play does to them. C(hotdesk snapshots) shows, compares and removes them, C(hotdesk rollback) brings one back.
  - All snapshots of a PC and file system are made, or none. What was interrupted is removed by the next run.
  - They lie in a subvolume C(.hotdesk-snapshots) in the top level of each file system, which only root may enter. They are no part of
    each other, and they stay where they are when C(@) is replaced.
  - With O(phase=after) the snapshots of older runs are removed by number, age and free space. A play comes there only on hosts where
    all went well.
  - A place that is not on btrfs is named in a warning. From then on, in the same run of hotdesk, a job's destructive changes on that
    PC are refused unless the variable C(hotdesk_without_snapshot) is true there.
  - A snapshot is not counted as a change - a second run that finds everything in place stays at C(changed=0).
options:
  phase:
    description:
      - V(before) belongs at the beginning of a play, V(after) at its end.
      - V(prune) makes no snapshot and removes old ones, on the target alone.
    type: str
    choices: [before, after, prune]
    required: true
  subvolumes:
    description:
      - Where the subvolumes are mounted. When left out, all that are mounted, writable and as a whole.
      - On the source, those of them that it has.
    type: list
    elements: str
  source:
    description:
      - The inventory name of the PC that is copied from.
      - When left out, the variable C(hotdesk_source) decides; without that it is the control node, which gets no snapshot when hotdesk
        is not root there.
    type: str
  required:
    description:
      - Fail, before anything is changed, on a PC where a place cannot be snapshotted.
    type: bool
    default: false
  keep:
    description:
      - How many runs keep their snapshots, this one included. V(0) for all.
    type: int
    default: 10
  keep_days:
    description:
      - For how many days snapshots are kept. V(0) for ever. The newest always stay.
    type: int
    default: 30
  keep_free:
    description:
      - How much of each file system is to be free, such as V(10%) or V(20G). The oldest snapshots go until it is.
    type: str
    default: 10%
attributes:
  check_mode:
    description: Lists what would be made and removed, and writes nothing anywhere.
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - hotdesk.sync.job
requirements:
  - btrfs-progs >= 4.15 and root (become) on PCs with btrfs
notes:
  - A snapshot shares what has not changed since with the live file system. It is no copy on another disk, so it is no backup.
  - A subvolume within another one is in the snapshot only as an empty directory. Those that are not mounted by themselves are named.
  - ansible-playbook runs each task by itself, so the refusal of destructive changes on PCs without snapshots works under hotdesk alone.
    Use O(required=true) there.
"""

EXAMPLES = r"""
- name: Keep the way back
  hotdesk.sync.snapshot:
    phase: before
  become: true

- name: Mirror the home directories
  hotdesk.sync.folder:
    path: /home
    delete: true
  become: true

- name: Keep what came of it, and remove what is too old
  hotdesk.sync.snapshot:
    phase: after
    keep: 5
    keep_free: 15%
  become: true
"""

RETURN = r"""
run:
  description: The run that the snapshots are named by, for C(hotdesk snapshots) and C(hotdesk rollback).
  returned: always
  type: str
  sample: 20261121-105712-3f9c
items:
  description: What was made and removed (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["snapshot /home before the run", "remove the snapshots of 20261001-070000-aa01"]
unprotected:
  description: Places on the target that no snapshot covers.
  returned: always
  type: list
  elements: str
  sample: ["/home (ext4)"]
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
            "phase": {"type": "str", "choices": ["before", "after", "prune"], "required": True},
            "subvolumes": {"type": "list", "elements": "str"},
            "source": {"type": "str"},
            "required": {"type": "bool", "default": False},
            "keep": {"type": "int", "default": 10},
            "keep_days": {"type": "int", "default": 30},
            "keep_free": {"type": "str", "default": "10%"},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.snapshot works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
