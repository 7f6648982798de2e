#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/apt.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: apt
short_description: Give targets the source's packages, from where the source has them
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Installs on each target what was installed by hand (marked manual) on one source PC, by name and origin - a package of a vendor comes
    from that vendor, also where the distribution has one of the same name. Versions float, except those of held packages.
  - Brings the repositories that these packages need, their keys byte for byte, all pins, C(apt.conf), logins and foreign architectures.
    Files of C(/etc/apt) are one transaction whose check is the run's only C(apt-get update). When it fails, all of them are put back as they were,
    they and what needs them fail by name, and other packages go on. What an interruption leaves half done is undone.
  - What apt would do is rehearsed first, with the same command line. A removal that nobody asked for, of a package that was installed by hand,
    is attributed to the package that causes it, which then fails unless O(collateral) or a reviewed plan allows it.
  - All packages are one transaction of apt's. A package that cannot be installed fails by name, is taken away again if it was new,
    and the rest is done without it.
options:
  remove:
    description:
      - Also remove packages that were installed by hand on the target alone, vendors' repositories from which nothing is installed then,
        with their keys, and pins and options that the source does not have. Nothing is purged.
      - Never held or essential packages, nor what hotdesk comes in by.
    type: bool
    default: false
  collateral:
    description:
      - Packages that may be removed when installing another one demands it.
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Leave these packages, on both sides. Shell patterns. Kernels are always left.
    type: list
    elements: str
    default: []
  lock_timeout:
    description:
      - Seconds to wait for another package manager's lock.
    type: int
    default: 120
attributes:
  check_mode:
    description: Lists what a run would do, by the lists that the target has now, and changes nothing.
  diff_mode:
    description: Shows no more than check mode.
    support: none
  platform:
    description: The systems that can be sources and targets. Both must have the same release and architecture.
    platforms: debian
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
notes:
  - Packages of no repository are left to the manual job, and named in a warning.
  - Packages whose repository this run writes are rehearsed after it is written. What would take others along then fails.
  - A configuration file that was changed on the target is kept when its package brings a new one.
  - C(apt-daily.timer) and C(apt-daily-upgrade.timer) are paused meanwhile, by a lease that systemd keeps - when the run dies, they run again
    after six hours.
  - The target is the same as the source in what is marked manual. Dependencies are apt's own business.
"""

EXAMPLES = r"""
- name: Install what the source has
  hotdesk.sync.apt:
    exclude:
      - nvidia-*
  become: true

- name: Exactly what the source has
  hotdesk.sync.apt:
    source: atlas
    remove: true
    collateral: [mawk]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be), a verb and a package or file each.
  returned: always
  type: list
  elements: str
  sample: ["create /etc/apt/sources.list.d/vendor.list", "install vendor-app", "hold htop"]
installed:
  description: The packages that were installed, or replaced by those of another origin.
  returned: always
  type: list
  elements: str
removed:
  description: The packages that were removed because only the target had them.
  returned: always
  type: list
  elements: str
also_removed:
  description: Packages that nobody had asked for and that the others took along.
  returned: always
  type: list
  elements: str
transactions:
  description: The name of the journal on the target that can bring back its C(/etc/apt).
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
            "remove": {"type": "bool", "default": False},
            "collateral": {"type": "list", "elements": "str", "default": []},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "lock_timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="hotdesk.sync.apt works on the control node, through its action plugin, which was not found")


if __name__ == "__main__":
    main()
