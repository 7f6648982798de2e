#!/usr/bin/python

# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This file is the job's contract: its documentation, which is also its argument spec. The job itself is plugins/jobs/vscode.py.

from __future__ import annotations

DOCUMENTATION = r"""
module: vscode
short_description: Bring the state of VS Code and its kin, without what is bound to a machine
version_added: "0.1.0"
author:
  - The hotdesk developers (@hotdesk)
description:
  - Merges the state databases of people's editors (C(state.vscdb) and its backup, also of profiles) row by row. Every editor of VS Code's
    kind is found by what it keeps below C(~/.config) - Code, Code - OSS, Code - Insiders, VSCodium, Cursor and others, also as flatpaks.
  - Rows that are encrypted with the keyring of a machine (C(secret://)), and those that O(keep) names, never leave their PC, so nobody has to
    log in again after a sync.
  - A database is replaced at once by a merged copy that was checked, with the owner and mode that it had. What a crashed editor has left in a log
    or journal counts on both sides. A damaged database is named, and left alone.
options:
  users:
    description:
      - Only these people. When left out, all people (C(UID_MIN) to C(UID_MAX) of C(login.defs)).
    type: list
    elements: str
  editors:
    description:
      - Only these editors, by the name of their folder in C(~/.config). When left out, all.
    type: list
    elements: str
  keep:
    description:
      - Keys of rows that stay each PC's own, as shell patterns. A list of your own replaces the one given here.
      - C(secret://*) always stays.
    type: list
    elements: str
    default:
      - userDataSyncAccountPreference
      - vscode.github-github-*
      - github.vscode-pull-request-github-github-*
      - github.vscode-github-actions-github-*
      - storage.serviceMachineId
      - telemetry.*
  running:
    description:
      - What to do about an editor that is running on the source or the target, which would neither see what is brought nor leave it in place.
      - V(refuse) stops before anything is changed, naming it. V(skip) leaves its databases, with a warning.
    type: str
    choices: [refuse, skip]
    default: refuse
  delete:
    description:
      - Remove rows that only the target has, but those that stay.
    type: bool
    default: false
attributes:
  check_mode:
    description: Lists exactly what a run would do, and writes nothing.
  diff_mode:
    description: Lists the keys of the rows that change, never a value.
extends_documentation_fragment:
  - hotdesk.sync.job
  - hotdesk.sync.job.source
  - hotdesk.sync.job.root
requirements:
  - Python's sqlite3 module on both PCs
notes:
  - The folder job never mirrors these databases, nor what SQLite keeps beside them. It mirrors settings, keyboard shortcuts, snippets and extensions.
  - What is done in a home is done with its owner's rights.
"""

EXAMPLES = r"""
- name: Editors carry on where they were
  hotdesk.sync.vscode:
  become: true

- name: Exactly anna's VSCodium, whoever has another editor open
  hotdesk.sync.vscode:
    users: [anna]
    editors: [VSCodium]
    running: skip
    delete: true
  become: true
"""

RETURN = r"""
items:
  description: What was done (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: ["merge anna .config/Code/User/globalStorage/state.vscdb"]
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
            "editors": {"type": "list", "elements": "str"},
            "keep": {
                "type": "list",
                "elements": "str",
                "default": [
                    "userDataSyncAccountPreference",
                    "vscode.github-github-*",
                    "github.vscode-pull-request-github-github-*",
                    "github.vscode-github-actions-github-*",
                    "storage.serviceMachineId",
                    "telemetry.*",
                ],
            },
            "running": {"type": "str", "choices": ["refuse", "skip"], "default": "refuse"},
            "delete": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="hotdesk.sync.vscode works on the control node, through its action plugin, which was not found"
    )


if __name__ == "__main__":
    main()
