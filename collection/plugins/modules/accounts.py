#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/accounts.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Make people's users and groups as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Gives the target the source's people with the same user and group numbers, primary groups, comments, homes, login shells, passwords
    with their ages, subordinate ids, and memberships in their own and in system groups.
  - People are those whose number lies between C(UID_MIN) and C(UID_MAX) of the source's C(login.defs); people's groups likewise. System
    accounts are never made, changed or removed; only that people are in system groups.
  - A name that has another number on the target, or a number that is somebody else's there, is a problem before anything is changed. Numbers
    are never changed, since files belong to numbers.
  - All is done by the shadow tools, under the locks that they share with every other program. Password hashes are given to
    C(chpasswd) on its standard input; they are in no command line, log, plan or difference.
  - What would lock out the user who logs in is left as it is, with a warning - the account itself, its home, its primary group, its
    memberships, a shell that is none, a password that is locked or has expired.
options:
  users:
    description:
      - Only these people, the groups of their own that they are in, and their memberships. All people when left out.
      - With this nothing is deleted.
    type: list
    elements: str
  exclude:
    description:
      - Names of users and groups that stay as they are.
    type: list
    elements: str
    default: []
  passwords:
    description:
      - Passwords and their ages too. When false, a new account has none and is locked.
    type: bool
    default: true
  create_home:
    description:
      - Make a home that is missing, from C(/etc/skel), with the mode that it has on the source. What is in it is the folder job's.
    type: bool
    default: true
  delete:
    description:
      - Remove people whom the source does not know, and people's groups that nobody has as the primary one. Homes and files stay.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change with what was and what will be; of a password only when it was set.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - the shadow tools (package passwd) on the targets
notes:
  - A shell that the target does not have is replaced by the one there, or C(/bin/sh), with a warning; a system group that it does not have
    is named. Let the job that installs packages come first.
  - Passwords and administrators of groups, and accounts of a directory service (LDAP), are left alone.
"""

EXAMPLES = r"""
- name: The same people on all PCs
  hotdesk.sync.accounts:
  become: true

- name: Only anna and her groups, without her password
  hotdesk.sync.accounts:
    users: [anna]
    passwords: false
  become: true

- name: Remove who has left, but not the guest of this PC
  hotdesk.sync.accounts:
    delete: true
    exclude: [guest]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be), in order.
  returned: always
  type: list
  elements: str
  sample: ["create group anna", "create user anna", "update password of anna", "add anna in sudo"]
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
            "users": {"type": "list", "elements": "str"},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "passwords": {"type": "bool", "default": True, "no_log": False},
            "create_home": {"type": "bool", "default": True},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.accounts works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
