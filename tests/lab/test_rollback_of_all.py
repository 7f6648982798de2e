"""A rollback on a real btrfs root, of a sync by several jobs: a package, a file of /etc, deleted files and a volume, judged by their own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.brought import DOCKER, bring
from tests.lab.btrfs import GROUP, btrfs, desk, top
from tests.lab.debs import HOME, Deb, archive, lay
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.test_docker import on

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.pc import PC
    from tests.lab.running import Desk

__all__ = ["btrfs", "desk"]

pytestmark = [GROUP, pytest.mark.thorough]
DEBS = (
    Deb("hd-old", "1.0", files={"/etc/hd-old.conf": "packaged\n", "/usr/share/hd-old/data": "of the package\n"}),
    Deb("hd-new", "1.0", files={"/usr/share/hd-new": "new\n"}),
)
ENGINE = """
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
test -e /sys/fs/cgroup/cgroup.procs || mount -t cgroup2 cgroup2 /sys/fs/cgroup
setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
for _ in $(seq 600); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
docker info >/dev/null || { tail -5 /var/log/dockerd.log >&2; exit 1; }
"""
EVERYWHERE = f"""
rm -rf /etc/apt/sources.list* /var/lib/apt/lists/*; mkdir -p /etc/apt/sources.list.d
echo 'deb [signed-by=/usr/share/keyrings/hd.gpg] file:{HOME}/distribution ./' >/etc/apt/sources.list; apt-get -qq update
"""
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install"
DATA = "/var/lib/docker/volumes/data/_data"
BOX = "tar -C /etc --sort=name --mtime=@0 --owner=0 --group=0 -c hostname | docker import -c 'CMD [\"/none\"]' - lab/own:1 >/dev/null\n"
HERE = f"""
{INSTALL} hd-new
echo new >/etc/hd-own.conf
mkdir -p /home/ada/tree/deep; cd /home/ada/tree; echo new >both; echo new >deep/new; chown -R ada: .
docker volume create data >/dev/null; cd {DATA}; echo new >page; echo new >new
"""
THERE = f"""
{INSTALL} hd-old; echo 'by hand' >>/etc/hd-old.conf
echo old >/etc/hd-own.conf; chown root:adm /etc/hd-own.conf; chmod 640 /etc/hd-own.conf; touch -d @1000000000 /etc/hd-own.conf
mkdir -p /home/ada/tree/gone/deep; cd /home/ada/tree; echo old >both; echo own >gone/deep/own; ln -s both link; chmod 600 both; chown -R ada: .
setfacl -m u:bob:r gone/deep/own
{BOX}docker volume create data >/dev/null; cd {DATA}; echo old >page; echo own >own; chown 33:33 own
docker create --name own --network none --label a=b -v data:/data lab/own:1 >/dev/null
"""
TASKS = """
- hotdesk.sync.snapshot: {phase: before}
- hotdesk.sync.apt: {remove: true}
- hotdesk.sync.etc: {paths: [/etc/hd-own.conf]}
- hotdesk.sync.folder: {path: /home/ada/tree, delete: true}
- hotdesk.sync.docker: {delete: true}
- hotdesk.sync.snapshot: {phase: after}
"""
SUMS = "find . -printf '%P %y %m %U %G %T@ %l\\n' | sort; find . -type f | sort | xargs sha256sum"
LISTING = {
    "packages": """dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' 'hd-*'; apt-mark showmanual | grep ^hd-
        find /usr/share/hd-* /etc/hd-old* -type f | sort | xargs sha256sum; dpkg --verify hd-old hd-new 2>&1""",
    "configuration": "stat -c '%n %a %U %G %Y' /etc/hd-own.conf; cat /etc/hd-own.conf",
    "files": f"cd /home/ada/tree; {SUMS}; getfacl -pR .",
    "docker": """docker volume inspect --format '{{.Name}} {{.Labels}} {{.CreatedAt}}' data
        docker image ls --no-trunc --format '{{.ID}} {{.Repository}}'
        docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}} {{.Labels}} {{.Mounts}}'""",
    "volume": f"cd {DATA}; {SUMS}",
}


@pytest.fixture
def pair(desk: Desk, btrfs: Lab, tmp_path: Path) -> tuple[PC, PC]:
    """The source, and a target that has in every respect something of its own."""
    need(missing({"dockerd": "docker.io"}))
    here, there = btrfs["pc6"], btrfs["pc7"]
    key = archive(tmp_path / "archives" / "distribution", "Distribution", DEBS)
    for pc, own in ((here, HERE), (there, THERE)):
        bring(pc, "docker.io")
        lay(pc, tmp_path / "archives")
        pc.run("tee", "/usr/share/keyrings/hd.gpg", stdin=key)
        on(btrfs, pc, f"set -e\n{DOCKER}{ENGINE}{EVERYWHERE}{own}")
    desk.inventory(extra="hotdesk_source: pc6", hosts={"pc6": "ansible_user: root"})
    return here, there


def state(pc: PC) -> dict[str, str]:
    """What the PC's own tools say of each kind of thing."""
    return {kind: pc.run("sh", "-c", f"{script}; true") for kind, script in LISTING.items()}


def test_a_package_a_file_of_etc_deleted_files_and_a_volume_come_back(
    desk: Desk, btrfs: Lab, pair: tuple[PC, PC]
) -> None:
    """All of it is gone or replaced after the sync, and after the rollback and its reboot as it was, to the time of each file."""
    here, there = pair
    before, source, subvolumes = state(there), state(here), top(there, "ls /mnt")
    done = desk.play(desk.playbook(TASKS, hosts="pc7", head="become: true\nvars: {hotdesk_disk_watch: false}"))
    assert done.code == 0, done.stdout[-4000:] + done.stderr
    after = state(there)
    assert "hd-old 1.0 installed" in before["packages"]
    assert "hd-old 1.0 installed" not in after["packages"]
    assert after["configuration"].endswith("\nnew\n")
    assert after["files"] == source["files"]
    assert there.run("sh", "-c", f"cd {DATA}; cat *") == "new\nnew\n"
    for name in ("own", "lab/own"):
        assert f" {name}" in before["docker"]
        assert f" {name}" not in after["docker"]
    back = desk.run("rollback", done.run_id, "--hosts", "pc7", "--yes")
    assert back.returncode == 0, back.stdout[-4000:] + back.stderr
    assert "Reboot pc7 now" in back.stdout
    there.off()
    there.on()
    there.wait_for_ssh()
    on(btrfs, there, ENGINE)
    assert state(there) == before
    assert state(here) == source
    assert top(there, "ls /mnt") == subvolumes, "nothing of the swap is left beside them"


APART = """
pkill -x dockerd; while pgrep -x dockerd >/dev/null; do sleep 0.2; done
for each in /var/lib/docker/btrfs/subvolumes/*; do test ! -e $each || btrfs -q subvolume delete $each; done; rm -rf /var/lib/docker
"""
DELETE = """
- hotdesk.sync.snapshot: {phase: before}
- hotdesk.sync.docker: {delete: true, exclude: ["lab/kept:*"]}
- hotdesk.sync.snapshot: {phase: after}
"""
OWN = f"""set -e
{BOX}docker tag lab/own:1 lab/other:1; docker create --name own --network none lab/own:1 >/dev/null
docker volume create data >/dev/null; echo old >{DATA}/page; tar -C /etc -c hostname | docker import -c 'CMD ["/none"]' - lab/kept:1
"""
KEPT = "docker create --name kept --network none lab/kept:1 >/dev/null; docker cp kept:/hostname - | tar -xO; docker rm kept >/dev/null"


def test_what_docker_keeps_in_subvolumes_is_not_promised(desk: Desk, btrfs: Lab) -> None:
    """Under its driver for btrfs: the plan has no way back for a container and its image; a volume comes back, and other images are whole."""
    need(missing({"dockerd": "docker.io"}))
    for pc in btrfs:
        bring(pc, "docker.io")
        on(btrfs, pc, f"{APART}set -e\n{DOCKER.replace('overlay2', 'btrfs')}{ENGINE}")
    there = btrfs["pc7"]
    on(btrfs, there, OWN)
    desk.inventory(extra="hotdesk_source: pc6", hosts={"pc6": "ansible_user: root"})
    done = desk.play(desk.playbook(DELETE, hosts="pc7", head="become: true\nvars: {hotdesk_disk_watch: false}"))
    assert done.code == 0, done.stdout[-4000:] + done.stderr
    told = [change for event in done.events if event["event"] == "JobDone" for change in event["changes"]]
    ways = {f"{one['verb']} {one['subject']}": one["undo"] for one in told}
    assert ways["remove volume data"] == "hotdesk rollback, by the run's snapshots"
    for gone in ("container own", "image lab/own:1", "image lab/other:1"):
        assert ways[f"remove {gone}"] == "", ways
    back = desk.run("rollback", done.run_id, "--hosts", "pc7", "--yes")
    assert back.returncode == 0, back.stdout[-4000:] + back.stderr
    there.off()
    there.on()
    there.wait_for_ssh()
    on(btrfs, there, ENGINE)
    assert there.run("cat", f"{DATA}/page") == "old\n"
    assert on(btrfs, there, KEPT) == there.run("cat", "/etc/hostname")
