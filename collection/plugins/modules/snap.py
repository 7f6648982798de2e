#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/snap.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: snap
short_description: Make a PC's snaps as on the source PC, at the same revisions and channels
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Brings each snap at the revision that the source has, also an older one, with its confinement (strict, classic, devmode, jailmode),
    then the channel it tracks, its hold, and whether it is disabled.
  - A sideloaded snap, which no store vouches for, is brought as the file it was installed from, and compared by that.
  - snapd's automatic refreshes are held back on both PCs meanwhile, by a lease that snapd itself ends. The setting is put back exactly as it was.
options:
  exclude:
    description:
      - Shell patterns of the names of snaps that stay each PC's own.
    type: list
    elements: str
    default: []
  delete:
    description:
      - Remove the snaps that only the target has. snapd keeps their data for a month.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change with the versions and revisions before and after.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - snapd >= 2.57 on both PCs, and >= 2.58 to hold single snaps
notes:
  - Bases, C(core) and C(snapd) follow what is needed, as snapd decides; a sideloaded base is brought where it is missing.
    Kernels and gadgets are the machine's own.
  - Settings of snaps (C(snap set)), connections and aliases are left alone. What snaps keep below C(~/snap) is the folder job's.
"""

EXAMPLES = r"""
- name: The same snaps everywhere
  hotdesk.sync.snap:
  become: true

- name: Exactly the same, but LXD is each PC's own
  hotdesk.sync.snap:
    delete: true
    exclude: [lxd]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["install firefox", "switch firefox", "update code", "hold code"]
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


def main():
    """Run by Ansible only when the action plugin of this name was not found: the work is done on the control node."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str"},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="hotdesk.sync.snap works on the control node, through its action plugin, which was not found")


if __name__ == "__main__":
    main()
