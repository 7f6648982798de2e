"""What the functions of ``ends`` and ``scan`` answer (hotdesk.shapes): a PC can say anything."""

from __future__ import annotations

from typing import Any

END: dict[str, Any] = {
    **dict.fromkeys(("kind", "machine"), str),
    "uid": int,
    "users": {str: int},
    "login": {"name": str, "uid?": int, "home": str, "sudo": bool},
    **dict.fromkeys(("acls", "xattrs"), bool),
}
LOOK = {
    "filters": [[bytes, bytes]],
    **dict.fromkeys(("foreign", "devices", "entries"), int),
    "example": (bytes, None),
}
GUARDED = {str: ([int, bytes, int], None)}
DESCRIBED = [{"type": str, "size?": int, "mode?": str, "sha256?": str}]
