"""prctl(2) without the module ctypes, whose import takes a tenth of the agent's start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl() -> Any:
    try:  # what ctypes.CDLL(None).prctl is
        import _ctypes

        number = type("c_int", (_ctypes._SimpleCData,), {"_type_": "i"})
        kind = {"_flags_": _ctypes.FUNCFLAG_CDECL, "_restype_": number}
        symbol = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        return type("Function", (_ctypes.CFuncPtr,), kind)(symbol)
    except Exception:
        return _slow_prctl()


def _slow_prctl() -> Any:
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except Exception:
        return None


_PRCTL = _prctl()


def control_process(option: int, value: int) -> bool:
    """prctl(2); False where there is none."""
    return _PRCTL is not None and bool(_PRCTL(option, int(value), 0, 0, 0) == 0)
