"""The k3s job on PCs whose k3s is a real kube-apiserver on a real etcd (``k3s_kubernetes.py``): what it copies is listed through the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import kubernetes
from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, started, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.pc import PC

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("k3s"), pytest.mark.longest(1800)]
FIRST = 33
HERE, THERE = (f"pc{FIRST + number}" for number in range(2))
K3S = """#!/bin/sh
PYTHONPATH=/usr/local/lib/lab exec python3 -m tests.lab.k3s_kubernetes "$@"
"""
LAUNCHER = ("k3s_stand_in.py", "k3s_kubernetes.py")
TOOLS = {"etcd": "etcd-server", "etcdctl": "etcd-client", "debootstrap": "debootstrap"}
KUBECTL = ("kubectl", "--kubeconfig", "/etc/rancher/k3s/k3s.yaml")
KINDS = "namespaces,configmaps,secrets,deployments,services,persistentvolumes,persistentvolumeclaims,clusterroles,nodes"
MADE_BY_ITSELF = (
    "namespace/default",
    "service/kubernetes",
    "clusterrole/view",
    "clusterrole/system:node",
    "clusterrole/system:volume-scheduler",
)
SHOP = """
k() { kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml "$@"; }
k create namespace shop; k create deployment web -n shop --image=registry.example/web:1 --replicas=2
k create configmap page -n shop --from-literal=a=1; k create secret generic key -n shop --from-literal=p=geheim-4711
k create -f - <<'END'
{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pvc-1"}, "spec": {"capacity": {"storage": "1Gi"},
 "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/var/lib/rancher/k3s/storage/pvc-1_shop_data"}}}
END
k create -n shop -f - <<'END'
{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"storageClassName": "", "volumeName": "pvc-1",
 "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
END
mkdir -p /var/lib/rancher/k3s/storage/pvc-1_shop_data; echo first >/var/lib/rancher/k3s/storage/pvc-1_shop_data/page
"""
THEIRS = """
k() { kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml "$@"; }
k create namespace theirs; k create configmap own -n theirs --from-literal=b=2
"""


@pytest.fixture(scope="module")
def booted(whole_lab: Lab) -> Iterator[Lab]:
    """Two PCs that systemd runs, each with a cluster of its own."""
    need(missing(TOOLS) or kubernetes.missing())
    lab = Lab.up(2, Options(init="systemd", base="debian"), first=FIRST)
    pcs = Lab([lab[name] for name in (HERE, THERE)])
    try:
        for pc in pcs:
            started(pc)
            installed(pc, kubernetes.PLACE)
            pc.run("systemctl", "start", "k3s")
        for pc in pcs:
            until(lambda pc=pc: settled(pc), 120, f"{pc.name} has made what every cluster has")
        yield pcs
    finally:
        Lab.down(HERE, THERE)


def settled(pc: PC) -> bool:
    """All that a new API server makes by itself is there."""
    return pc.run(*KUBECTL, "get", "--raw", "/readyz", check=False) == "ok" and pc.run(
        *KUBECTL, "get", *MADE_BY_ITSELF, "-o", "name", check=False
    ).count("\n") == len(MADE_BY_ITSELF)


def installed(pc: PC, built: Path) -> None:
    """The programs, k3s's unit, and that it keeps its objects in etcd."""
    here = Path(__file__).parent
    files = {f"/usr/local/lib/lab/tests/lab/{name}": (here / name).read_bytes() for name in LAUNCHER}
    files |= {f"/usr/local/bin/{path.name}": path.read_bytes() for path in sorted(built.iterdir())}
    files |= {f"/usr/local/bin/{name}": Path("/usr/bin", name).read_bytes() for name in ("etcd", "etcdctl")}
    for path, content in {**files, "/usr/local/bin/k3s": K3S.encode()}.items():
        pc.run("install", "-D", "-m", "755", "/dev/stdin", path, stdin=content)
    pc.run("sh", "-s", stdin=(here / "k3s.sh").read_bytes())
    pc.run("sh", "-c", "echo cluster-init: true >/etc/rancher/k3s/config.yaml")


def objects(pc: PC, *, own: bool = False) -> dict[str, Any]:
    """kind namespace/name -> object, as the API lists it, without (or with nothing but) what is a node's."""
    listed = json.loads(pc.run(*KUBECTL, "get", KINDS, "--all-namespaces", "-o", "json"))["items"]
    found = {}
    for one in listed:
        meta = one["metadata"]
        del meta["resourceVersion"]
        is_own = one["kind"] == "Node" or "node-password" in meta["name"]
        if is_own is own:
            found[f"{one['kind']} {meta.get('namespace', '')}/{meta['name']}"] = one
    return found


def test_the_real_api_lists_the_same_objects(booted: Lab, tmp_path: Path) -> None:
    """With their uids, whatever kind they are of; each node is its own; a second run does nothing; what kubectl changes then is found."""
    here, there = booted[HERE], booted[THERE]
    here.run("bash", "-euc", SHOP)
    there.run("bash", "-euc", THEIRS)
    nodes = objects(there, own=True).keys()
    desk = Desk(booted, tmp_path)
    desk.limit = 900
    tasks = f"- name: Cluster\n  hotdesk.sync.k3s: {{source: {HERE}}}"
    book = desk.playbook(tasks, hosts=THERE, head="become: true")
    before = objects(there)
    checked = desk.play(book, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert objects(there) == before
    for told in ("+ object namespaces shop", "+ object apps/deployments shop/web", "- object configmaps theirs/own"):
        assert told in checked.stdout, told
    done = desk.play(book, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    found = objects(there)
    assert found == objects(here)
    wanted = {
        "Namespace /shop",
        "ConfigMap shop/page",
        "Secret shop/key",
        "Deployment shop/web",
        "PersistentVolume /pvc-1",
    }
    assert wanted | {"PersistentVolumeClaim shop/data"} <= found.keys()
    assert objects(there, own=True).keys() == nodes
    assert there.run("cat", "/var/lib/rancher/k3s/storage/pvc-1_shop_data/page") == "first\n"
    (again,) = desk.play(book).results(THERE, "Cluster")
    assert again["changed"] is False, again
    verified = desk.run("verify", "--jobs", "--hosts", THERE)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    there.run(*KUBECTL, "scale", "deployment", "web", "-n", "shop", "--replicas=3")
    verified = desk.run("verify", "--jobs", "--hosts", THERE)
    assert verified.returncode == 3, verified.stdout + verified.stderr
    assert "k3s objects" in verified.stdout
    done = desk.play(book, "--diff")
    assert "~ object apps/deployments shop/web" in done.stdout
    assert objects(there) == objects(here)
    said = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()) + done.stdout
    assert "geheim-4711" not in said
    assert "Z2VoZWltLTQ3MTE" not in said
