"""The manual job on real PCs: a deb from a file, trees in /opt and /usr/local, snippets that work, fail, hang and are stopped."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.debs import Deb
from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

REGISTRY = "/etc/hotdesk/manual.yml"
ONE = "mkdir -p /opt/hd-vendor/one && echo 1 >/opt/hd-vendor/one/version"
ENTRIES = f"""
debs:
  hd-hand:
    install: dpkg --install /srv/hd-hand.deb >/dev/null
    version: dpkg-query --show --showformat '${{Version}}' hd-hand
trees:
  /opt/hd-tool:
    needs: [deb hd-hand]
    install: |
      secret=geheim-4711
      [ ! -e /run/hd-gate ] || {{ rm -rf /opt/hd-tool; touch /run/hd-stuck; sleep 600; }}
      mkdir -p /opt/hd-tool; echo "$HOTDESK_VERSION" >/opt/hd-tool/VERSION
    version: cat /opt/hd-tool/VERSION
    remove: rm -r /opt/hd-tool
  /opt/hd-vendor/one:
    install: {ONE}
    version: cat /opt/hd-vendor/one/version
"""
KEPT = "/var/tmp/hotdesk-manual"
QUICK = f"[ -e {KEPT} ] || cp -a /etc/apt {KEPT}; rm -rf /etc/apt/sources.list* /var/lib/apt/lists/*"
"""No archives: apt's answers about a hundred packages would take longer than all the rest."""
CLEAN = "dpkg --purge hd-hand hd-other 2>/dev/null; rm -rf /opt/hd-* /usr/local/bin/hd-* /etc/hotdesk /srv/hd-* /run/hd-* /var/lib/hotdesk; true"


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages that no repository has."""
    folder = tmp_path_factory.mktemp("debs")
    for name, version in (("hd-hand", "1.0"), ("hd-hand", "2.0"), ("hd-other", "1.0")):
        Deb(name, version).build(folder)
    return folder


@pytest.fixture
def desk(lab: Lab, tmp_path: Path, debs: Path) -> Iterator[Desk]:
    """pc1 is the source: a deb, a tool that needs it, one of a vendor's two programs, a script that nobody has written down."""
    for pc in lab:
        pc.run("sh", "-c", f"{CLEAN}; {QUICK}")
        pc.run("tee", "/srv/hd-hand.deb", stdin=(debs / "hd-hand_2.0_all.deb").read_bytes())
    hand(lab["pc1"], debs, "hd-hand", "2.0")
    lab["pc1"].run(
        "sh", "-ec",
        "mkdir -p /opt/hd-tool /opt/hd-vendor/one /opt/hd-empty/deep /opt/hd-maybe/a /opt/hd-maybe/b; echo 7 >/opt/hd-tool/VERSION; "
        "echo 1 >/opt/hd-vendor/one/version; touch /opt/hd-maybe/a/x /usr/local/bin/hd-script",
    )  # fmt: skip
    registry(lab["pc1"], ENTRIES)
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in lab:
        pc.run("sh", "-c", f"{CLEAN}; rm -rf /etc/apt; mv {KEPT} /etc/apt")


def hand(pc: PC, debs: Path, name: str, version: str) -> None:
    """Install a deb from a file."""
    pc.run(
        "sh",
        "-c",
        "cat >/srv/hd.deb; dpkg --install /srv/hd.deb; rm /srv/hd.deb",
        stdin=(debs / f"{name}_{version}_all.deb").read_bytes(),
    )


def registry(pc: PC, text: str) -> None:
    pc.run("install", "-D", "-m", "600", "/dev/stdin", REGISTRY, stdin=text.encode())


def book(desk: Desk, args: str = "", hosts: str = "pc2", lease: int = 30) -> Path:
    own = "exclude: ['[!h/]*', '/usr/local/bin/[!h]*', '/usr/local/[!b]*', '/opt/[!h]*'], "  # what the machine has that the lab runs on
    return desk.playbook(
        f"- name: Manual\n  hotdesk.sync.manual: {{{own}{args}}}", hosts=hosts,
        head=f"become: true\nvars: {{hotdesk_source: pc1, hotdesk_disk_watch: false, hotdesk_lease: {lease}}}",
    )  # fmt: skip


def result(done: Done, host: str = "pc2") -> dict[str, Any]:
    """The job's result on a host."""
    (found,) = done.results(host, "Manual")
    return found


def state(pc: PC) -> str:
    """What is installed, as dpkg and the files themselves say."""
    return pc.run(
        "sh", "-c",
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' 'hd-*' 2>/dev/null; "
        "find /opt/hd-* /usr/local/bin/hd-* /etc/hotdesk /var/lib/hotdesk -type f -exec sh -c 'echo \"$1\"; cat \"$1\"' sh {} ';' 2>/dev/null; true",
    )  # fmt: skip


def test_what_was_installed_by_hand_is_brought(desk: Desk, lab: Lab, debs: Path, tmp_path: Path) -> None:
    """Onto a PC with nothing and one with other versions; nothing in check mode; what nobody wrote down is named; a second run does nothing."""
    hand(lab["pc3"], debs, "hd-hand", "1.0")
    lab["pc3"].run("sh", "-c", "mkdir -p /opt/hd-tool; echo 9 >/opt/hd-tool/VERSION")
    before = [state(pc) for pc in lab]
    checked = desk.play(book(desk, hosts="pc2,pc3"), "--check")
    assert checked.code == 0, checked.stdout[-3000:]
    assert [state(pc) for pc in lab] == before
    done = desk.play(book(desk, hosts="pc2,pc3"))
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == ["install /opt/hd-vendor/one", "install deb hd-hand", "install /opt/hd-tool"]
    assert result(done, "pc3")["items"] == ["install /opt/hd-vendor/one", "replace deb hd-hand", "replace /opt/hd-tool"]
    for name in ("pc2", "pc3"):
        assert result(checked, name)["items"] == result(done, name)["items"]
        lost = {one["item"]: one["why"] for one in result(done, name)["unreplicable"]}
        assert sorted(lost) == ["/opt/hd-maybe", "/usr/local/bin/hd-script"]
        assert "one for each of /opt/hd-maybe/a, /opt/hd-maybe/b" in lost["/opt/hd-maybe"]
        assert any("/usr/local/bin/hd-script is not brought" in text for text in result(done, name)["warnings"])
        text = state(lab[name])
        assert "hd-hand 2.0 installed\n" in text
        assert "/opt/hd-tool/VERSION\n7\n" in text
        assert "/opt/hd-vendor/one/version\n1\n" in text
        assert "manual.yml" not in text
    again = desk.play(book(desk, hosts="pc2,pc3"))
    assert [result(again, name)["changed"] for name in ("pc2", "pc3")] == [False, False]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert "geheim-4711" not in done.stdout + done.stderr + written


@pytest.mark.thorough
def test_a_snippet_that_fails_fails_its_item_and_what_needs_it(desk: Desk, lab: Lab, debs: Path) -> None:
    """By name, also when it only says that it has succeeded; the rest is done, and the next run makes up for it."""
    lab["pc2"].run("sh", "-c", "echo broken >/srv/hd-hand.deb")
    registry(lab["pc1"], ENTRIES.replace(ONE, "'true'"))
    done = desk.play(book(desk))
    assert done.code == 2, done.stdout[-3000:]
    failed = result(done)["failed_changes"]
    assert "dpkg" in failed["install deb hd-hand"]
    assert failed["install /opt/hd-tool"] == "not done, since 'install deb hd-hand' failed"
    assert "succeeded, but the version is ''" in failed["install /opt/hd-vendor/one"]
    registry(lab["pc1"], ENTRIES)
    lab["pc2"].run("tee", "/srv/hd-hand.deb", stdin=(debs / "hd-hand_2.0_all.deb").read_bytes())
    assert desk.play(book(desk)).code == 0
    assert "/opt/hd-tool/VERSION\n7\n" in state(lab["pc2"])


@pytest.mark.thorough
def test_a_snippet_that_hangs_is_ended(desk: Desk, lab: Lab, debs: Path) -> None:
    """With all that it has started, after the limit; its item fails by name."""
    hand(lab["pc2"], debs, "hd-hand", "2.0")
    lab["pc2"].run("touch", "/run/hd-gate")
    done = desk.play(book(desk, "limit: 20"))
    assert result(done)["failed_changes"] == {"install /opt/hd-tool": "its snippet took longer than 20 seconds"}
    assert not lab["pc2"].marked("sleep 600")


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_what_was_stopped_in_the_middle_is_installed_again(desk: Desk, lab: Lab, signum: int) -> None:
    """Nothing of the snippet goes on, and the next run installs it though the version is right by then."""
    lab["pc2"].run("touch", "/run/hd-gate")
    with desk.playing(book(desk, lease=6)) as run:
        until(lambda: lab["pc2"].run("sh", "-c", "ls /run/hd-stuck", check=False), 120, "it is being installed")
        run.signal(signum)
        run.ended(60)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 60, "nothing is left of it")
    assert not lab["pc2"].marked("sleep 600")
    lab["pc2"].run(
        "sh", "-c", "rm /run/hd-*; mkdir -p /opt/hd-tool; echo 7 >/opt/hd-tool/VERSION; touch /opt/hd-tool/half"
    )
    done = desk.play(book(desk))
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == ["replace /opt/hd-tool"]
    assert "manual.json\n{}" in state(lab["pc2"])


@pytest.mark.thorough
def test_the_registry_travels_with_consent_alone(desk: Desk, lab: Lab) -> None:
    """Never by itself, not by a mirror, and over the target's own entries only when that is said."""
    tasks = "- hotdesk.sync.folder: {source: pc1, path: /etc/hotdesk}"
    assert desk.play(desk.playbook(tasks, hosts="pc2", head="become: true")).code == 0
    assert "manual.yml" not in state(lab["pc2"])
    assert desk.play(book(desk, "push: add")).code == 0
    assert lab["pc2"].run("stat", "-c", "%a %U", REGISTRY) == "600 root\n"
    assert lab["pc2"].run("cat", REGISTRY) == ENTRIES
    registry(lab["pc2"], "trees: {/opt/hd-own: {install: 'true', version: echo 1}}")
    kept = desk.play(book(desk, "push: add"))
    assert kept.code == 0, kept.stdout[-3000:]
    assert any("would be lost: /opt/hd-own" in text for text in result(kept)["warnings"])
    assert "hd-own" in lab["pc2"].run("cat", REGISTRY)
    assert result(desk.play(book(desk, "push: replace")))["items"] == [f"push {REGISTRY}"]
    assert lab["pc2"].run("cat", REGISTRY) == ENTRIES


def test_a_wrong_registry_is_told_with_its_place(desk: Desk, lab: Lab) -> None:
    """Before anything is changed: a missing body, a writable file."""
    registry(lab["pc1"], "debs:\n  hd-hand:\n    instal: 'true'\n")
    done = desk.play(book(desk))
    assert done.code != 0
    assert "manual.yml:" in done.stdout
    assert "Did you mean 'install'?" in done.stdout
    registry(lab["pc1"], ENTRIES)
    lab["pc1"].run("chmod", "666", REGISTRY)
    done = desk.play(book(desk))
    assert done.code != 0
    assert "chmod 600" in done.stdout
    assert "hd-hand" not in state(lab["pc2"])


@pytest.mark.thorough
def test_what_only_the_target_has_goes_on_request(desk: Desk, lab: Lab, debs: Path) -> None:
    """A deb by dpkg, a tree by its snippet; one without is named."""
    assert desk.play(book(desk)).code == 0
    hand(lab["pc2"], debs, "hd-other", "1.0")
    lab["pc1"].run("rm", "-r", "/opt/hd-tool")
    lab["pc2"].run("sh", "-c", "mkdir /opt/hd-own; touch /opt/hd-own/x")
    assert not result(desk.play(book(desk)))["changed"]
    done = desk.play(book(desk, "remove: true"))
    assert done.code == 0, done.stdout[-3000:]
    assert sorted(result(done)["items"]) == ["remove /opt/hd-tool", "remove deb hd-other"]
    assert "/opt/hd-own" in {one["item"] for one in result(done)["unreplicable"]}
    assert "hd-other 1.0 installed" not in state(lab["pc2"])
    assert "hd-tool" not in state(lab["pc2"])
    assert "/opt/hd-own/x" in state(lab["pc2"])


def test_drift_is_found_later(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync; a tree of another version is named."""
    assert desk.play(book(desk)).code == 0
    verified = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    lab["pc2"].run("sh", "-c", "echo 8 >/opt/hd-tool/VERSION")
    verified = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert verified.returncode == 3, verified.stdout + verified.stderr
    assert "version of /opt/hd-tool" in verified.stdout


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert "/opt/hd-tool/VERSION\n7\n" in state(lab["pc2"])
    assert "hd-hand 2.0 installed" in state(lab["pc2"])
    assert not result(desk.play(book(desk)))["changed"]


def test_apt_leaves_it_to_this_job(desk: Desk) -> None:
    """What the one calls of no repository is what the other brings."""
    tasks = "- name: Apt\n  hotdesk.sync.apt: {exclude: ['[!h]*']}\n  check_mode: true"
    done = desk.play(
        desk.playbook(tasks, hosts="pc2", head="become: true\nvars: {hotdesk_source: pc1, hotdesk_disk_watch: false}")
    )
    (found,) = done.results("pc2", "Apt")
    assert any("left to the manual job" in text and "hd-hand" in text for text in found["warnings"]), json.dumps(found)
