#!/usr/bin/python3
"""Stands for k3s on a PC of the lab, as ``/usr/local/bin/k3s``: what a sync of its state meets, and no containers.

It keeps objects in a real SQLite database with kine's table in WAL mode, or in a real etcd; it registers its node with the node's password,
writes a lease every half second, and answers the API's /readyz, discovery and lists over HTTPS to whoever has the administrator's certificate.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

TOP, CONFIG, PASSWORD = "/var/lib/rancher/k3s", "/etc/rancher/k3s", "/etc/rancher/node/password"
SERVER = TOP + "/server"
KINE = """
CREATE TABLE IF NOT EXISTS kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted INTEGER,
 create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);
CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name);
CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision);
"""
KINDS = {
    "": {
        "namespaces": "Namespace", "configmaps": "ConfigMap", "secrets": "Secret", "persistentvolumes": "PersistentVolume", "nodes": "Node",
    },
    "apps": {"deployments": "Deployment"},
}  # fmt: skip
WIDE = ("namespaces", "persistentvolumes", "nodes")
STORED = {"nodes": "minions"}


KUBECONFIG = """apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    server: https://127.0.0.1:{port}
    certificate-authority: {tls}/server-ca.crt
users:
- name: default
  user:
    client-certificate: {tls}/client-admin.crt
    client-key: {tls}/client-admin.key
contexts:
- name: default
  context:
    cluster: default
    user: default
current-context: default
"""


class Kine:
    """kine's table."""

    def __init__(self) -> None:
        os.makedirs(SERVER + "/db", 0o700, exist_ok=True)
        self.lock = threading.Lock()
        self.base = sqlite3.connect(SERVER + "/db/state.db", check_same_thread=False, isolation_level=None)
        self.base.execute("PRAGMA journal_mode=WAL")
        self.base.executescript(KINE)

    def put(self, key: str, value: bytes | None) -> None:
        with self.lock:
            last = self.base.execute(
                "SELECT id, create_revision FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1", (key,)
            ).fetchone()
            row = (
                key,
                int(last is None),
                int(value is None),
                last[1] if last else 0,
                last[0] if last else 0,
                0,
                value or b"",
                b"",
            )
            self.base.execute(
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES (?,?,?,?,?,?,?,?)",
                row,
            )

    def range(self, start: str) -> dict[str, bytes]:
        with self.lock:
            rows = self.base.execute("SELECT name, value, deleted, MAX(id) FROM kine GROUP BY name").fetchall()
        return {row[0]: row[1] for row in rows if row[0].startswith(start) and not row[2]}

    def close(self) -> None:
        with self.lock:
            self.base.close()


class Etcd:
    """A real one."""

    def __init__(self) -> None:
        argv = ["etcd", "--data-dir", SERVER + "/db/etcd", "--log-level", "error", "--unsafe-no-fsync"]
        self.process = subprocess.Popen(argv)
        while self._ctl("endpoint", "health", check=False) is None:
            time.sleep(0.1)

    def _ctl(self, *argv: str, stdin: bytes = b"", check: bool = True) -> bytes | None:
        done = subprocess.run(["etcdctl", *argv], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, "ETCDCTL_API": "3"}, check=check)  # fmt: skip
        return None if done.returncode else done.stdout

    def put(self, key: str, value: bytes | None) -> None:
        self._ctl(*(["del", key] if value is None else ["put", key]), stdin=value or b"")

    def range(self, start: str) -> dict[str, bytes]:
        found = json.loads(self._ctl("get", "--prefix", start, "-w", "json") or b"{}")
        return {base64.b64decode(o["key"]).decode(): base64.b64decode(o.get("value", "")) for o in found.get("kvs", ())}

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def settings() -> dict[str, str]:
    """config.yaml, as far as this program reads it."""
    with contextlib.suppress(FileNotFoundError), open(CONFIG + "/config.yaml") as stream:
        return dict(re.findall(r"^([a-z-]+): *(\S+)", stream.read(), re.M))
    return {}


def written(path: str, text: str, mode: int = 0o600) -> str:
    """Make a file unless it is there; its content."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, mode)
    with open(path) as stream:
        return stream.read()


def openssl(*argv: str) -> None:
    subprocess.run(["openssl", *argv], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates() -> None:
    """The cluster's authorities, and what they sign for this host."""
    tls = SERVER + "/tls/"
    os.makedirs(tls, 0o700, exist_ok=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("server-ca", "client-ca"):
        if not os.path.exists(tls + name + ".crt"):
            files = ("-keyout", tls + name + ".key", "-out", tls + name + ".crt")
            openssl("req", "-x509", *curve, *files, "-subj", f"/CN=k3s-{name}@{time.time_ns()}", "-days", "3650")
    for name, ca, subject in (
        ("serving-kube-apiserver", "server-ca", "kube-apiserver"),
        ("client-admin", "client-ca", "system:admin/O=system:masters"),
    ):
        if not os.path.exists(tls + name + ".crt"):
            files = ("-keyout", tls + name + ".key", "-out", tls + name + ".csr")
            openssl("req", "-new", *curve, *files, "-subj", "/CN=" + subject)
            with open(tls + "names", "w") as stream:
                stream.write(f"subjectAltName=IP:127.0.0.1,DNS:{socket.gethostname()}")
            openssl("x509", "-req", "-in", tls + name + ".csr", "-CA", tls + ca + ".crt", "-CAkey", tls + ca + ".key",
                    "-set_serial", str(time.time_ns()), "-out", tls + name + ".crt", "-days", "365", "-extfile", tls + "names")  # fmt: skip
            os.unlink(tls + name + ".csr")


class Cluster:
    """What the API serves."""

    def __init__(self, store: Kine | Etcd, node: str) -> None:
        self.store, self.node = store, node

    def register(self) -> None:
        """The node, by its password; only the first one with a name gets it (https://docs.k3s.io/architecture, node password)."""
        known = hashlib.sha256(written(PASSWORD, os.urandom(16).hex()).encode()).hexdigest()
        path = f"/registry/secrets/kube-system/{self.node}.node-password.k3s"
        there = self.store.range(path).get(path)
        if there and json.loads(there)["data"]["hash"] != known:
            sys.exit("Node password rejected, duplicate hostname")
        if not there:
            self.create("", "secrets", "kube-system", f"{self.node}.node-password.k3s", {"data": {"hash": known}})
        if not self.store.range(f"/registry/minions/{self.node}"):
            self.create("", "nodes", "", self.node, {"spec": {}, "status": {}})

    def create(self, group: str, kind: str, space: str, name: str, body: dict[str, Any]) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        meta = {
            "name": name,
            "uid": f"{os.urandom(4).hex()}-0000-4000-8000-{os.urandom(6).hex()}",
            "creationTimestamp": now,
        }
        meta.update({"namespace": space} if space else {})
        version = f"{group}/v1" if group else "v1"
        one = {"apiVersion": version, "kind": KINDS[group][kind], "metadata": meta, **body}
        self.store.put(
            "/".join(filter(None, ("/registry", STORED.get(kind, kind), space, name))), json.dumps(one).encode()
        )

    def listed(self, group: str, kind: str) -> list[dict[str, Any]]:
        found = self.store.range(f"/registry/{STORED.get(kind, kind)}/").values()
        items = [json.loads(value) for value in found]
        for number, one in enumerate(items):
            one["metadata"]["resourceVersion"] = str(number + time.monotonic_ns())
            if kind == "deployments":
                one["status"] = {"observedGeneration": 1, "seen": time.time()}
            del one["kind"], one["apiVersion"]  # the items of a list have none
        return items

    def beat(self) -> None:
        """What a node does all the time."""
        while True:
            with contextlib.suppress(sqlite3.Error, subprocess.CalledProcessError, OSError):
                self.store.put(f"/registry/leases/kube-node-lease/{self.node}", str(time.time()).encode())
            time.sleep(0.5)


class Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def say(self, code: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """/readyz, discovery, lists in pieces."""
        url = urlsplit(self.path)
        if url.path == "/readyz":
            return self.say(200, b"ok", "text/plain; charset=utf-8")
        if url.path == "/apis":
            versions = [{"groupVersion": f"{group}/v1", "version": "v1"} for group in KINDS if group]
            groups = [{"name": v["groupVersion"][:-3], "versions": [v], "preferredVersion": v} for v in versions]
            return self.say(200, json.dumps({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}).encode())
        words = url.path.strip("/").split("/")
        group = "" if words[0] == "api" else words[1]
        rest = words[2:] if group == "" else words[3:]
        version = f"{group}/v1" if group else "v1"
        if not rest:
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            found = [
                {"name": n, "singularName": k.lower(), "namespaced": n not in WIDE, "kind": k, "verbs": verbs}
                for n, k in KINDS[group].items()
            ]
            found += (
                [
                    {
                        "name": "namespaces/status",
                        "singularName": "",
                        "namespaced": False,
                        "kind": "Namespace",
                        "verbs": ["get"],
                    }
                ]
                if not group
                else []
            )
            body = {"kind": "APIResourceList", "groupVersion": version, "resources": found}
            return self.say(200, json.dumps(body).encode())
        asked = parse_qs(url.query)
        first, limit = (
            int(asked.get("continue", ["0"])[0]),
            min(int(asked.get("limit", ["0"])[0]), 3) or 1000,
        )  # pieces that a test can see
        items = self.cluster.listed(group, rest[0])
        more = (
            {"continue": str(first + limit), "remainingItemCount": len(items) - first - limit}
            if len(items) > first + limit
            else {}
        )
        piece = {"metadata": {"resourceVersion": "1", **more}, "items": items[first : first + limit]}
        kind = KINDS[group][rest[0]] + "List"
        return self.say(200, json.dumps({"kind": kind, "apiVersion": version, **piece}).encode())

    def do_DELETE(self) -> None:
        """A node or a secret."""
        words = self.path.strip("/").split("/")
        key = "/registry/minions/" + words[-1] if words[2] == "nodes" else f"/registry/secrets/{words[3]}/{words[-1]}"
        there = self.cluster.store.range(key).get(key)
        if there is not None:
            self.cluster.store.put(key, None)
        return self.say(200 if there is not None else 404, b'{"kind": "Status", "apiVersion": "v1"}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


def begin() -> tuple[Kine | Etcd, str, int]:
    """What is to be there before the API: the store of a cluster that this token opens, the name of the node, the API's port."""
    config = settings()
    for trouble in ("slow", "refuse"):  # once
        if os.path.exists("/run/lab-k3s-" + trouble):
            os.rename("/run/lab-k3s-" + trouble, "/run/lab-k3s-met")
            time.sleep(600) if trouble == "slow" else sys.exit("it was told not to start")
    token = written(SERVER + "/token", f"K10{os.urandom(16).hex()}::server:{os.urandom(16).hex()}\n")
    if not os.path.lexists(SERVER + "/node-token"):
        os.symlink(SERVER + "/token", SERVER + "/node-token")
    certificates()
    store: Kine | Etcd = Etcd() if "cluster-init" in config else Kine()
    mine = store.range("/bootstrap/")  # encrypted with the token: another one cannot read it
    known = hashlib.sha256(token.encode() + written(SERVER + "/tls/server-ca.crt", "").encode()).hexdigest().encode()
    if mine and next(iter(mine.values())).strip() != known:
        sys.exit("failed to decrypt bootstrap data: the token or the certificates are of another cluster")
    if not mine:
        store.put("/bootstrap/data", known)
    port = int(config.get("https-listen-port", "6443"))
    with open(CONFIG + "/k3s.yaml", "w") as stream:
        stream.write(KUBECONFIG.format(port=port, tls=SERVER + "/tls"))
    os.chmod(CONFIG + "/k3s.yaml", 0o600)
    return store, config.get("node-name", socket.gethostname().lower()), port


def ready() -> None:
    """Tell systemd."""
    if os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def serve() -> None:
    store, node, port = begin()
    cluster = Cluster(store, node)
    if not store.range("/registry/namespaces/default"):
        for name in ("default", "kube-system"):
            cluster.create("", "namespaces", "", name, {"spec": {}, "status": {"phase": "Active"}})
    cluster.register()
    threading.Thread(target=cluster.beat, daemon=True).start()
    Handler.cluster = cluster
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls = SERVER + "/tls/"
    context.load_cert_chain(tls + "serving-kube-apiserver.crt", tls + "serving-kube-apiserver.key")
    context.load_verify_locations(tls + "client-ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ready()
    server.serve_forever()


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def main(server: Callable[[], None] = serve) -> None:
    if sys.argv[1:] == ["--version"]:
        print("k3s version " + written("/etc/lab-k3s-version", "v1.30.4+k3s1") + " (98262b5d)\ngo version go1.22.5")
    elif sys.argv[1:3] == ["etcd-snapshot", "save"]:
        path = f"{option('--etcd-snapshot-dir')}/{option('--name')}-{socket.gethostname()}-{int(time.time())}"
        subprocess.run(["etcdctl", "snapshot", "save", path], check=True, env={**os.environ, "ETCDCTL_API": "3"})
    elif sys.argv[1] == "server" and "--cluster-reset" in sys.argv:
        argv = [
            "etcdctl",
            "snapshot",
            "restore",
            option("--cluster-reset-restore-path"),
            "--data-dir",
            SERVER + "/db/etcd",
        ]
        subprocess.run(argv, check=True, env={**os.environ, "ETCDCTL_API": "3"})
    elif sys.argv[1] == "server":
        server()
    elif (
        sys.argv[1] == "lab-put"
    ):  # kine put, as kubectl would: GROUP KIND NAMESPACE NAME JSON; it is safe beside the server
        store = Etcd.__new__(Etcd) if "cluster-init" in settings() else Kine()
        group, kind, space, name, body = sys.argv[2:7]
        Cluster(store, "").create(group, kind, space, name, json.loads(body))


if __name__ == "__main__":
    main()
