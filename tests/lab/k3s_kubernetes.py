"""Stands for k3s on a PC of the lab like ``k3s_stand_in.py``, but what serves the API is a real kube-apiserver.

As k3s does in one process, it makes certificates, starts etcd and the API server on it, and registers its node. No controllers, no containers.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.lab import k3s_stand_in as k3s

KUBECTL = ("kubectl", "--kubeconfig", k3s.CONFIG + "/k3s.yaml")
TLS = k3s.SERVER + "/tls/"


def kubectl(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*KUBECTL, *words], input=stdin, capture_output=True, text=True, check=False)


def started(port: int) -> subprocess.Popen[bytes]:
    """The API server, once it is ready."""
    if not Path(TLS, "service.key").exists():
        k3s.openssl("genrsa", "-out", TLS + "service.key", "2048")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("192.0.2.1", 9))  # sends nothing
        address = out.getsockname()[0]
    options = {
        "etcd-servers": "http://127.0.0.1:2379", "secure-port": port, "advertise-address": address, "authorization-mode": "RBAC",
        "tls-cert-file": TLS + "serving-kube-apiserver.crt", "tls-private-key-file": TLS + "serving-kube-apiserver.key",
        "client-ca-file": TLS + "client-ca.crt", "service-account-key-file": TLS + "service.key",
        "service-account-signing-key-file": TLS + "service.key", "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-cluster-ip-range": "10.43.0.0/16", "allow-privileged": "true",
    }  # fmt: skip
    process = subprocess.Popen(["kube-apiserver", *(f"--{name}={value}" for name, value in options.items())])
    while kubectl("get", "--raw", "/readyz").stdout != "ok" or kubectl("get", "namespace", "kube-system").returncode:
        if process.poll() is not None:
            sys.exit("kube-apiserver does not start")
        time.sleep(0.5)
    return process


def register(node: str) -> None:
    """The node, by its password; only the first one with a name gets it."""
    secret = node + ".node-password.k3s"
    known = hashlib.sha256(k3s.written(k3s.PASSWORD, os.urandom(16).hex()).encode()).hexdigest()
    there = kubectl("-n", "kube-system", "get", "secret", secret, "-o", "jsonpath={.data.hash}").stdout
    if there and there != known:
        sys.exit("Node password rejected, duplicate hostname")
    if not there:
        create("Secret", secret, namespace="kube-system", data={"hash": known})
    if kubectl("get", "node", node).returncode:
        create("Node", node)


def create(kind: str, name: str, namespace: str = "", **more: Any) -> None:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    done = kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": kind, "metadata": meta, **more}))
    if done.returncode:
        sys.exit(done.stderr)


def serve() -> None:
    _, node, port = k3s.begin()
    process = started(port)
    register(node)
    k3s.ready()
    sys.exit(process.wait())


if __name__ == "__main__":
    k3s.main(serve)
