#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/k3s.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s
short_description: Make a PC's local k3s cluster as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - The cluster's objects (of SQLite or embedded etcd), its tokens and authorities, its manifests, its configuration and the volumes of the
    local-path provisioner.
  - The source's k3s goes on. Its database is copied as of one moment by SQLite's backup or by C(k3s etcd-snapshot save); if volumes differ,
    the source's pods stand still meanwhile, and go on also after a stop or a kill.
  - On the target all is staged beside what there is. Then k3s is stopped with its pods, the old state put aside, the new one put in its place,
    and k3s started if it ran. When it does not become ready, or something stops the run, the old state is back. What a C(kill -9) leaves the
    next run puts right; until then k3s is not started there, not even by a boot.
  - What is a node's own stays on its PC - its name, its password, its certificates, what kubelet keeps, and such keys of C(config.yaml).
options:
  data_dir:
    description:
      - Where k3s keeps its state, on both PCs.
    type: str
    default: /var/lib/rancher/k3s
  quiesce:
    description:
      - What is done to the source's pods while volumes are copied.
      - With V(none) they go on; a volume that changes meanwhile fails.
    type: str
    choices: [pause, none]
    default: pause
  keep_replaced:
    description:
      - Keep what was replaced until the next time, so that C(hotdesk rollback) brings it back. It takes the room of another copy.
    type: bool
    default: true
attributes:
  diff_mode:
    description: Shows which objects, volumes and files differ, never what is in them.
    support: full
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - the same version of k3s, as a systemd service, on both PCs
  - GNU tar, findutils and Python with sqlite3 on both PCs
notes:
  - Objects are compared by the API where k3s runs on both PCs, else by what the databases hold. What controllers make of the rest, pods, nodes
    and the namespaces of k3s itself are not compared; all is brought when anything else differs.
  - Volumes are bound to the name of a node. Give the PCs the same C(node-name) in C(config.yaml), or pods with volumes wait for a node that is
    not there.
  - Not moved - images in containerd, which are pulled again; agents, which stay the source's. A database elsewhere (C(datastore-endpoint)) is
    a problem.
"""

EXAMPLES = r"""
- name: The same cluster everywhere
  hotdesk.sync.k3s:
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["replace k3s state"]
failed_changes:
  description: What could not be done, and what needed it, each with why. The old state is in its place then.
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
            "data_dir": {"type": "str", "default": "/var/lib/rancher/k3s"},
            "quiesce": {"type": "str", "choices": ["pause", "none"], "default": "pause"},
            "keep_replaced": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="hotdesk.sync.k3s works on the control node, through its action plugin, which was not found")


if __name__ == "__main__":
    main()
