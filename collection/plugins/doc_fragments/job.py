# Copyright: (c) 2026, The hotdesk developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the documentation of every sync job says, once.

A job of this collection extends ``hotdesk.sync.job``, and ``hotdesk.sync.job.source`` and ``hotdesk.sync.job.root`` where they apply. What its own
module says of the same option or attribute comes before what stands here, field by field. RETURN knows no fragments.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc, and by hotdesk, which checks arguments against the whole."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Lists exactly what a run would do, and changes nothing anywhere.
    support: full
  diff_mode:
    description: Shows each change with what was and what will be.
    support: full
  platform:
    description: The systems that can be sources and targets.
    platforms: linux
    support: full
requirements:
  - hotdesk (Python package, on the control node)
notes:
  - One sync at a time works on a PC; a second run is told which one holds it.
"""

    SOURCE = r"""
options:
  source:
    description:
      - The inventory name of the source, the PC that targets become like.
      - When left out, the variable C(hotdesk_source) decides; without that it is the control node.
      - It is reached by its own connection variables, and with C(become) if the task has it.
    type: str
"""

    ROOT = r"""
options: {}
requirements:
  - root on the source and the targets (C(become))
"""
