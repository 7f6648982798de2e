#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/dconf.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: dconf
short_description: Make desktop settings (dconf) of people and of the system as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Compares the settings in each person's own dconf database key by key, and loads those that differ in one go, over the bus of the session that
    runs, or over one of its own where nobody is logged in. No desktop is needed.
  - Keys that the target's administrator has locked stay as they are, with a warning.
  - The system's key files, locks and profiles (below C(/etc/dconf)) are brought as files, each database's in one transaction that ends with
    C(dconf update).
options:
  users:
    description:
      - Only these people. When left out, all people (C(UID_MIN) to C(UID_MAX) of C(login.defs)) that have settings.
    type: list
    elements: str
  exclude:
    description:
      - What stays each PC's own - a folder of keys (C(/org/gnome/nautilus/window-state/)), a key, or a shell pattern of keys.
      - A list of your own replaces the one given here.
    type: list
    elements: str
    default:
      - /org/gnome/nautilus/window-state/
      - /org/gnome/settings-daemon/plugins/color/
      - /org/gnome/settings-daemon/plugins/power/
      - /org/gnome/desktop/peripherals/
      - /org/gnome/nm-applet/
      - /org/gnome/bluetooth/
      - /org/gnome/software/
      - /ca/desrt/dconf-editor/
      - "*/window-[shwmp]*"
      - "*/preferred-monitor*"
  system:
    description:
      - The system's databases and profiles too.
    type: bool
    default: true
  delete:
    description:
      - Reset keys that are set only on the target, and remove key files, locks and profiles that the source does not have.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change with old and new values, without those of keys that are named like secrets.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - dconf >= 0.38 (packages dconf-cli and dconf-service), dbus-run-session (dbus or dbus-daemon) and runuser on both PCs
notes:
  - The folder job never mirrors C(~/.config/dconf/user), since this job moves what is in it.
  - Programs of a running session see the new settings at once.
"""

EXAMPLES = r"""
- name: The same desktop everywhere
  hotdesk.sync.dconf:
  become: true

- name: Exactly anna's settings, but each PC's own wallpaper
  hotdesk.sync.dconf:
    users: [anna]
    delete: true
    exclude: [/org/gnome/desktop/background/]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["update system database local", "set anna /org/gnome/desktop/interface/"]
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
            "exclude": {
                "type": "list",
                "elements": "str",
                "default": [
                    "/org/gnome/nautilus/window-state/",
                    "/org/gnome/settings-daemon/plugins/color/",
                    "/org/gnome/settings-daemon/plugins/power/",
                    "/org/gnome/desktop/peripherals/",
                    "/org/gnome/nm-applet/",
                    "/org/gnome/bluetooth/",
                    "/org/gnome/software/",
                    "/ca/desrt/dconf-editor/",
                    "*/window-[shwmp]*",
                    "*/preferred-monitor*",
                ],
            },
            "system": {"type": "bool", "default": True},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="hotdesk.sync.dconf works on the control node, through its action plugin, which was not found")


if __name__ == "__main__":
    main()
