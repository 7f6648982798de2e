#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/systemd.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: systemd
short_description: Make unit files and what is enabled, disabled and masked as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Brings local units and drop-ins (what is below C(/etc/systemd/system) and C(/etc/systemd/user)) to the target, each unit's files in one
    transaction whose journal survives a kill, and reloads systemd.
  - Then makes units enabled, disabled or masked as on the source, also instances of templates, by C(systemctl). Units that the target does not
    have are named.
  - Units of a PC's own hardware, disks, consoles, boot, clock, hypervisor and network are never touched, nor are those of systemd itself.
  - Nor are those that snapd writes for snaps.
  - What lets you in (the unit that runs sshd) is never disabled, masked, stopped or given other files.
options:
  exclude:
    description:
      - Units that stay as they are, as shell patterns, such as C(apache2*).
    type: list
    elements: str
    default: []
  now:
    description:
      - What is also started, when it is enabled and runs on the source, and stopped, when it is disabled or masked and does not run there.
      - V(timers) are timers only; V(all) are services, sockets and paths too; with V(none) everything waits for the next start of the PC.
    type: str
    choices: [none, timers, all]
    default: timers
  delete:
    description:
      - Remove local units and drop-ins that the source does not have. Such a unit is disabled and stopped first.
    type: bool
    default: false
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
requirements:
  - systemd >= 232 on the source and the targets
  - root on the targets (C(become))
notes:
  - A person's own units (C(~/.config/systemd/user)) are files of the home, links that enable them included; the folder job moves them.
  - A new drop-in of a service that runs holds from its next start; nothing is restarted.
  - Where systemd is not process 1 (a container, a chroot) files, enabled, disabled and masked are made the same; nothing is started.
"""

EXAMPLES = r"""
- name: The same timers and services everywhere
  hotdesk.sync.systemd:
  become: true

- name: Start and stop services too, and leave the web server alone
  hotdesk.sync.systemd:
    now: all
    exclude: ["apache2*", "nginx*"]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be), in order.
  returned: always
  type: list
  elements: str
  sample: ["create files of backup.timer", "enable backup.timer", "start backup.timer"]
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
            "now": {"type": "str", "choices": ["none", "timers", "all"], "default": "timers"},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.systemd works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
