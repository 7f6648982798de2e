"""``serial``: the hosts of a play cut into batches.

Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_strategies.html#setting-the-batch-size-with-serial
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.place import Place


def batches_of(hosts: Sequence[str], serial: Sequence[Any], *, place: Place | None = None) -> list[list[str]]:
    """Batches by ``serial`` (numbers, ``"30%"`` of all hosts; the last is repeated; none or 0: one batch). Raises PlaybookError."""
    sizes = [_size(value, len(hosts), place) for value in serial] or [0]
    left, batches, number = list(hosts), [], 0
    while left:
        size = sizes[min(number, len(sizes) - 1)]
        size = len(left) if size <= 0 else size
        batches.append(left[:size])
        left = left[size:]
        number += 1
    return batches


def _size(value: Any, total: int, place: Place | None) -> int:
    text = str(value).strip()
    try:
        if text.endswith("%"):
            return max(1, int(total * float(text[:-1]) / 100))
        return int(text)
    except ValueError:
        raise PlaybookError(
            f"'serial' must be a number of hosts or a percentage, not {value!r}",
            place=place,
            remedy="For example 2, or 30%.",
        ) from None
