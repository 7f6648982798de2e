#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/flatpak.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: flatpak
short_description: Make a PC's flatpak apps and runtimes as on the source PC, at the same commits
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Of the system's installation and of each person's own, brings remotes (with their keys and filters), apps and runtimes, masks and pins.
  - A remote is made just like the source's - keys, filter, address - before anything is installed from it, and looked at again each time.
  - Each app and runtime is installed from its remote and then brought to exactly the commit that the source has, also to an older one.
options:
  system:
    description:
      - The system's installation.
    type: bool
    default: true
  users:
    description:
      - Only these people's own installations; an empty list for none. When left out, those of all people.
    type: list
    elements: str
  exclude:
    description:
      - Shell patterns of what stays each PC's own - names of remotes, refs (C(app/org.example.App/x86_64/stable)) or
        ids (C(org.example.*)), masks, pins.
    type: list
    elements: str
    default: []
  delete:
    description:
      - Uninstall what only the target has, with its masks and pins, and at last the remotes that nothing is left of.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change with the commits before and after.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - flatpak >= 1.10 and runuser on both PCs
notes:
  - What came from a file and not from a remote, and what a filter of the source does not let through any more, is left and named.
  - What apps keep below C(~/.var/app), and people's overrides, are the folder job's.
  - Further installations (C(/etc/flatpak/installations.d)) are left alone.
"""

EXAMPLES = r"""
- name: The same apps everywhere
  hotdesk.sync.flatpak:
  become: true

- name: The system's alone, exactly, but not the games
  hotdesk.sync.flatpak:
    users: []
    delete: true
    exclude: ["org.example.games.*"]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["add remote flathub", "install app/org.example.App/x86_64/stable", "mask org.example.App for anna"]
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
            "system": {"type": "bool", "default": True},
            "users": {"type": "list", "elements": "str"},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.flatpak works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
