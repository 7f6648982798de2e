"""Signals that this process was born deaf to, and what it starts would be."""

from __future__ import annotations

import signal


def hear_again() -> None:
    """Undo what ``nohup`` (HUP) and a shell's ``&`` (INT) have set: an ignored signal is inherited, a handler is not (signal(7))."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # nohup: we ourselves live on
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
