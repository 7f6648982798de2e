#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/folder.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: folder
short_description: Mirror a directory tree from the source PC to this target
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Makes a directory on each target the same as on one source PC, with rsync as the engine.
  - Content, modes, owners by number, times, symbolic and hard links, sparse files, ACLs, extended attributes and file names that are
    not UTF-8 are kept. What one of the two PCs cannot keep is left out and named in a warning.
  - The data goes over the connections that the run has open already. The source may be any PC of the inventory. PCs need neither
    keys for nor a route to each other.
  - What would be done is rehearsed first, with the same command line; check mode ends there. The rehearsal is left out when it could
    show nothing that must not happen and nobody asked to see it - no O(delete), neither check nor diff mode, and no way in to the
    target below O(dest).
  - hotdesk's own state is never mirrored. A mirror that would replace or remove what lets you in (the login user's
    C(authorized_keys), C(sudoers), the files of sshd) leaves that as it is, with a warning.
options:
  path:
    description:
      - The directory to mirror, on the source PC. An absolute path.
      - It is the content of the directory that is mirrored, whether or not a slash ends the path.
    type: str
    required: true
  dest:
    description:
      - The directory on the target. An absolute path; missing parents are made.
      - The same as O(path) when left out.
    type: str
  delete:
    description:
      - Remove from O(dest) what is not in O(path). What a filter rule excludes stays.
    type: bool
    default: false
  filters:
    description:
      - Filter rules of rsync, one each, such as C(- *.o) or C(+ /notes/). The first rule that matches a name decides.
      - A leading slash means O(path), not the root of the file system.
      - Rules that would clear the list or read further files (C(!), C(merge), C(dir-merge)) are refused.
    type: list
    elements: str
    default: []
  filter_file:
    description:
      - A file of such rules on the source PC, one a line; blank lines and lines that begin with C(#) or C(;) are left out.
      - A relative path begins at O(path). Its rules come after those of O(filters).
      - Rules for one directory and what is below it can also stand in a file C(.hotdesk-filter) in that directory. Those are read on
        the source and hold on both PCs at once, so a new one protects what exists only on the target.
    type: str
  bwlimit:
    description:
      - The most that a transfer may send, in KiB per second, or with a unit (V(2m)).
    type: str
  checksum:
    description:
      - Compare the content of all files, not only size and time. Slow - both PCs read everything.
    type: bool
    default: false
  one_file_system:
    description:
      - Do not go into other file systems that are mounted below O(path).
    type: bool
    default: false
attributes:
  diff_mode:
    description: Shows rsync's itemised list, deletions first.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
requirements:
  - rsync >= 3.1.0 on the source and the targets
notes:
  - An interrupted transfer is resumed by the next run; a half-received file waits in C(.hotdesk-partial) beside its destination.
  - The order of rules is hotdesk's own excludes, then O(filters), O(filter_file) and the C(.hotdesk-filter) files, deepest first.
"""

EXAMPLES = r"""
- name: Mirror a home directory from the PC that hotdesk_source names
  hotdesk.sync.folder:
    path: /home/anna
    delete: true
    filters:
      - + /.cache/
      - + /.cache/uv/***
      - "- /.cache/*"
      - "- .venv/"
  become: true

- name: See what would change, without changing anything
  hotdesk.sync.folder:
    path: /home/anna
    delete: true
  become: true
  check_mode: true
  diff: true

- name: Copy music from the laptop, slowly
  hotdesk.sync.folder:
    path: /srv/music
    source: vega
    bwlimit: 4m
"""

RETURN = r"""
files:
  description: How many regular files were sent (in check mode, would be).
  returned: always
  type: int
  sample: 17
bytes:
  description: The size of those files together.
  returned: always
  type: int
  sample: 104857600
deleted:
  description: How many entries were removed from the target.
  returned: always
  type: int
  sample: 2
items:
  description:
    - What was done, itemised as by rsync, deletions first; at most 1000 entries.
    - In names, bytes that are not UTF-8 and characters that cannot be shown are written as C(\xNN) and the like.
  returned: always
  type: list
  elements: str
  sample: ["*deleting old.txt", "<f.st...... letter.txt"]
items_total:
  description: How many there were, also when RV(items) is cut.
  returned: always
  type: int
  sample: 19
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
paths:
  description: The paths that rsync named when it failed.
  returned: when rsync fails
  type: list
  elements: str
"""


def main():
    """Run by Ansible only when the action plugin of this name was not found: the work is done on the control node."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "required": True},
            "dest": {"type": "str"},
            "source": {"type": "str"},
            "delete": {"type": "bool", "default": False},
            "filters": {"type": "list", "elements": "str", "default": []},
            "filter_file": {"type": "str"},
            "bwlimit": {"type": "str"},
            "checksum": {"type": "bool", "default": False},
            "one_file_system": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.folder works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
