"""The libvirt job with a real libvirtd and qemu on the PCs: domains, disks, snapshots, networks, pools, domains that run, stops."""

from __future__ import annotations

import signal
import subprocess
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
START = Path(__file__).with_name("libvirt.sh")
TOOLS = {
    "libvirtd": "libvirt-daemon-system", "virsh": "libvirt-clients", "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils",
}  # fmt: skip
V = 'v() { command virsh -q -c qemu:///system "$@"; }; cd /var/lib/libvirt/images\n'
EMPTY = (
    V
    + """
for d in $(v list --all --uuid); do v destroy $d; v undefine $d --nvram --snapshots-metadata --managed-save; done
for n in $(v net-list --all --name); do v net-destroy $n; v net-undefine $n; done
for p in $(v pool-list --all --name); do v pool-destroy $p; v pool-undefine $p; done
rm -rf /var/lib/libvirt/images/* /var/lib/libvirt/images/.hotdesk* /var/lib/hotdesk/libvirt /usr/local/bin/{rsync,virsh} /tmp/lab-stuck; true
"""
)
SOURCE = (
    V
    + """
set -e
qemu-img create -q -f qcow2 base.qcow2 8M; qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 vm1.qcow2
qemu-io -c "write -P 0xab 1M 1M" vm1.qcow2 >/dev/null; truncate -s 8M vm2.raw; printf first | dd of=vm2.raw conv=notrunc bs=1 seek=1000000 status=none
dom() { cat <<X
<domain type='qemu'><name>$1</name><uuid>$4</uuid><memory unit='MiB'>32</memory><vcpu cpuset='0'>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='$2'/><source file='/var/lib/libvirt/images/$3'/><target dev='vda' bus='virtio'/></disk>
<interface type='network'><source network='lan'/><model type='virtio'/></interface>
<graphics type='vnc' port='-1' passwd='geheim12'/></devices></domain>
X
}
echo "<network><name>lan</name><bridge name='labbr' stp='on'/></network>" >/root/lan.xml; v net-define /root/lan.xml; v net-autostart lan
v pool-define-as imgs dir --target /var/lib/libvirt/images; v pool-start imgs; v pool-autostart imgs
dom vm1 qcow2 vm1.qcow2 11111111-2222-4333-8444-555555555501 >/root/vm1.xml; v define /root/vm1.xml; v autostart vm1
dom vm2 raw vm2.raw 11111111-2222-4333-8444-555555555502 | sed '/<interface/d' >/root/vm2.xml; v define /root/vm2.xml
v snapshot-create-as vm1 s1; v snapshot-create-as vm1 s2
"""
)
EVERYTHING = (
    V
    + """
for d in $(v list --all --name | sort); do v dumpxml --inactive --security-info $d; v dominfo $d | grep Autostart
  v snapshot-list $d --name; v snapshot-current $d --name; done
for n in $(v net-list --all --name); do v net-dumpxml --inactive $n | grep -v -e '<uuid' -e '<mac'; v net-info $n | grep Autostart; done
for p in $(v pool-list --all --name); do v pool-dumpxml $p | grep path; v pool-info $p | grep -e Autostart -e State; done
sha256sum *; stat -c '%n %a %U %s' *; true
"""
)


def on(lab: Lab, pc: PC, script: str) -> str:
    """Run a script through the PC's sshd as root."""
    done = subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), f"root@{pc.name}", "bash", "-s"],
        input=script.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def hypervisors(whole_lab: Lab) -> Iterator[Lab]:
    """libvirtd on pc1 and pc2."""
    need(missing(TOOLS))
    for name in ("pc1", "pc2"):
        on(whole_lab, whole_lab[name], START.read_text())
    yield whole_lab
    for name in ("pc1", "pc2"):
        on(whole_lab, whole_lab[name], EMPTY + "pkill -x libvirtd; while pgrep -x libvirtd; do sleep 0.2; done")


@pytest.fixture
def desk(hypervisors: Lab, lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source: it has two domains, a network and a pool."""
    for pc in (lab["pc1"], lab["pc2"]):
        on(lab, pc, EMPTY)
    on(lab, lab["pc1"], SOURCE)
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in (lab["pc1"], lab["pc2"]):
        on(lab, pc, EMPTY)


def book(desk: Desk, args: str = "", head: str = "") -> Path:
    """The play: the job from pc1 to pc2."""
    tasks = f"- name: Machines\n  hotdesk.sync.libvirt: {{source: pc1, {args}}}"
    return desk.playbook(tasks, hosts="pc2", head=f"become: true\n{head}")


def libvirt(desk: Desk, *options: str, args: str = "") -> Done:
    """Run it."""
    return desk.play(book(desk, args), *options)


def result(done: Done) -> dict[str, Any]:
    """The job's result on pc2."""
    found = done.results("pc2", "Machines")
    assert found, done.stdout[-3000:]
    return found[0]


def everything(lab: Lab, pc: PC) -> str:
    """All that libvirt has, without what is each PC's own."""
    return on(lab, pc, EVERYTHING)


def state(lab: Lab, pc: PC, name: str) -> str:
    """Of a domain."""
    return on(lab, pc, V + f"v domstate {name}").strip()


def sent(lab: Lab, pc: PC) -> int:
    """Bytes that have left a PC."""
    return int(on(lab, pc, "grep -v lo: /proc/net/dev | tr : ' ' | awk 'NR > 2 {sum += $10} END {print sum}'"))


def test_everything_becomes_the_same(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """Nothing in check mode; what was listed is done; disks stay sparse; no password is told; a second run does nothing; drift is found."""
    before = everything(lab, lab["pc2"])
    checked = libvirt(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert everything(lab, lab["pc2"]) == before
    done = libvirt(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == result(checked)["items"]
    assert everything(lab, lab["pc2"]).replace(" cpuset='0'", "") == everything(lab, lab["pc1"]).replace(
        " cpuset='0'", ""
    )
    assert int(on(lab, lab["pc2"], "stat -c %b /var/lib/libvirt/images/vm2.raw")) * 512 < 1 << 20
    assert not result(libvirt(desk))["changed"]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert "geheim12" not in checked.stdout + done.stdout + written
    green = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert green.returncode == 0, green.stdout + green.stderr
    on(
        lab,
        lab["pc2"],
        V
        + "v setmaxmem vm2 65536 --config; v snapshot-delete vm1 s2; v pool-autostart imgs --disable; echo x >>vm2.raw",
    )
    drift = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert drift.returncode == 3, drift.stdout + drift.stderr
    drifted = [line for line in drift.stdout.splitlines() if line.startswith("drifted:")]
    for what in ("domain vm2", "snapshots of vm1", "pool imgs", "vm2.raw"):
        assert any(what in line for line in drifted), (what, drifted)


def test_only_what_differs_goes(desk: Desk, lab: Lab) -> None:
    """Of a disk that the target has no more than a part of its 8 MiB goes; what was done to it there since then is told as a conflict."""
    on(lab, lab["pc1"], V + "head -c 8M /dev/urandom >vm2.raw")
    assert libvirt(desk).code == 0
    on(
        lab,
        lab["pc1"],
        V + "printf changed | dd of=vm2.raw conv=notrunc bs=1 seek=2000000 status=none; v setmaxmem vm2 65536 --config",
    )
    before = sent(lab, lab["pc1"])
    done = libvirt(desk)
    assert result(done)["items"] == ["update disks of vm2", "update domain vm2"]
    assert sent(lab, lab["pc1"]) - before < 4 << 20
    assert everything(lab, lab["pc2"]).replace(" cpuset='0'", "") == everything(lab, lab["pc1"]).replace(
        " cpuset='0'", ""
    )
    on(lab, lab["pc2"], V + "printf theirs | dd of=vm2.raw conv=notrunc bs=1 seek=10 status=none")
    assert "changed on pc2 since the last sync: update disks of vm2" in libvirt(desk, "--check").stdout


def test_running_domains_are_refused_or_saved(desk: Desk, lab: Lab) -> None:
    """By name before anything is done; on request saved for the copy, and going on afterwards; one of the target begins anew."""
    pc1, pc2 = lab["pc1"], lab["pc2"]
    assert libvirt(desk).code == 0
    on(lab, pc1, V + "v start vm2; touch vm2.raw")
    refused = libvirt(desk)
    assert refused.code != 0
    assert "the domain vm2 runs or is saved on pc1" in refused.stdout
    on(lab, pc2, V + "v start vm2")
    assert result(libvirt(desk, args="running: skip"))["not_moved"]["domain vm2"] == "it runs or is saved on the source"
    ident = on(lab, pc1, V + "v domid vm2")
    done = libvirt(desk, args="running: save")
    assert done.code == 0, done.stdout[-3000:]
    assert "update disks of vm2" in result(done)["items"]
    assert (state(lab, pc1, "vm2"), state(lab, pc2, "vm2")) == ("running", "running")
    assert on(lab, pc1, V + "v domid vm2") != ident
    assert on(lab, pc2, V + "v dominfo vm2 | grep Managed").split() == ["Managed", "save:", "no"]


STUCK = """cat >/usr/local/bin/rsync <<'END'
#!/bin/sh
case "$*" in *--server*|*--version*) exec /usr/bin/rsync "$@";; esac
touch /tmp/lab-stuck; exec sleep 600
END
chmod 755 /usr/local/bin/rsync"""


@pytest.mark.parametrize("way", ["interrupted", "killed", "killed everywhere"])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, lab: Lab, way: str) -> None:
    """While a disk is copied: the source's domain goes on, at the latest with the next run; the target has all of the old or the new."""
    pc1, pc2 = lab["pc1"], lab["pc2"]
    assert libvirt(desk).code == 0
    old = on(lab, pc2, V + "sha256sum *")
    on(lab, pc1, V + "echo new | dd of=vm2.raw conv=notrunc status=none; v start vm2\n" + STUCK)
    with desk.playing(book(desk, "running: save", head="vars: {hotdesk_lease: 6}")) as run:
        until(lambda: pc1.run("sh", "-c", "ls /tmp/lab-stuck", check=False), 200, "it is copying")
        assert state(lab, pc1, "vm2") == "shut off"
        if way == "killed everywhere":
            run.killed_with(pc1, pc2)
        else:
            run.signal(signal.SIGINT if way == "interrupted" else signal.SIGKILL)
        run.ended(120)
    until(lambda: not pc1.marked("HOTDESK_RUN=") and not pc2.marked("HOTDESK_RUN="), 100, "nothing is left of it")
    on(lab, pc1, "rm -f /usr/local/bin/rsync /tmp/lab-stuck")
    assert on(lab, pc2, V + "sha256sum *") == old
    if "everywhere" in way:
        assert state(lab, pc1, "vm2") == "shut off"
    else:
        until(lambda: state(lab, pc1, "vm2") == "running", 60, "it goes on")
    done = libvirt(desk, args="running: save")
    assert done.code == 0, done.stdout[-3000:]
    assert "everywhere" not in way or "undo left on pc1" in result(done)["items"]
    assert state(lab, pc1, "vm2") == "running"
    assert on(lab, pc2, V + "head -c 3 vm2.raw; ls -A | grep hotdesk; ls /var/lib/hotdesk/libvirt") == "newlock\n"


HANGING = """cat >/usr/local/bin/virsh <<'END'
#!/bin/sh
case "$*" in *managedsave-remove*) touch /tmp/lab-stuck; exec sleep 600;; esac
exec /usr/bin/virsh "$@"
END
chmod 755 /usr/local/bin/virsh"""


def test_a_kill_between_two_disks_is_made_up_for(desk: Desk, lab: Lab) -> None:
    """One of a domain's two files is new, one old: a plan says what it would complete, and the next run has no trouble with it."""
    pc1, pc2 = lab["pc1"], lab["pc2"]
    on(lab, pc1, V + "sed -i '/<interface/d' /root/vm1.xml; v define /root/vm1.xml")
    assert libvirt(desk).code == 0
    more = "qemu-io -c 'write -P 0xcd 2M 1M' {0} >/dev/null; touch {0}\n"
    on(lab, pc1, V + more.format("base.qcow2") + more.format("vm1.qcow2"))
    on(lab, pc2, V + "set -e; v start vm1\n" + HANGING)
    with desk.playing(book(desk, "running: save")) as run:
        until(lambda: pc2.run("sh", "-c", "ls /tmp/lab-stuck", check=False), 200, "it puts them in place")
        run.killed_with(pc1, pc2)
        run.ended(120)
    until(lambda: not pc1.marked("HOTDESK_RUN=") and not pc2.marked("HOTDESK_RUN="), 100, "nothing is left of it")
    on(
        lab,
        pc2,
        V + "rm /usr/local/bin/virsh /tmp/lab-stuck; v managedsave-remove vm1; mv base.qcow2.hotdesk-ready base.qcow2",
    )
    planned = desk.run("plan", str(book(desk)), "-o", str(desk.directory / "plan.yml"))
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "put in place the disks of vm1" in (desk.directory / "plan.yml").read_text()
    done = libvirt(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == ["undo left on pc2"]
    assert everything(lab, pc2) == everything(lab, pc1).replace(" cpuset='0'", "")
    assert not result(libvirt(desk))["changed"]


def test_a_failure_is_the_items_own(desk: Desk, lab: Lab) -> None:
    """A network that cannot be made fails by name, with the domain that is in it; the rest is done. Then it works."""
    on(
        lab,
        lab["pc2"],
        V
        + "echo \"<network><name>other</name><bridge name='labbr'/></network>\" >/root/o.xml; v net-define /root/o.xml",
    )
    done = libvirt(desk)
    assert done.code == 2
    failed = result(done)["failed_changes"]
    assert sorted(failed) == ["create domain vm1", "create network lan"]
    assert failed["create domain vm1"] == "not done, since 'create network lan' failed"
    assert on(lab, lab["pc2"], V + "v list --all --name").split() == ["vm2"]
    on(lab, lab["pc2"], V + "v net-undefine other")
    assert result(libvirt(desk))["items"] == ["create network lan", "create domain vm1"]


def test_a_missing_or_old_libvirt_is_told_at_once(desk: Desk, lab: Lab) -> None:
    """Once for all of the job, with the remedy."""
    on(lab, lab["pc1"], "printf '#!/bin/sh\\necho 4.0.0\\n' >/usr/local/bin/virsh; chmod 755 /usr/local/bin/virsh")
    on(lab, lab["pc2"], "mv /usr/bin/qemu-img /usr/bin/qemu-img.away")
    try:
        done = libvirt(desk)
    finally:
        on(lab, lab["pc1"], "rm /usr/local/bin/virsh")
        on(lab, lab["pc2"], "mv /usr/bin/qemu-img.away /usr/bin/qemu-img")
    assert done.code != 0
    for text in ("pc1 has libvirt 4.0.0; 5.2 or newer is needed", "pc2 has no qemu-img", "apt install qemu-utils"):
        assert text in done.stdout, text


def test_a_rollback_brings_definitions_back(desk: Desk, lab: Lab) -> None:
    """What was made goes, what was changed is as it was; the files stay, as the plan says."""
    on(
        lab,
        lab["pc2"],
        V
        + "echo \"<network><name>lan</name><bridge name='labbr' stp='off'/></network>\" >/root/o.xml; v net-define /root/o.xml",
    )
    before = on(lab, lab["pc2"], V + "v net-dumpxml lan; v list --all --name; v pool-list --all --name")
    done = libvirt(desk)
    assert done.code == 0, done.stdout[-3000:]
    back = desk.run("rollback", done.run_id, "--hosts", "pc2", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert on(lab, lab["pc2"], V + "v net-dumpxml lan; v list --all --name; v pool-list --all --name") == before


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert everything(lab, lab["pc2"]).replace(" cpuset='0'", "") == everything(lab, lab["pc1"]).replace(
        " cpuset='0'", ""
    )
    assert not result(libvirt(desk))["changed"]
