"""Host names with ranges and ports, as an inventory writes them: ``db[01:10:2].example.org:2222``.

https://docs.ansible.com/ansible-core/2.19/inventory_guide/intro_inventory.html#adding-ranges-of-hosts
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from hotdesk.errors import InventoryError

if TYPE_CHECKING:
    from hotdesk.place import Place

MAXIMUM = 1_000_000
"""Names one pattern may expand to; more is a slip of the finger."""
_BRACKETED = re.compile(r"^\[(?P<host>.+)\]:(?P<port>[0-9]+)$")
_HOST_PORT = re.compile(r"^(?P<host>(?:[^:\[\]]|\[[^\]]*\])+):(?P<port>[0-9]+)$")
_RANGE = re.compile(r"\[(?P<range>[^\[\]]*)\]")


def split_port(text: str, place: Place | None = None) -> tuple[str, int | None]:
    """``host:22`` and ``[::1]:22`` -> host and port; a bare IPv6 address has no port. Raises InventoryError."""
    found = _BRACKETED.match(text) or _HOST_PORT.match(text)
    if not found:
        return text, None
    port = int(found["port"][:9])
    if not 0 < port < 65536:
        raise InventoryError(f"port {found['port']} of {found['host']!r} is not between 1 and 65535", place=place)
    return found["host"], port


def expand(text: str, place: Place | None = None) -> tuple[list[str], int | None]:
    """Every host that ``text`` stands for, in order, and the port they share. Raises InventoryError."""
    pattern, port = split_port(text, place)
    if pattern.endswith(":") and not pattern.endswith("::"):
        raise InventoryError(
            f"the host {text!r} ends with ':'", place=place, remedy="Write host:port, or leave the colon out."
        )
    names = [""]
    end = 0
    for found in _RANGE.finditer(pattern):
        head, end = pattern[end : found.start()], found.end()
        values = _values(found["range"], text, place)
        if len(names) * len(values) > MAXIMUM:
            raise InventoryError(f"{text!r} stands for more than {MAXIMUM:,} hosts", place=place)
        names = [f"{name}{head}{value}" for name in names for value in values]
    rest = pattern[end:]
    if "[" in rest or "]" in rest:
        raise InventoryError(f"the host {text!r} has a bracket without its pair", place=place)
    return [name + rest for name in names], port


def _values(bounds: str, text: str, place: Place | None) -> list[str]:
    def wrong(why: str) -> InventoryError:
        return InventoryError(
            f"bad range [{bounds}] in {text!r}: {why}", place=place, remedy="Ranges are [1:9], [01:09:2] or [a:f]."
        )

    parts = bounds.split(":")
    if len(parts) not in (2, 3):
        raise wrong("begin:end or begin:end:step is expected")
    first, last = parts[0] or "0", parts[1]
    try:
        step = int(parts[2]) if len(parts) == 3 else 1
    except ValueError:
        raise wrong("the step is not a number") from None
    if step < 1:
        raise wrong("the step must be at least 1")
    if len(first) == len(last) == 1 and first in string.ascii_letters and last in string.ascii_letters:
        letters = string.ascii_letters
        found = list(letters[letters.index(first) : letters.index(last) + 1 : step])
    elif re.fullmatch(r"[0-9]{1,18}", first) and re.fullmatch(r"[0-9]{1,18}", last):
        width = len(first) if first[0] == "0" and len(first) > 1 else 0
        if width and len(last) != width:
            raise wrong("begin and end must have the same number of digits")
        if int(last) - int(first) >= MAXIMUM * step:
            raise wrong(f"it stands for more than {MAXIMUM:,} hosts")
        found = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
    else:
        raise wrong("the end is missing" if not last else "begin and end must be two numbers or two letters")
    if not found:
        raise wrong("it begins after its end")
    return found
