#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/docker.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: docker
short_description: Make a PC's Docker images, volumes, networks and containers as on the source PC
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Images that the target lacks, by their ids, go in one stream from PC to PC; nothing is stored on the control node. All names (tags) follow.
  - What is in a volume is copied beside what the target has, compared, and exchanged for it at once. Meanwhile the source's containers that write to
    it are paused, and the target's that have it are stopped; afterwards they go on, also after a stop or a kill.
  - A volume that the target has keeps the labels it was made with; that they differ is told.
  - Networks are made with the same driver, subnets, options and labels.
  - Containers are made from what C(docker inspect) says of the source's - image, command, variables, mounts, ports, restart policy, labels,
    networks. One that is replaced is put aside until the new one is in its place, and is back if that fails.
  - Containers of compose projects keep their labels, so that compose takes them for its own.
options:
  parts:
    description:
      - What is made the same.
    type: list
    elements: str
    choices: [images, volumes, networks, containers]
    default: [images, volumes, networks, containers]
  exclude:
    description:
      - Shell patterns of names of images (with tag), volumes, networks and containers that stay each PC's own.
    type: list
    elements: str
    default: []
  run:
    description:
      - Containers run if they run on the source, and do not if they do not.
      - When false, a container that is new is not started, and one that is replaced runs only if it ran, and runs on the source.
    type: bool
    default: true
  quiesce:
    description:
      - What is done to the source's running containers while volumes they write to are copied.
      - With V(none) they go on; a volume that changes meanwhile fails.
    type: str
    choices: [pause, stop, none]
    default: pause
  delete:
    description:
      - Remove containers, networks, volumes and image names that only the target has, unless a container that stays uses them.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows each change; of variables and labels the names, never the values.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - Docker >= 19.03, GNU tar and findutils on both PCs
notes:
  - Not moved, and named in the plan - what belongs to a swarm, volumes and networks of plugins, containers that go when they end (C(--rm)), and
    containers that mount a path which the target lacks. The build cache is each PC's own.
  - What a container has written outside its volumes is not moved. A container that is replaced loses it, so each replacement counts as destructive.
  - Without snapshots C(hotdesk rollback) makes containers, networks and volumes again as they were, not what was in them.
"""

EXAMPLES = r"""
- name: The same containers everywhere
  hotdesk.sync.docker:
  become: true

- name: The images only, without those of a registry of our own
  hotdesk.sync.docker:
    parts: [images]
    exclude: ["registry.example.org/*"]
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["load image 7c3c90937045", "tag image lab/box:1", "create container web"]
not_moved:
  description: What cannot be moved -> why.
  returned: always
  type: dict
  sample: {"container task": "it goes when it ends (--rm)"}
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

PARTS = ["images", "volumes", "networks", "containers"]


def main():
    """Run by Ansible only when the action plugin of this name was not found: the work is done on the control node."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str"},
            "parts": {"type": "list", "elements": "str", "choices": PARTS, "default": PARTS},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "run": {"type": "bool", "default": True},
            "quiesce": {"type": "str", "choices": ["pause", "stop", "none"], "default": "pause"},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.docker works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
