"""Three PCs with systemd and btrfs that differ in every respect are made equal by a reviewed plan. Judged by their own tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.lab import snaps, test_dconf, test_flatpak, test_k3s, test_libvirt, test_snap
from tests.lab.brought import DOCKER, bring
from tests.lab.btrfs import hotdesk
from tests.lab.debs import HOME, Deb, archive, lay
from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import NO_DISK_MINIMUM, Desk, started
from tests.lab.test_flatpak import repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.pc import PC

__all__ = ["repository"]

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("three PCs"), pytest.mark.longest(1200)]
FIRST = 15
NAMES = dict(zip((f"pc{FIRST + number}" for number in range(3)), ("atlas", "vega", "lyra"), strict=True))
JOBS = ["snapshot", "apt", "manual", "accounts", "flatpak", "snap", "etc", "systemd", "dconf", "folder", "vscode"]
JOBS += ["docker", "libvirt", "k3s"]
BROUGHT = {"docker": "docker.io", "flatpak": "flatpak", "gpg": "gpg", "dconf": "dconf-cli", **test_libvirt.TOOLS}
PROGRAMS = {**BROUGHT, "snap": "snapd", "mksquashfs": "squashfs-tools"}
DISTRIBUTION = (
    Deb("hd-app", "1.0", fields={"Depends": "hd-dep"}, files={"/etc/hd-app.conf": "as packaged\n"}),
    Deb("hd-dep", "1.0"),
    Deb("hd-old", "1.0"),
    Deb("hd-held", "1.0"),
    Deb("hd-held", "2.0"),
)
VENDOR = (Deb("hd-vendor", "1.0"),)
STATE = ".config/Code/User/globalStorage/state.vscdb"
ROWS = """
import os, sqlite3, sys
os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
base.executemany("INSERT INTO ItemTable VALUES (?, ?)", [row.split("=") for row in sys.argv[2:]])
"""
HELD = """
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT key, value FROM ItemTable WHERE key NOT LIKE 'secret:%' ORDER BY key"): print(*row)
"""
REGISTRY = """
trees:
  /opt/hd-tool:
    install: mkdir -p /opt/hd-tool && echo "$HOTDESK_VERSION" >/opt/hd-tool/VERSION
    version: cat /opt/hd-tool/VERSION
"""
SERVICE = "[Service]\\nExecStart=/bin/sleep 4711\\n[Install]\\nWantedBy=multi-user.target\\n"
EVERYWHERE = f"""
rm -rf /etc/apt/sources.list* /var/lib/apt/lists/*; mkdir -p /etc/apt/sources.list.d
echo 'deb [signed-by=/usr/share/keyrings/hd-distribution.gpg] file:{HOME}/distribution ./' >/etc/apt/sources.list
apt-get -qq update
"""
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install"
ATLAS = f"""
mkdir -p /etc/apt/keyrings; cp /srv/hd-vendor.gpg /etc/apt/keyrings/; chmod 644 /etc/apt/keyrings/hd-vendor.gpg
echo 'deb [signed-by=/etc/apt/keyrings/hd-vendor.gpg] file:{HOME}/vendor ./' >/etc/apt/sources.list.d/vendor.list
apt-get -qq update; {INSTALL} hd-app hd-vendor hd-held=1.0; apt-mark hold hd-held
echo 'by hand' >>/etc/hd-app.conf; echo 'alias ll="ls -l"' >/etc/profile.d/hd.sh
printf '{SERVICE}' >/etc/systemd/system/hd-own.service; systemctl daemon-reload; systemctl enable hd-own.service
systemctl mask apt-daily-upgrade.timer
groupadd -g 2100 family; useradd -u 2001 -m -s /bin/bash -G family anna
mkdir -p /opt/hd-tool; echo 7 >/opt/hd-tool/VERSION
cd /home/ada; mkdir -p docs; echo one >docs/one; echo two >docs/two; ln -s one docs/link; chmod 640 docs/two; setfacl -m u:bob:r docs/one
"""
VEGA = f"""
{INSTALL} hd-old hd-held=2.0
printf '{SERVICE}' >/etc/systemd/system/hd-vega.service; systemctl daemon-reload; systemctl enable hd-vega.service
useradd -u 2001 -m -s /bin/sh anna
cd /home/ada; mkdir -p docs; echo older >docs/one; echo vega >docs/vega
"""
QUIET = "--noninteractive --assumeyes"
REMOTE = "flatpak remote-add --gpg-import=/srv/lab.gpg lab URL"
FLATPAKS = (
    f"{REMOTE}; flatpak install {QUIET} lab org.lab.Hello//stable; flatpak mask org.lab.Other",
    f"{REMOTE}; flatpak install {QUIET} lab org.lab.Hello//beta; flatpak remote-modify --prio=7 lab",
    "true",
)
SETTINGS = ("[org/lab/look]\ntheme='dark'\nsize=7\n", "[org/lab/look]\ntheme='light'\nown=1\n", "")
"""Of ada, on each."""
SNAPD = """
for n in $(seq 0 63); do echo "b /dev/loop$n 0660 root disk - 7:$n"; done >/etc/tmpfiles.d/lab.conf
echo 'c /dev/loop-control 0660 root disk - 10:237' >>/etc/tmpfiles.d/lab.conf; systemctl enable snapd.socket snapd.service
"""
"""What of ``snaps.install`` a boot needs again."""
BOX = "tar -C /etc -c hostname | docker import -c 'CMD [\"/none\"]' - lab/{0}:1; docker volume create data; cd /var/lib/docker/volumes/data/_data\n"
ENGINES = (
    f"{BOX.format('box')}echo one >page; mkdir -m 2750 sub; ln page sub/hard\n"
    "docker create --name web --network none --label a=b -e TOKEN=geheim-4711 -v data:/www lab/box:1",
    f"{BOX.format('vega')}echo vega >page; echo vega >own; docker volume create vega\n"
    "docker create --name web --network none -v data:/www lab/vega:1",
    "true",
)
LIBVIRTD = """
printf '%s\\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'namespaces = []' 'cgroup_controllers = []' >/etc/libvirt/qemu.conf
printf '%s\\n' 'auth_unix_rw = "none"' 'auth_unix_ro = "none"' >/etc/libvirt/libvirtd.conf
printf '[Service]\\nType=notify\\nExecStart=/usr/sbin/libvirtd\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/libvirtd.service
mkdir -p /var/lib/libvirt/images /etc/libvirt/qemu /var/cache/libvirt /var/log/libvirt; useradd -r libvirt-qemu
systemctl daemon-reload; systemctl enable --now libvirtd.service
"""
MACHINES = (
    test_libvirt.SOURCE,
    f"""{test_libvirt.V}set -e; truncate -s 4M vm2.raw
dom() {{
  echo "<domain type='qemu'><name>$1</name><memory unit='MiB'>9</memory><os><type>hvm</type></os>$2</domain>" >/root/$1.xml; v define /root/$1.xml
}}
dom own ""; dom vm2 "<devices><disk type='file'><source file='$PWD/vm2.raw'/><target dev='vda' bus='virtio'/></disk></devices>"
echo "<network><name>lan</name><bridge name='labbr' stp='off'/></network>" >/root/lan.xml; v net-define /root/lan.xml
""",
    "true",
)
VEGAS = "cd /srv; snap install --dangerous hd-one_2.snap; snap install --dangerous --devmode hd-two_1.snap; snap disable hd-two"
SNAPS = (test_snap.SOURCE, VEGAS, "true")
CLUSTERS = (test_k3s.SOURCE, test_k3s.TARGET, "true")
STATES = (FLATPAKS, SETTINGS, ENGINES, SNAPS, MACHINES, CLUSTERS)
"""Of each of these one part on each PC."""
LYRA = f"{INSTALL} hd-app; systemctl disable dpkg-db-backup.timer; mkdir -p /opt/hd-tool; echo 6 >/opt/hd-tool/VERSION; echo lyra >/home/ada/lyra"
OWN = " -o ".join(f"-path ./{name} -prune" for name in (".config", ".ssh", ".local", ".cache"))
LISTING = f"""
dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Status}}\\n' 'hd-*'; apt-mark showhold; apt-mark showmanual | grep ^hd-
apt-cache policy hd-vendor | grep -v '^ \\*\\*\\*'; sha256sum /etc/apt/sources.list.d/* /etc/apt/keyrings/*
getent passwd | awk -F: '$3 >= 1000 && $3 < 60000' | sort; getent group family anna
sha256sum /etc/hd-app.conf /etc/profile.d/hd.sh; stat -c '%a %U %G' /etc/hd-app.conf /etc/profile.d/hd.sh
systemctl list-unit-files --no-legend --plain | grep -v -e ^snap- -e ' transient ' | sort; sha256sum /etc/systemd/system/*.service
cat /opt/hd-tool/VERSION
snap list --color=never --unicode=never | while read -r name version revision rest; do
  echo "$name $version $rest"; sha256sum <"/var/lib/snapd/snaps/${{name}}_$revision.snap"; done
flatpak list --system --all --columns=ref:f,active:f,origin:f; flatpak remotes --system --columns=name:f,url:f,priority:f; flatpak mask
find /etc/dconf/profile /etc/dconf/db/*.d -type f | sort | xargs sha256sum; DCONF_PROFILE=lab dconf dump /org/lab/site/
docker image ls --no-trunc --format '{{{{.ID}}}} {{{{.Repository}}}}'; docker volume ls -q
docker inspect --format '{{{{.Name}}}} {{{{.Image}}}} {{{{.Config.Env}}}} {{{{.Config.Labels}}}} {{{{.HostConfig.Binds}}}}' $(docker ps -aq)
cd /var/lib/docker/volumes; find . -path './*/_data*' -printf '%P %y %m %U %G %n\\n' | sort
find . -path './*/_data/*' -type f -exec sha256sum {{}} + | sort
cd /home/ada; find . {OWN} -o -printf '%P %y %m %U %G %l\\n' | sort
find . {OWN} -o -type f -exec sha256sum {{}} + | sort; getfacl -p docs/one
"""
DRIFTS = (
    "apt-mark unhold hd-held",
    "echo drift >>/etc/profile.d/hd.sh",
    "systemctl disable hd-own.service",
    "usermod -s /bin/sh anna",
    "echo drift >/home/ada/docs/one",
)


@pytest.fixture(scope="module")
def booted(whole_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """atlas, vega and lyra: systemd, a btrfs with @ and @home each."""
    need(missing({"debootstrap": "debootstrap", "mkfs.btrfs": "btrfs-progs", **PROGRAMS}))
    lab = Lab.up(3, Options(init="systemd", base="debian", disk="btrfs", size="4g"), first=FIRST)
    pcs, made = Lab([lab[name] for name in NAMES]), tmp_path_factory.mktemp("snaps")
    try:
        for pc in pcs:
            started(pc)
            bring(pc, *PROGRAMS.values(), "dconf-service")
            must(pc, f"{DOCKER}groupadd -r docker; systemctl daemon-reload; systemctl enable --now docker.service")
            must(pc, LIBVIRTD)
            snaps.install(pc, made)
            must(pc, SNAPD)
            pc.run("install", "-m", "755", "/dev/stdin", "/usr/local/bin/k3s", stdin=test_k3s.K3S.read_bytes())
            pc.run("sh", "-s", stdin=test_k3s.SETUP.read_bytes())
        yield pcs
    finally:
        Lab.down(*NAMES)


@pytest.fixture
def desk(booted: Lab, repository: Lab, tmp_path: Path) -> Desk:
    """The PCs as people have left them, under their own names."""
    keys = {name: archive(tmp_path / "archives" / name, name.title(), debs)
            for name, debs in (("distribution", DISTRIBUTION), ("vendor", VENDOR))}  # fmt: skip
    for pc, own in zip(booted, (ATLAS, VEGA, LYRA), strict=True):
        lay(pc, tmp_path / "archives")
        pc.run("tee", "/usr/share/keyrings/hd-distribution.gpg", stdin=keys["distribution"])
        pc.run("tee", "/srv/hd-vendor.gpg", stdin=keys["vendor"])
        must(pc, f"hostnamectl hostname {NAMES[pc.name]}; {EVERYWHERE}")
        must(pc, own)
    key = repository["pc3"].run("cat", "/srv/lab.gpg").encode(errors="surrogateescape")
    for pc, flatpaks, settings, engine, *more in zip(booted, *STATES, strict=True):
        pc.run("tee", "/srv/lab.gpg", stdin=key)
        must(pc, test_flatpak.script(repository, flatpaks))
        test_dconf.load(pc, "ada", settings)
        must(pc, engine)
        must(pc, "systemctl enable --now k3s")
        for each in more:
            pc.run("bash", "-ec", each)
    atlas, vega, _ = booted
    must(atlas, test_dconf.SYSTEM)
    atlas.run("install", "-D", "-m", "600", "/dev/stdin", "/etc/hotdesk/manual.yml", stdin=REGISTRY.encode())
    rows(atlas, "theme=dark", "recent=docs", "secret://key=of-atlas")
    rows(vega, "theme=light", "secret://key=of-vega")
    for pc in booted:
        must(pc, "chown -R ada: /home/ada")
    desk = Desk(booted, tmp_path)
    desk.limit = 600  # seconds, for fourteen jobs on three PCs
    hosts = "".join(f"        {NAMES[pc.name]}: {{ansible_host: {pc.address}}}\n" for pc in booted)
    (tmp_path / "inventory.yml").write_text(f"""all:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: {booted.key}
    ansible_ssh_common_args: "-o UserKnownHostsFile={booted.known_hosts}"
    ansible_python_interpreter: /usr/bin/python3
    {NO_DISK_MINIMUM}
    switch_home: /home/ada
    switch_exclude: [.cache, .local, .ssh]
    switch_jobs: {JOBS}
    switch_become: true
    switch_remove: true
  children:
    pcs:
      hosts:
{hosts}""")
    (tmp_path / "book.yml").write_text("- name: Switch\n  ansible.builtin.import_playbook: hotdesk.sync.switch\n")
    return desk


def sh(pc: PC, text: str) -> str:
    return str(pc.run("sh", "-c", text, check=False))


def must(pc: PC, text: str) -> str:
    return str(pc.run("sh", "-ec", text))


def rows(pc: PC, *words: str) -> None:
    """Rows of an editor's database."""
    pc.run("python3", "-c", ROWS, f"/home/ada/{STATE}", *words)


def state(pc: PC) -> str:
    """What the PC's own tools say."""
    rows = pc.run("python3", "-c", HELD, f"/home/ada/{STATE}", check=False)
    machines = sh(pc, test_libvirt.EVERYTHING).replace(" cpuset='0'", "")
    return "\n".join((sh(pc, LISTING), rows, test_dconf.dump(pc), machines, *test_k3s.objects(pc), test_k3s.files(pc)))


def said(desk: Desk, *words: str, code: int = 0) -> str:
    """hotdesk, to its end; what it printed, once it ended with ``code``."""
    done = desk.run(*words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_three_pcs_become_one(desk: Desk, booted: Lab) -> None:
    """Planned, approved, done; then nothing to do, nothing drifted, five drifts found, and all of it undone."""
    atlas, vega, lyra = booted
    before = {pc.name: state(pc) for pc in booted}
    said(desk, "plan", "book.yml", "-o", "plan.yml", "-e", "hotdesk_source=atlas")
    assert {pc.name: state(pc) for pc in booted} == before, "a plan changes nothing"
    plan = desk.directory / "plan.yml"
    print(plan.read_text())
    desk.approve(plan)
    sync = ("sync", "book.yml", "--from", "atlas", "--to", "vega,lyra", "--output", "plain")
    print(said(desk, *sync, "--plan", "plan.yml"))
    assert state(atlas) == before[atlas.name], "nothing changes at the source"
    for pc in (vega, lyra):
        assert state(pc).splitlines() == before[atlas.name].splitlines()

    again = said(desk, *sync, "--allow-removals")
    assert re.search(r"^vega +: ok=\d+ +changed=0 ", again, re.MULTILINE), again[-2000:]
    said(desk, "verify", "--jobs", "--hosts", "vega,lyra")
    for drift in DRIFTS:
        must(lyra, drift)
    drifted = [
        line
        for line in said(desk, "verify", "--jobs", "--hosts", "vega,lyra", code=3).splitlines()
        if line.startswith("drifted:")
    ]
    assert len(drifted) == len(DRIFTS), drifted

    first = min(re.findall(r"^\d{8}-\d{6}-\w+", hotdesk(desk, "snapshots", "list", "--hosts", "vega"), re.MULTILINE))
    said(desk, "rollback", first, "--hosts", "vega", "--yes")
    vega.off()
    vega.on()
    vega.wait_for_ssh()
    started(vega)
    assert state(vega).splitlines() == before[vega.name].splitlines()
    assert state(atlas) == before[atlas.name]
