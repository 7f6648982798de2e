#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/libvirt.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt
short_description: Make a PC's virtual machines, their disks, networks and storage pools as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Domains of C(qemu:///system) get the same definition with the same uuid, the same snapshots as libvirt knows them, and start by themselves or not.
  - What belongs to a machine stays or is kept as the target has it - hardware that is handed to a guest, the processors that a guest is tied to, the
    program that runs it, the card that a guest uses directly, uuids and addresses of networks and pools.
  - Disks (files, with all that they build upon), firmware variables and the state of an emulated TPM go from PC to PC by the blocks that differ, and
    stay sparse. New files are made beside the old ones, and take their places together once they are whole.
  - Networks and storage pools are made with the same definition, started if they are on the source, and start by themselves or not.
options:
  parts:
    description:
      - What is made the same. The disks belong to the domains.
    type: list
    elements: str
    choices: [networks, pools, domains]
    default: [networks, pools, domains]
  exclude:
    description:
      - Shell patterns of names of domains, networks and pools that stay each PC's own.
    type: list
    elements: str
    default: []
  running:
    description:
      - What is done when disks differ, and a domain that has them runs, or is saved, on the source or on the target.
      - With V(refuse) nothing of the play is begun. With V(skip) that domain is left and named.
      - With V(save) it is saved (C(virsh managedsave)) while its disks are copied, and goes on afterwards, also after a stop or a kill. One of the
        target then begins anew, since its memory belongs to the old disks; when the copy fails, it goes on as it was.
    type: str
    choices: [refuse, save, skip]
    default: refuse
  checksum:
    description:
      - Read all files that have the same size on both PCs to see whether they are the same, and keep their digests for C(hotdesk verify --jobs).
      - When false, size and time decide.
    type: bool
    default: false
  delete:
    description:
      - Remove domains, networks and pools that only the target has. Disks and what is in pools stay, and so does a domain that runs.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change, and definitions before and after without passwords.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - libvirt >= 5.2 with virsh, qemu-img and rsync on both PCs
notes:
  - Not moved, and named in the plan - domains with a disk that is no file, with firmware that the target lacks, and that are gone when they end;
    pools of other types than C(dir) and C(netfs). Files in pools that no domain uses, secrets and checkpoints are not looked at.
  - A domain that is saved while it is copied has on the target the disks of a PC whose power was cut at that moment. What it has in memory stays
    on the source.
  - Without snapshots C(hotdesk rollback) brings back definitions of domains, networks and pools, not their disks, nor what libvirt knew of snapshots.
"""

EXAMPLES = r"""
- name: The same virtual machines everywhere
  hotdesk.sync.libvirt:
  become: true

- name: Also those that run, without the big ones
  hotdesk.sync.libvirt:
    running: save
    exclude: ["win*"]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["create network lab", "create disks of vm1", "create domain vm1"]
not_moved:
  description: What cannot be moved -> why.
  returned: always
  type: dict
  sample: {"domain vm2": "its disk vdb is /dev/sdb, which is no file"}
failed_changes:
  description: What could not be done, and what needed it, each with why. All else was done.
  returned: when a change fails
  type: dict
problems:
  description: What does not hold, each with C(message) and C(remedy). Nothing was changed then, unless the job had begun.
  returned: when validation or read-back fails
  type: list
  elements: dict
"""

PARTS = ["networks", "pools", "domains"]


def main():
    """Run by Ansible only when the action plugin of this name was not found: the work is done on the control node."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str"},
            "parts": {"type": "list", "elements": "str", "choices": PARTS, "default": PARTS},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "running": {"type": "str", "choices": ["refuse", "save", "skip"], "default": "refuse"},
            "checksum": {"type": "bool", "default": False},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.libvirt works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
