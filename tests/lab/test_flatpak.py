"""The flatpak job with the real flatpak: a signed repository on a third PC, the system's installation and a person's own."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, until

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
BUS = (
    "mkdir -p /run/dbus; pgrep -x dbus-daemon >/dev/null || { rm -f /run/dbus/pid; exec dbus-daemon --system --fork; }"
)
NO_BUS = "while pkill -x dbus-daemon; do sleep 0.1; done"


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
        pc.run("sh", "-c", BUS)
        pc.run("sh", "-c", "cat >/srv/lab.gpg", stdin=pc3.run("base64", "/srv/lab.gpg").encode())
        pc.run("sh", "-c", "base64 -d /srv/lab.gpg >/srv/lab.new && mv /srv/lab.new /srv/lab.gpg")
    yield whole_lab
    pc3.run("sh", "-c", "pkill -x busybox; rm -rf /srv/flatpak /srv/keys; true")
    for pc in whole_lab:
        pc.run("sh", "-c", f"{CLEAN} /srv/lab.gpg; {NO_BUS}")


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


COMMIT = "ostree --repo=/srv/flatpak rev-parse"
STALL = f"""cd /srv/flatpak/objects; commit=$({COMMIT} REF); tree=$(ostree --repo=/srv/flatpak ls -R -C $commit /files/bin/hello | awk '{{print $5}}')
file=${{tree:0:2}}/${{tree:2}}.filez; mv $file /srv/flatpak/away; mkfifo $file; echo $file"""
"""The server never answers for the one file of the app, after all else of it was sent."""
PULLING = "ls /var/lib/flatpak/repo/state/*.commitpartial 2>/dev/null || true"


@pytest.mark.parametrize("way", ["interrupted", "killed", "killed everywhere"])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, lab: Lab, way: str) -> None:
    """While an app is downloaded, whose runtime is there already: nothing runs on, there is no half of it, and the next run brings it."""
    pc2, pc3 = lab["pc2"], lab["pc3"]
    app = STABLE.format(arch(lab))
    file = on(lab, pc3, STALL.replace("REF", app)).strip()
    try:
        with desk.playing(book(desk, head="vars: {hotdesk_lease: 6}")) as run:
            until(
                lambda: "Hello" in pc2.run("sh", "-c", "pgrep -af 'flatpak install' || true"), 200, "it is at the app"
            )
            until(lambda: pc2.run("sh", "-c", PULLING), 60, "it is downloading")
            if way == "killed everywhere":
                run.killed_with(pc2)
            else:
                run.signal(signal.SIGINT if way == "interrupted" else signal.SIGKILL)
            run.ended(120)
        until(lambda: not pc2.marked("HOTDESK_RUN="), 60, "nothing is left of it")
        listed = pc2.run("flatpak", "list", "--system", "--all", "--columns=ref:f").split()
        assert listed == [RUNTIME.format(arch(lab)).removeprefix("runtime/")]
        pc2.run("flatpak", "repair", "--system", "--dry-run")
    finally:
        pc3.run("sh", "-c", f"mv /srv/flatpak/away /srv/flatpak/objects/{file}")
    done = flatpaks(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert f"install {app}" in result(done)["items"]
    assert on(lab, pc2, EVERYTHING) == on(lab, lab["pc1"], EVERYTHING)
    assert not result(flatpaks(desk))["changed"]


def test_what_fails_takes_only_what_needs_it_along(desk: Desk, lab: Lab) -> None:
    """The server has lost the runtime: it and the app on it fail by name, ada's is brought. Then all is."""
    pc3, runtime, app = lab["pc3"], RUNTIME.format(arch(lab)), STABLE.format(arch(lab))
    commit = pc3.run("sh", "-c", f"{COMMIT} {runtime}").strip()
    file = f"/srv/flatpak/objects/{commit[:2]}/{commit[2:]}.commit"
    pc3.run("mv", file, f"{file}.away")
    try:
        done = flatpaks(desk)
    finally:
        pc3.run("mv", f"{file}.away", file)
    assert done.code == 2, done.stdout[-3000:]
    failed = result(done)["failed_changes"]
    assert sorted(failed) == [f"install {app}", f"install {runtime}"]
    assert failed[f"install {app}"] == f"not done, since 'install {runtime}' failed"
    assert "flatpak install" in failed[f"install {runtime}"]
    assert f"install {BETA.format(arch(lab))} for ada" in result(done)["items"]
    done = flatpaks(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert on(lab, lab["pc2"], EVERYTHING) == on(lab, lab["pc1"], EVERYTHING)


def test_a_missing_flatpak_is_told_at_once(desk: Desk, lab: Lab) -> None:
    """Once, with the remedy; nothing is changed."""
    lab["pc2"].run("mv", "/usr/bin/flatpak", "/usr/bin/flatpak.away")
    try:
        done = flatpaks(desk)
    finally:
        lab["pc2"].run("mv", "/usr/bin/flatpak.away", "/usr/bin/flatpak")
    assert done.code != 0
    for text in ("pc2 has no flatpak", "Install flatpak and util-linux there."):
        assert text in done.stdout, text
    assert lab["pc2"].run("sh", "-c", "ls /var/lib/flatpak 2>/dev/null || true") == ""


DRIFT = """
ADA flatpak --user uninstall --noninteractive --assumeyes --no-related org.lab.Hello//beta
flatpak mask --remove org.lab.Hello; flatpak remote-modify --url=http://192.0.2.1/ lab; ADA flatpak --user pin --remove runtime/org.lab.Platform/*/9
"""


def test_drift_is_found_later(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync; an app, a mask, a remote and a pin that somebody changed are named."""
    assert flatpaks(desk).code == 0
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 0, done.stdout + done.stderr
    on(lab, lab["pc2"], DRIFT)
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 3, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.startswith("drifted:")]
    assert len(drifted) == 4, done.stdout
    for what in ("flatpak refs for ada", "flatpak masks", "flatpak remotes", "flatpak pins for ada"):
        assert any(what in line for line in drifted), (what, drifted)


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert on(lab, lab["pc2"], EVERYTHING) == on(lab, lab["pc1"], EVERYTHING)
    assert not result(flatpaks(desk))["changed"]
