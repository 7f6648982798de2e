"""The flatpak job with the real flatpak: a signed repository on a third PC, the system's installation and a person's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

pytestmark = pytest.mark.thorough
MAKE = Path(__file__).with_name("flatpak.sh").read_text()
PORT = 8093
SERVE = f"setsid busybox httpd -p {PORT} -h /srv/flatpak >/dev/null 2>&1 </dev/null"
PERSON = "runuser -u ada -- env -i HOME=/home/ada PATH=/usr/bin:/bin LC_ALL=C"
STABLE, BETA, RUNTIME = "app/org.lab.Hello/{}/stable", "app/org.lab.Hello/{}/beta", "runtime/org.lab.Platform/{}/1"
CLEAN = "rm -rf /var/lib/flatpak /home/*/.local/share/flatpak /home/*/.cache/flatpak /home/ada/lab.filter"
SOURCE = """
QUIET="--noninteractive --assumeyes"
flatpak remote-add --gpg-import=/srv/lab.gpg lab URL; flatpak install $QUIET lab org.lab.Hello//stable
flatpak mask org.lab.Hello
printf 'deny *\\nallow app/org.lab.Hello/*/beta\\n' >/home/ada/lab.filter
ADA flatpak --user remote-add --gpg-import=/srv/lab.gpg --filter=/home/ada/lab.filter --prio=3 own URL
ADA flatpak --user install $QUIET --no-deps own org.lab.Hello//beta; ADA flatpak --user pin runtime/org.lab.Platform/*/9
"""
EVERYTHING = """
for scope in --system --user; do
  as() { if test $scope = --user; then ADA "$@"; else "$@"; fi; }
  as flatpak list $scope --all --columns=ref:f,origin:f; as flatpak mask $scope; as flatpak pin $scope
  as flatpak remotes $scope --columns=name:f,url:f,filter:f,options:f,priority:f
done
for top in /var/lib/flatpak /home/ada/.local/share/flatpak; do cd $top; for each in */*/*/*/active; do echo $each $(readlink $each); done
  sha256sum repo/*.gpg; stat -c '%n %U %a' repo/config; done; cat /home/ada/lab.filter
"""


def script(lab: Lab, text: str) -> str:
    """With the address of the repository, and how ada does something."""
    return text.replace("URL", f"http://{lab['pc3'].address}:{PORT}").replace("ADA", PERSON)


def on(lab: Lab, pc: PC, text: str) -> str:
    """Run it there as root."""
    return pc.run("bash", "-euc", script(lab, text))


@pytest.fixture(scope="module")
def repository(whole_lab: Lab) -> Iterator[Lab]:
    """pc3 serves it; the other two have the system bus that flatpak wants."""
    need(missing({"flatpak": "flatpak", "busybox": "busybox", "gpg": "gpg"}))
    pc3 = whole_lab["pc3"]
    pc3.run("bash", "-c", MAKE)
    pc3.run("sh", "-c", f"{SERVE} &")
    for pc in whole_lab:
        pc.run("sh", "-c", "mkdir -p /run/dbus; pgrep -x dbus-daemon >/dev/null || dbus-daemon --system --fork")
        pc.run("sh", "-c", "cat >/srv/lab.gpg", stdin=pc3.run("base64", "/srv/lab.gpg").encode())
        pc.run("sh", "-c", "base64 -d /srv/lab.gpg >/srv/lab.new && mv /srv/lab.new /srv/lab.gpg")
    yield whole_lab
    pc3.run("sh", "-c", "pkill -x busybox; rm -rf /srv/flatpak /srv/keys; true")
    for pc in whole_lab:
        pc.run("sh", "-c", f"{CLEAN} /srv/lab.gpg; pkill -x dbus-daemon; true")


@pytest.fixture
def desk(repository: Lab, lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source."""
    for name in ("pc1", "pc2"):
        on(lab, lab[name], CLEAN)
    on(lab, lab["pc1"], SOURCE)
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for name in ("pc1", "pc2"):
        on(lab, lab[name], CLEAN)


def book(desk: Desk, args: str = "", head: str = "") -> Path:
    """The play: the job from pc1 to pc2."""
    return desk.playbook(
        f"- name: Flatpaks\n  hotdesk.sync.flatpak: {{source: pc1, {args}}}", hosts="pc2", head=f"become: true\n{head}"
    )


def flatpaks(desk: Desk, *options: str, args: str = "") -> Done:
    """Run it."""
    return desk.play(book(desk, args), *options)


def result(done: Done) -> dict[str, Any]:
    """The job's result on pc2."""
    (found,) = done.results("pc2", "Flatpaks")
    return found


def arch(lab: Lab) -> str:
    """As flatpak calls it."""
    return lab["pc1"].run("flatpak", "--default-arch").strip()


def test_installations_become_the_same(desk: Desk, lab: Lab) -> None:
    """Keys, filter, commits, masks, pins, the system's and ada's; nothing in check mode; what was listed is done; a second run does nothing."""
    seen = "find /var/lib/flatpak /home /etc | sort | sha256sum"
    before = lab["pc2"].run("sh", "-c", seen)
    checked = flatpaks(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert lab["pc2"].run("sh", "-c", seen) == before
    done = flatpaks(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == result(checked)["items"]
    assert on(lab, lab["pc2"], EVERYTHING) == on(lab, lab["pc1"], EVERYTHING)
    assert lab["pc2"].run("cat", f"/var/lib/flatpak/{STABLE.format(arch(lab))}/active/files/bin/hello") == "stable-1\n"
    again = flatpaks(desk)
    assert again.code == 0
    assert result(again)["changed"] is False, result(again)["items"]


def test_an_older_commit_a_mask_another_remote(desk: Desk, lab: Lab) -> None:
    """The target is ahead and masked, knows the remote by another address, and has more: it is as the source then, remotes last."""
    lab["pc3"].run("env", "VERSION=2", "bash", "-c", MAKE)
    more = "flatpak remote-add --gpg-import=/srv/lab.gpg more URL; flatpak install $QUIET more org.lab.Hello//beta; flatpak mask org.lab.Own"
    on(lab, lab["pc2"], SOURCE + more + "; flatpak remote-modify --url=http://192.0.2.1/ lab")
    done = flatpaks(desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"][0] == "update remote lab"
    assert result(done)["items"][-1] == "remove remote more"
    assert on(lab, lab["pc2"], EVERYTHING) == on(lab, lab["pc1"], EVERYTHING)
    assert not result(flatpaks(desk, args="delete: true"))["changed"]
