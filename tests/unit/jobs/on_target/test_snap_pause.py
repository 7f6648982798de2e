"""Holding snapd's refreshes back, and following its changes, with a snapd that is none: what a stop, a kill and another hand leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from hotdesk.jobs.on_target import snap_api, snap_pause
from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.stopping import Stopped
from tests.unit.jobs.snapd import Snapd, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

SETTING = "refresh.hold"
SOON = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


@pytest.fixture
def snapd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snapd]:
    """One that answers."""
    monkeypatch.setattr(snap_api, "BEAT", 0.001)
    monkeypatch.setattr(snap_pause, "BEAT", 0.001)
    with serving(Snapd(tmp_path / "socket")) as running:
        yield running


def paused(snapd: Snapd, root: Path) -> Generator[str, None, None]:
    """A pause that has begun."""
    pause = cast("Generator[str, None, None]", snap_pause.pause(root=str(root), socket=snapd.socket))
    assert next(pause) == "paused"
    return pause


def stop(going: Any) -> None:
    """What TERM does."""
    with pytest.raises(StopIteration):
        going.throw(Stopped("stopped"))


def kill(going: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a SIGKILL does: nothing of its end happens, and its lock is gone."""
    with monkeypatch.context() as patch:
        patch.setattr(snap_pause, "_end", lambda *_: None)
        patch.setattr("os.unlink", lambda *_: None)
        going.close()


@pytest.mark.parametrize("prior", [None, SOON, "2020-01-01T00:00:00Z"], ids=["unset", "soon", "past"])
def test_the_setting_is_exactly_as_it_was(snapd: Snapd, tmp_path: Path, prior: str | None) -> None:
    """Unset, or to the last digit; it is a time some hours ahead meanwhile, which snapd ends by itself."""
    snapd.conf = {SETTING: prior} if prior else {}
    pause = paused(snapd, tmp_path / "acts")
    left = datetime.fromisoformat(snapd.conf[SETTING]) - datetime.now(UTC)
    assert timedelta(hours=5.9) < left <= timedelta(hours=6)
    stop(pause)
    assert snapd.conf == ({SETTING: prior} if prior else {})
    assert snap_pause.unfinished(str(tmp_path / "acts")) == []


@pytest.mark.parametrize("prior", ["forever", "2319-01-01T00:00:00.5+01:00"])
def test_a_longer_hold_is_left_alone(snapd: Snapd, tmp_path: Path, prior: str) -> None:
    """It is never set."""
    snapd.conf = {SETTING: prior}
    stop(paused(snapd, tmp_path / "acts"))
    assert snapd.conf == {SETTING: prior}
    assert snapd.asked == []


def test_after_a_kill_the_next_run_puts_it_back(snapd: Snapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it only recovers, or pauses again."""
    root, snapd.conf = tmp_path / "acts", {SETTING: SOON}
    kill(paused(snapd, root), monkeypatch)
    assert snapd.conf[SETTING] != SOON
    assert snap_pause.recover(str(root), snapd.socket) == ["let snapd refresh again"]
    assert snapd.conf == {SETTING: SOON}
    assert snap_pause.recover(str(root), snapd.socket) == []
    kill(paused(snapd, root), monkeypatch)
    stop(paused(snapd, root))
    assert snapd.conf == {SETTING: SOON}


def test_several_share_one_hold(snapd: Snapd, tmp_path: Path) -> None:
    """A source of several targets: the last one puts the setting back."""
    first, second = paused(snapd, tmp_path / "acts"), paused(snapd, tmp_path / "acts")
    stop(first)
    assert snapd.conf
    stop(second)
    assert snapd.conf == {}


def test_what_somebody_else_has_set_meanwhile_stays(snapd: Snapd, tmp_path: Path) -> None:
    """It is theirs."""
    pause = paused(snapd, tmp_path / "acts")
    snapd.conf = {SETTING: "forever"}
    stop(pause)
    assert snapd.conf == {SETTING: "forever"}


def test_a_setting_that_is_not_taken_over_is_said(
    snapd: Snapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Success alone proves nothing; nothing is left of it."""
    monkeypatch.setattr(
        snapd, "_conf", lambda method, body: snapd._begun() if method == "PUT" else snapd._sync({SETTING: SOON})
    )
    with pytest.raises(Failed, match="did not take over"):
        next(iter(snap_pause.pause(root=str(tmp_path / "acts"), socket=snapd.socket)))
    assert snap_pause.unfinished(str(tmp_path / "acts")) == []


def test_another_change_is_waited_for(snapd: Snapd) -> None:
    """What snapd is just doing with the same snap."""
    snapd.has("code")
    snapd.busy = 2
    said = list(snap_api.carry_out("POST", "/v2/snaps/code", {"action": "disable"}, snapd.socket))
    assert len(said) == 2
    assert snapd.snaps["code"]["status"] == "installed"


def test_a_snapd_that_starts_again_is_waited_for(snapd: Snapd) -> None:
    """It goes on with its change then."""
    snapd.has("code")
    snapd.away = 2
    list(snap_api.carry_out("POST", "/v2/snaps/code", {"action": "disable"}, snapd.socket))
    assert snapd.away == 0
    assert snapd.snaps["code"]["status"] == "installed"


def test_a_stop_has_snapd_undo_its_change(snapd: Snapd) -> None:
    """It is asked to, and waited for."""
    snapd.has("code")
    snapd.stuck.add("refresh")
    going = snap_api.carry_out("POST", "/v2/snaps/code", {"action": "refresh"}, snapd.socket)
    assert next(going)["what"].startswith("Switch snap")
    stop(going)
    assert snapd.asked[-1] == "abort"


def test_an_error_is_said_in_snapds_words(snapd: Snapd, tmp_path: Path) -> None:
    """With its kind; and so that nobody answers."""
    with pytest.raises(Failed, match="is not installed") as found:
        list(snap_api.carry_out("POST", "/v2/snaps/nope", {"action": "remove"}, snapd.socket))
    assert found.value.data["kind"] == "snap-not-installed"
    with pytest.raises(Failed, match="does not answer"):
        snap_api.ask("GET", "/v2/snaps", None, str(tmp_path / "nowhere"))
