"""The snap job with the real snapd on PCs that systemd runs: sideloaded snaps, since no store can be reached; its settings; stops."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import snaps
from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.pc import PC

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("snap")]
FIRST = 21
HERE, THERE = (f"pc{FIRST + number}" for number in range(2))
RECORDED = json.loads((Path(__file__).parents[1] / "unit/jobs/snap_recorded.json").read_text())
SOURCE = """
cd /srv; snap install --dangerous hd-one_1.snap; snap switch --channel=latest/edge hd-one; snap install --dangerous --devmode hd-two_1.snap
snap install --dangerous hd-base_1.snap; snap install --dangerous --classic hd-three_1.snap
"""
EMPTY = """
for name in hd-three hd-one hd-two hd-base; do ! snap list $name >/dev/null 2>&1 || snap remove --purge $name; done
rm -rf /var/lib/hotdesk/snap
"""
ASK = """
import http.client, json, socket, sys
line = http.client.HTTPConnection("localhost"); line.sock = socket.socket(socket.AF_UNIX); line.sock.connect("/run/snapd.socket")
line.request(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None); print(line.getresponse().read().decode())
"""
HOLD = "/v2/snaps/system/conf?keys=refresh.hold"
LIST = ("snap", "list", "--color=never", "--unicode=never")


def ask(pc: PC, method: str, path: str, body: str = "") -> dict[str, Any]:
    """What its snapd answers, without its note that there are warnings to be read: that one is about nothing that was asked."""
    found: dict[str, Any] = json.loads(pc.run("python3", "-c", ASK, method, path, *([body] if body else [])))
    return {key: value for key, value in found.items() if key not in ("warning-count", "warning-timestamp")}


def hold(pc: PC) -> str | None:
    """How long its refreshes are held back."""
    found: str | None = ask(pc, "GET", HOLD)["result"].get("refresh.hold")
    return found


def everything(pc: PC) -> tuple[str, list[str]]:
    """What it lists, and the files of its snaps."""
    sums = pc.run("sh", "-c", "sha256sum /var/lib/snapd/snaps/*.snap | cut -d' ' -f1 | sort")
    return pc.run(*LIST), sums.split()


@pytest.fixture(scope="module")
def booted(whole_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two PCs that systemd runs, with snapd."""
    need(missing({"debootstrap": "debootstrap", "snap": "snapd", "mksquashfs": "squashfs-tools"}))
    lab = Lab.up(2, Options(init="systemd", base="debian"), first=FIRST)
    pcs, folder = Lab([lab[HERE], lab[THERE]]), tmp_path_factory.mktemp("snaps")
    try:
        for pc in pcs:
            snaps.install(pc, folder)
        yield pcs
    finally:
        Lab.down(HERE, THERE)


@pytest.fixture
def desk(booted: Lab, tmp_path: Path) -> Iterator[Desk]:
    """The first PC is the source, and has a snap of each kind."""
    for pc in booted:
        pc.run("sh", "-c", EMPTY)
    booted[HERE].run("sh", "-euc", SOURCE)
    yield Desk(booted, tmp_path)
    for pc in booted:
        pc.run("sh", "-c", EMPTY)


def book(desk: Desk, args: str = "") -> Path:
    """The play."""
    tasks = f"- name: Snaps\n  hotdesk.sync.snap: {{source: {HERE}, {args}}}"
    return desk.playbook(tasks, hosts=THERE, head="become: true")


def sync(desk: Desk, *options: str, args: str = "") -> Done:
    """Run it."""
    return desk.play(book(desk, args), *options)


def result(done: Done) -> dict[str, Any]:
    """The job's result."""
    (found,) = done.results(THERE, "Snaps")
    return found


def test_snaps_become_the_same(desk: Desk, booted: Lab) -> None:
    """Files, confinement, channel, a base that no store has; nothing in check mode; the setting is as it was; a second run does nothing."""
    pc, before = booted[THERE], hold(booted[THERE])
    empty = everything(pc)
    checked = sync(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert everything(pc) == empty
    done = sync(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == result(checked)["items"]
    assert everything(pc) == everything(booted[HERE])
    assert hold(pc) == before
    assert pc.run("sh", "-c", "ls /var/lib/hotdesk/*.snap 2>/dev/null || true") == ""
    assert result(sync(desk))["changed"] is False
    verified = desk.run("verify", "--jobs")
    assert verified.returncode == 0, verified.stdout[-3000:]
    pc.run("snap", "disable", "hd-one")
    assert desk.run("verify", "--jobs").returncode == 3


def test_another_file_and_what_only_the_target_has(desk: Desk, booted: Lab) -> None:
    """A newer file is replaced by the source's; without delete nothing goes; a disabled one is enabled."""
    pc = booted[THERE]
    assert sync(desk).code == 0
    pc.run("sh", "-euc", "cd /srv; snap install --dangerous hd-one_2.snap; snap disable hd-two")
    booted[HERE].run("snap", "remove", "--purge", "hd-three")
    assert result(sync(desk))["items"] == ["update hd-one", "enable hd-two"]
    assert "hd-three" in pc.run(*LIST)
    assert result(sync(desk, args="delete: true"))["items"] == ["remove hd-three"]
    assert "hd-three" not in pc.run(*LIST)
    assert "hd-base" in pc.run(*LIST)


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, booted: Lab) -> None:
    """The same play through ansible-playbook's door: nothing in check mode, then the same end state, which hotdesk finds nothing wrong with."""
    pytest.importorskip("ansible")
    pc, before = booted[THERE], hold(booted[THERE])
    empty = everything(pc)
    code, text = desk.ansible(book(desk), "--check")
    assert code == 0, text
    assert everything(pc) == empty
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert everything(pc) == everything(booted[HERE])
    assert hold(pc) == before
    assert result(sync(desk))["changed"] is False


@pytest.mark.parametrize("way", ["interrupted", "killed", "killed everywhere"])
def test_a_stop_leaves_each_snap_whole_and_the_setting_as_it_was(desk: Desk, booted: Lab, way: str) -> None:
    """At once, when the agent's lease is over, or by the next run, whose plan says so, and which waits for what snapd still does."""
    here, there = booted[HERE], booted[THERE]
    before = hold(here), hold(there)
    desk.inventory(extra="hotdesk_lease: 20")
    with desk.playing(book(desk)) as run:
        until(lambda: hold(there) != before[1], 200, "refreshes are held back")
        if way == "killed everywhere":
            run.killed_with(here, there)
        else:
            run.signal(signal.SIGINT if way == "interrupted" else signal.SIGKILL)
        run.ended(120)
    for pc in booted:
        until(lambda pc=pc: not pc.marked("HOTDESK_RUN="), 60, "nothing is left of it")
        if way != "killed everywhere":
            until(lambda pc=pc: all(one["ready"] for one in _changes(pc)), 120, "snapd is at rest")
    if way == "killed everywhere":
        assert hold(there) != before[1]
    else:
        assert (hold(here), hold(there)) == before
    done = sync(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert (f"undo left on {THERE}" in result(done)["items"]) is (way == "killed everywhere")
    assert (hold(here), hold(there)) == before
    assert everything(there) == everything(here)


def _changes(pc: PC) -> list[dict[str, Any]]:
    """Of snaps: without a store a device never becomes known to it."""
    found = ask(pc, "GET", "/v2/changes?select=all")["result"]
    return [one for one in found if one["kind"] != "become-operational"]


def shaped(value: Any, at: str = "") -> set[str]:
    """What kind of answer it is: snapd's own words with the type of what they say."""
    if isinstance(value, dict):
        return {line for name, one in value.items() for line in shaped(one, f"{at}/{name}")}
    if isinstance(value, list):
        return {line for one in value for line in shaped(one, f"{at}[]")} or {f"{at} []"}
    return {f"{at} {type(value).__name__}"}


def test_what_was_recorded_is_what_a_real_snapd_says(desk: Desk, booted: Lab) -> None:
    """Word by word: snaps, a change, errors, and what the program snap prints of the same."""
    pc = booted[HERE]
    found = {one["name"]: one for one in ask(pc, "GET", "/v2/snaps")["result"]}
    for one in RECORDED["snaps"]:
        assert shaped(found[one["name"]]) == shaped(one)
        told = ("revision", "tracking-channel", "confinement", "devmode", "jailmode", "type", "base", "status")
        assert {key: found[one["name"]].get(key) for key in told} | {"revision": ""} == {
            key: one.get(key) for key in told
        } | {"revision": ""}
    plain = re.compile(r" x\d+ ")
    assert plain.sub(" x1 ", pc.run(*LIST)).split() == RECORDED["list"].split()
    begun = ask(pc, "POST", "/v2/snaps/hd-one", '{"action": "switch", "channel": "latest/edge"}')
    assert shaped(begun) == shaped(RECORDED["async"])
    until(lambda: ask(pc, "GET", f"/v2/changes/{begun['change']}")["result"]["ready"], 60, "it is switched")
    assert shaped(ask(pc, "GET", f"/v2/changes/{begun['change']}")["result"]) == shaped(RECORDED["change"])
    assert ask(pc, "POST", "/v2/snaps/nope", '{"action": "remove"}') == RECORDED["errors"]["absent"]
    system = ask(pc, "GET", "/v2/system-info")["result"]
    assert {key: type(value) for key, value in RECORDED["system-info"].items()}.items() <= {
        key: type(value) for key, value in system.items()
    }.items()
