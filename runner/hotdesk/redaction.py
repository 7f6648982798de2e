"""The one place where secrets are taken out of text on its way to a screen or a log (R12)."""

from __future__ import annotations

import json
import re

SHORTEST = 4
"""Characters. A shorter secret would blot out ordinary words; it is kept out of events by ``no_log`` alone."""

USERINFO = re.compile(r"(?<=://)([^\s/:@\"']*):([^\s/@\"']+)@")
MASK = "********"


class Redaction:
    """Knows the secrets of a run (passwords, vaulted values) and masks them, also in their JSON-escaped form."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Mask ``secret`` from now on; each line of a multi-line one as well."""
        for text in {secret, *secret.splitlines()}:
            if len(text.strip()) >= SHORTEST:
                self._secrets.update((text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]))
        self._pattern = None

    def clean(self, text: str) -> str:
        """``text`` without secrets and without the password in ``scheme://user:password@host``."""
        if self._secrets:
            if self._pattern is None:
                longest_first = sorted(self._secrets, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
        return USERINFO.sub(rf"\1:{MASK}@", text) if "://" in text else text
