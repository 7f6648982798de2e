"""The k3s job on PCs with systemd whose k3s is ``k3s_stand_in.py``: a real database of kine's, a real etcd, the API over HTTPS, no containers."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, started, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.pc import PC

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("k3s")]
FIRST = 31
HERE, THERE = (f"pc{FIRST + number}" for number in range(2))
K3S = Path(__file__).with_name("k3s_stand_in.py")
SETUP = Path(__file__).with_name("k3s.sh")
EMPTY = """
systemctl stop k3s; systemctl reset-failed k3s; /usr/local/bin/k3s-killall.sh; rmdir /sys/fs/cgroup/kubepods
rm -rf /var/lib/rancher /etc/rancher /var/lib/hotdesk/k3s* /var/lib/hotdesk/transactions /etc/systemd/system/k3s.service.d
rm -rf /run/lab-* /usr/local/bin/tar
rm -f /etc/lab-k3s-version; mkdir -p /etc/rancher/k3s; systemctl daemon-reload; true
"""
SOURCE = """
put() { k3s lab-put "$@"; }
put '' namespaces '' shop '{"spec": {}, "status": {"phase": "Active"}}'
put apps deployments shop web '{"spec": {"replicas": 2}}'; put '' configmaps shop page '{"data": {"a": "1"}}'
put '' secrets shop key '{"data": {"p": "Z2VoZWltLTQ3MTE="}}'
put '' persistentvolumes '' pvc-1 '{"spec": {"local": {"path": "/var/lib/rancher/k3s/storage/pvc-1_shop_data"}}}'
mkdir -p /var/lib/rancher/k3s/storage/pvc-1_shop_data /var/lib/rancher/k3s/server/manifests
cd /var/lib/rancher/k3s/storage/pvc-1_shop_data; echo first >page; ln page hard; install -d -o 33 -m 2750 sub; truncate -s 1M sub/sparse
echo 'kind: ConfigMap' >/var/lib/rancher/k3s/server/manifests/own.yaml; echo 'mirrors: {}' >/etc/rancher/k3s/registries.yaml
printf 'disable: traefik\\nnode-ip: 10.9.9.9\\n' >>/etc/rancher/k3s/config.yaml
"""
TARGET = """
k3s lab-put '' namespaces '' theirs '{"spec": {}}'; mkdir -p /var/lib/rancher/k3s/storage/pvc-2_theirs_data
printf 'node-ip: 10.7.7.7\\n' >>/etc/rancher/k3s/config.yaml
"""
OBJECTS = """
import json, ssl, urllib.request
tls = "/var/lib/rancher/k3s/server/tls/"
context = ssl.create_default_context(cafile=tls + "server-ca.crt"); context.load_cert_chain(tls + "client-admin.crt", tls + "client-admin.key")
for kind in "v1/namespaces v1/configmaps v1/secrets v1/persistentvolumes v1/nodes".split():
    more = ""
    while more is not None:
        found = json.load(urllib.request.urlopen(f"https://127.0.0.1:6443/api/{kind}?limit=2&continue={more}", context=context))
        more = found["metadata"].get("continue")
        for one in found["items"]: print(kind, one["metadata"]["name"], one["metadata"]["uid"], one.get("data"), one.get("spec"))
"""
FILES = r"""
cd /var/lib/rancher/k3s; set -- storage server/manifests server/token server/tls/*-ca.* -not -path '*/.hotdesk*'
find server/node-token "$@" -printf '%p %y %m %U %G %n %l\n' | grep -v '^storage d' | sort
find "$@" -type f -exec sha256sum {} + | sort; cat /etc/rancher/k3s/registries.yaml; true
"""
OWN = "cat /etc/rancher/node/password; hostname; cat /etc/rancher/k3s/config.yaml; systemctl is-active k3s; true"


@pytest.fixture(scope="module")
def booted(whole_lab: Lab) -> Iterator[Lab]:
    """Two PCs that systemd runs, with the stand-in and its unit."""
    need(missing({"debootstrap": "debootstrap"}))
    lab = Lab.up(2, Options(init="systemd", base="debian"), first=FIRST)
    pcs = Lab([lab[name] for name in (HERE, THERE)])
    try:
        for pc in pcs:
            started(pc)
            pc.run("install", "-m", "755", "/dev/stdin", "/usr/local/bin/k3s", stdin=K3S.read_bytes())
            pc.run("sh", "-s", stdin=SETUP.read_bytes())
        yield pcs
    finally:
        Lab.down(HERE, THERE)


@pytest.fixture
def desk(booted: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Both run a cluster of their own; the first PC's is the source. With the parameter ``etcd`` they keep it in one."""
    etcd = getattr(request, "param", "") == "etcd"
    for pc, script in zip(booted, (SOURCE, TARGET), strict=True):
        pc.run("sh", "-c", EMPTY)
        pc.run("sh", "-c", "echo cluster-init: true >/etc/rancher/k3s/config.yaml" if etcd else "true")
        for tool in ("etcd", "etcdctl") if etcd else ():
            need(missing({"etcd": "etcd-server", "etcdctl": "etcd-client"}))
            pc.run(
                "sh",
                "-c",
                f"cat >/usr/bin/{tool}; chmod 755 /usr/bin/{tool}",
                stdin=Path("/usr/bin", tool).read_bytes(),
            )
        pc.run("systemctl", "start", "k3s")
        pc.run("bash", "-ec", script)
    yield Desk(booted, tmp_path)
    for pc in booted:
        pc.run("sh", "-c", EMPTY)


def book(desk: Desk, args: str = "", head: str = "") -> Path:
    """The play."""
    tasks = f"- name: Cluster\n  hotdesk.sync.k3s: {{source: {HERE}, {args}}}"
    return desk.playbook(tasks, hosts=THERE, head=f"become: true\n{head}")


def k3s(desk: Desk, *options: str, args: str = "") -> Done:
    """Run it."""
    return desk.play(book(desk, args), *options)


def result(done: Done) -> dict[str, Any]:
    """The job's result."""
    (found,) = done.results(THERE, "Cluster")
    return found


def objects(pc: PC, *, own: bool = False) -> list[str]:
    """What the API lists, without (or with nothing but) what is a node's."""
    lines = pc.run("python3", "-c", OBJECTS).splitlines()
    return [line for line in lines if (line.startswith("v1/nodes") or "node-password" in line) is own]


def files(pc: PC) -> str:
    """Names, owners, modes, links and contents."""
    return pc.run("sh", "-c", FILES)


def test_the_cluster_becomes_the_same(desk: Desk, booted: Lab, tmp_path: Path) -> None:
    """Objects, volumes, tokens, authorities, manifests, configuration; nothing in check mode; the node is its own; a second run does nothing."""
    here, there = booted[HERE], booted[THERE]
    before, own = (objects(there), files(there)), there.run("sh", "-c", OWN)
    names = {pc.name: objects(pc, own=True) for pc in booted}
    checked = k3s(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert (objects(there), files(there), there.run("sh", "-c", OWN)) == (*before, own)
    done = k3s(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == result(checked)["items"] == ["replace k3s state"]
    for told in (
        "+ object namespaces shop",
        "- object namespaces theirs",
        "+ volume pvc-1_shop_data",
        "~ file token",
        "node-name in",
    ):
        assert told in done.stdout, told
    assert (objects(there), files(there)) == (objects(here), files(here))
    assert there.run("sh", "-c", OWN) == own.replace("node-ip", "disable: traefik\nnode-ip")
    assert names[HERE] == objects(here, own=True)
    assert [line.split()[1] for line in objects(there, own=True)] == [line.split()[1] for line in names[THERE]]
    again = k3s(desk)
    assert again.code == 0
    assert result(again)["changed"] is False, result(again)
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    token = here.run("cat", "/var/lib/rancher/k3s/server/token").strip()
    assert not [secret for secret in ("geheim-4711", "Z2VoZWltLTQ3MTE", token) if secret in written + done.stdout]
    verified = desk.run("verify", "--jobs", "--hosts", THERE)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    there.run("k3s", "lab-put", "", "configmaps", "shop", "page", '{"data": {"a": "2"}}')
    verified = desk.run("verify", "--jobs", "--hosts", THERE)
    assert verified.returncode == 3, verified.stdout + verified.stderr
    assert "k3s objects" in verified.stdout
    assert result(k3s(desk))["changed"]


@pytest.mark.parametrize("way", ["refused", "interrupted", "killed", "killed everywhere"])
def test_it_is_all_old_until_it_is_all_new(desk: Desk, booted: Lab, way: str) -> None:
    """k3s does not start with the new state, or the run ends while it starts: the old one is back, at the latest with the next run."""
    there = booted[THERE]
    before, own = (objects(there), files(there)), there.run("sh", "-c", OWN)
    there.run("touch", "/run/lab-k3s-refuse" if way == "refused" else "/run/lab-k3s-slow")
    with desk.playing(book(desk, head="vars: {hotdesk_lease: 6}")) as run:
        if way == "refused":
            done = run.ended(300)
            assert "systemctl start" in result(done)["failed_changes"]["replace k3s state"]
        else:
            until(lambda: there.run("ls", "/run/lab-k3s-met", check=False), 200, "k3s is starting")
            if way == "killed everywhere":
                run.killed_with(there)
            else:
                run.signal(signal.SIGINT if way == "interrupted" else signal.SIGKILL)
            run.ended(200)
    until(lambda: not there.marked("HOTDESK_RUN="), 120, "nothing is left of it")
    if way != "killed everywhere":
        assert (objects(there), files(there), there.run("sh", "-c", OWN)) == (*before, own)
    done = k3s(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert (f"undo left on {THERE}" in result(done)["items"]) == (way == "killed everywhere")
    assert (objects(there), files(there)) == (objects(booted[HERE]), files(booted[HERE]))
    assert not result(k3s(desk))["changed"]


def test_a_rollback_brings_the_old_cluster_back(desk: Desk, booted: Lab) -> None:
    """As long as it is kept; and k3s runs with it."""
    there = booted[THERE]
    before, own = (objects(there), files(there)), there.run("sh", "-c", OWN)
    done = k3s(desk)
    assert done.code == 0, done.stdout[-3000:]
    back = desk.run("rollback", done.run_id, "--hosts", THERE, "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (objects(there), files(there), there.run("sh", "-c", OWN)) == (*before, own)


def test_a_stopped_k3s_stays_stopped(desk: Desk, booted: Lab) -> None:
    """It is compared by its database, and has the source's objects when it starts."""
    there = booted[THERE]
    there.run("systemctl", "stop", "k3s")
    done = k3s(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert there.run("systemctl", "is-active", "k3s", check=False) == "inactive\n"
    assert not result(k3s(desk))["changed"]
    assert desk.run("verify", "--jobs", "--hosts", THERE).returncode == 0
    there.run("systemctl", "start", "k3s")
    assert objects(there) == objects(booted[HERE])


POD = """
mkdir -p /sys/fs/cgroup/kubepods; echo $$ >/sys/fs/cgroup/kubepods/cgroup.procs
exec >/dev/null 2>&1; while :; do date +%s.%N >>/var/lib/rancher/k3s/storage/pvc-1_shop_data/log; sleep 0.1; done
"""
STUCK = """cat >/usr/local/bin/tar <<'END'
#!/bin/sh
/usr/bin/tar "$@" | head -c 3000; touch /run/lab-stuck; exec sleep 600
END
chmod 755 /usr/local/bin/tar"""


@pytest.mark.parametrize("way", ["killed", "killed everywhere"])
def test_pods_stand_still_while_their_volumes_are_copied(desk: Desk, booted: Lab, way: str) -> None:
    """They go on when the run is killed, at the latest with the next run; the target keeps what it has until then."""
    here, there = booted[HERE], booted[THERE]
    before = (objects(there), files(there))
    here.run("sh", "-c", f"setsid sh -c '{POD}' </dev/null &")
    events = "/sys/fs/cgroup/kubepods/cgroup.events"
    here.run("sh", "-c", STUCK)
    with desk.playing(book(desk, head="vars: {hotdesk_lease: 6}")) as run:
        until(lambda: here.run("ls", "/run/lab-stuck", check=False), 200, "it is copying")
        assert "frozen 1" in here.run("cat", events)
        if way == "killed everywhere":
            run.killed_with(here)
        else:
            run.signal(signal.SIGKILL)
        run.ended(60)
    until(lambda: not here.marked("HOTDESK_RUN=") and not there.marked("HOTDESK_RUN="), 120, "nothing is left of it")
    assert ("frozen 1" in here.run("cat", events)) == (way == "killed everywhere")
    assert (objects(there), files(there)) == before
    here.run("rm", "-f", "/usr/local/bin/tar", "/run/lab-stuck")
    done = k3s(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert (f"undo left on {HERE}" in result(done)["items"]) == (way == "killed everywhere")
    assert "frozen 0" in here.run("cat", events)
    assert objects(there) == objects(here)


@pytest.mark.parametrize("desk", ["etcd"], indirect=True)
def test_a_cluster_in_etcd_becomes_the_same(desk: Desk, booted: Lab) -> None:
    """By a snapshot that is restored; the source's node is none of the target's; a second run does nothing."""
    here, there = booted[HERE], booted[THERE]
    done = k3s(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert (objects(there), files(there)) == (objects(here), files(here))
    assert [line.split()[1] for line in objects(there, own=True)] == [f"{THERE}.node-password.k3s", THERE]
    assert not result(k3s(desk))["changed"]


def test_what_does_not_fit_is_told_at_once(desk: Desk, booted: Lab) -> None:
    """Another version, no k3s: once for all of the job, with the remedy."""
    booted[THERE].run("sh", "-c", "echo v1.29.1+k3s2 >/etc/lab-k3s-version")
    done = k3s(desk)
    assert done.code != 0
    for text in ("k3s v1.30.4+k3s1", "v1.29.1+k3s2", "INSTALL_K3S_VERSION=v1.30.4+k3s1"):
        assert text in done.stdout, text
    booted[THERE].run("mv", "/usr/local/bin/k3s", "/usr/local/bin/k3s.away")
    try:
        done = k3s(desk)
    finally:
        booted[THERE].run("mv", "/usr/local/bin/k3s.away", "/usr/local/bin/k3s")
    assert done.code != 0
    assert f"{THERE} has no k3s" in done.stdout


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, booted: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    here, there = booted[HERE], booted[THERE]
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert (objects(there), files(there)) == (objects(here), files(here))
    assert there.run("systemctl", "is-active", "k3s") == "active\n"
    assert not result(k3s(desk))["changed"]
