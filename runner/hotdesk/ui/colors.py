"""The colours of Ansible's output."""

from __future__ import annotations

COLORS = {
    "ok": "0;32",
    "changed": "0;33",
    "skipped": "0;36",
    "failed": "0;31",
    "unreachable": "1;31",
    "verbose": "0;34",
    "warning": "1;35",
    "error": "0;31",
    "deprecation": "0;35",
    "diff_add": "0;32",
    "diff_remove": "0;31",
    "diff_lines": "0;36",
}
"""Ansible's default colours (docs: Ansible Configuration Settings, COLOR_*), as ANSI SGR codes."""


def paint(text: str, color: str) -> str:
    """``text`` in one of COLORS, each line by itself as Ansible does (so that grep keeps the colour)."""
    code = COLORS[color]
    return "\n".join(f"\x1b[{code}m{line}\x1b[0m" for line in text.split("\n"))
