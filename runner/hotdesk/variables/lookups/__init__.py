from __future__ import annotations
from dataclasses import dataclass
from typing import Any

LOOKUPS: dict[str, Any] = {}


class LookupCall: ...


@dataclass(frozen=True)
class LookupServices:
    run_command: Any = None


def lookup_functions(templates: Any) -> dict[str, Any]:
    return {}
