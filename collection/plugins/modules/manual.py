#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/manual.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: manual
short_description: Bring what was installed by hand, through snippets that say how
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Finds on the source what no package manager can bring - packages of no repository, installed from a file, and what stands in C(/opt),
    C(/usr/local) and its C(bin), C(sbin), C(lib), C(games) and C(src) without being of a package.
  - For each item the registry C(/etc/hotdesk/manual.yml) on the source has two scripts for bash, C(install) and C(version). Where the versions of
    source and target differ, in whichever direction, C(install) is run on the target and the version read back. Its success is not enough.
  - An item that the registry does not know is named, with the remedy. Nothing is dropped silently.
  - What is stopped in the middle is installed again by the next run, whatever its version says.
options:
  exclude:
    description:
      - Leave these items on both sides. Shell patterns of packages and paths.
    type: list
    elements: str
    default: []
  remove:
    description:
      - Also remove what only the target has - packages with C(dpkg), which refuses what others need, trees by the C(remove) script of the registry.
        A tree without one is named, and left.
    type: bool
    default: false
  push:
    description:
      - Bring the registry too. V(never), V(add) when no entry of the target's own would be lost or changed (in a reviewed plan, after asking),
        or V(replace).
    type: str
    choices: [never, add, replace]
    default: never
  limit:
    description:
      - Seconds that one C(install) or C(remove) script may take.
    type: int
    default: 900
attributes:
  check_mode:
    description: Lists what a run would do. The C(version) scripts are run, as nobody, who can change nothing.
  diff_mode:
    description: Shows no more than check mode.
    support: none
  platform:
    description: The systems that can be sources and targets. Without dpkg and apt, trees only.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - bash and setpriv (util-linux) on both PCs
notes:
  - C(install) and C(remove) run as root, with C(set -e), without a terminal or input, in C(/), with C(HOTDESK_ITEM) and C(HOTDESK_VERSION) (the
    source's) in their environment. They are in no process list. C(version) runs as nobody with an empty environment and may be seen there.
  - The registry must be a file of root's that nobody else can write. The folder job never mirrors it.
  - Debian's own entries of C(/usr/local), what is of a package, and folders without any file are no items. A folder in C(/opt) that holds only
    folders is one item, unless the registry has an entry for what is in it.
"""

EXAMPLES = r"""
- name: Programs that were installed by hand
  hotdesk.sync.manual:
    exclude: [/usr/local/bin/own-*]
    push: add
  become: true

# /etc/hotdesk/manual.yml on the source:
#
# debs:
#   zoom:
#     install: |
#       cd "$(mktemp -d)"
#       curl -fsSLO "https://zoom.us/client/$HOTDESK_VERSION/zoom_amd64.deb"
#       apt-get install -y ./zoom_amd64.deb
#     version: dpkg-query -W -f '${Version}' zoom
# trees:
#   /opt/tool:
#     needs: [deb zoom]
#     install: |
#       rm -rf /opt/tool.new
#       git clone --depth 1 --branch "$HOTDESK_VERSION" https://example.org/tool /opt/tool.new
#       rm -rf /opt/tool
#       mv /opt/tool.new /opt/tool
#     version: cat /opt/tool/VERSION
#     remove: rm -rf /opt/tool
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be), a verb and an item each.
  returned: always
  type: list
  elements: str
  sample: ["install deb zoom", "replace /opt/tool"]
unreplicable:
  description: What cannot be brought, each with C(item), C(why) and C(remedy).
  returned: always
  type: list
  elements: dict
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
            "remove": {"type": "bool", "default": False},
            "push": {"type": "str", "choices": ["never", "add", "replace"], "default": "never"},
            "limit": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.manual works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
