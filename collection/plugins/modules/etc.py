#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/etc.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: etc
short_description: Give targets the machine-independent part of the source's /etc
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Moves what was changed or added below C(/etc) on one source PC - packages' configuration files that differ from what the package
    brought, and files that belong to no package - each with its owner and group (by name) and its mode.
  - What belongs to the machine stays (host name, machine-id, fstab, crypttab, host keys, network, boot, hardware), so does what
    is generated, and what another job moves (accounts, C(/etc/apt), systemd's units, dconf).
  - Files of one folder of C(/etc) (C(sudoers) with C(sudoers.d), C(ssh), C(nginx), ...) are one unit. A unit is put in place as a
    whole or not at all. What an interruption or a power cut leaves half done is undone - at once when the agent can, else by the next run.
  - New files are looked at before they are put in place (C(visudo)), and again with everything in place (C(sshd -t), C(nginx -t),
    C(visudo -c), ...). A unit that does not pass is put back, and its files fail by name; the other units are done.
  - A unit that would change who gets in by ssh, or would take a sudo rule from the user who logs in, is put back.
options:
  paths:
    description:
      - Look at these files and folders alone. Below C(/etc).
    type: list
    elements: str
    default: [/etc]
  delete:
    description:
      - Also remove what only the target has - files of no package, and packages' files that the source removed - and give files that
        were changed only on the target the text that their package (of the same version) brought.
    type: bool
    default: false
  exclude:
    description:
      - Leave these. Shell patterns of whole paths, where C(*) matches slashes too; a trailing slash means a folder with all below.
    type: list
    elements: str
    default: []
  include:
    description:
      - Move these although they belong to the machine or are generated, such as C(/etc/hosts) or C(/etc/modprobe.d/). Written as in the
        list in the collection's C(docs/etc.md).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Lists exactly what a run would put in place, and writes nothing anywhere. Validators run only in a real run.
  diff_mode:
    description: Shows the texts that everybody may read.
  platform:
    description: The systems that can be sources and targets. Both need dpkg.
    platforms: debian
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
notes:
  - It comes after M(hotdesk.sync.apt) - a changed file of a package that the target does not have is left, with a warning.
  - Services are not restarted. Use C(notify), and RV(units) to tell what was touched.
  - ACLs are not moved; a file that has one is left, with a warning. So are files of more than 8 MiB.
  - The versions before stay on the target for the last 20 runs and 90 days, in C(/var/lib/hotdesk/transactions), readable by root alone.
    M(hotdesk.sync.rollback) brings them back.
"""

EXAMPLES = r"""
- name: Take over the source's configuration
  hotdesk.sync.etc:
    exclude:
      - /etc/postfix/
  become: true

- name: The web server's alone, and nothing else than the source has
  hotdesk.sync.etc:
    source: atlas
    paths: [/etc/nginx]
    delete: true
  become: true
  notify: Reload nginx
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be), a verb and a path each.
  returned: always
  type: list
  elements: str
  sample: ["create /etc/sudoers.d/backup", "update /etc/ssh/sshd_config"]
deleted:
  description: How many files were removed.
  returned: always
  type: int
  sample: 0
units:
  description: The units that they belong to.
  returned: always
  type: list
  elements: str
  sample: ["/etc/ssh", "/etc/sudoers"]
transactions:
  description: Names of the journals on the target that can bring back what was there.
  returned: always
  type: list
  elements: str
failed_changes:
  description: What could not be done, and what needed it, each with why. All else was done.
  returned: when a change fails
  type: dict
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
            "source": {"type": "str"},
            "paths": {"type": "list", "elements": "str", "default": ["/etc"]},
            "delete": {"type": "bool", "default": False},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "include": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="hotdesk.sync.etc works on the control node, through its action plugin, which was not found")


if __name__ == "__main__":
    main()
