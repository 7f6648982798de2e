from __future__ import annotations

import os
import signal

import pytest

from hotdesk.jobs.on_target.stopping import Stopped, stoppable


def test_a_second_stop_does_not_break_off_what_is_being_put_back() -> None:
    """The first one unwinds; afterwards TERM means again what it meant before."""
    before = signal.getsignal(signal.SIGTERM)
    back = []
    with pytest.raises(Stopped), stoppable():  # noqa: PT012 - the signals are the subject
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            back.append("all of it")
    assert back == ["all of it"]
    assert signal.getsignal(signal.SIGTERM) == before
