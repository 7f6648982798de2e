"""The API of the k3s on this PC, asked as its administrator with the certificate that k3s keeps for root. Python 3.8 or newer.

https://kubernetes.io/docs/reference/using-api/api-concepts/: discovery, lists in pieces, /readyz.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from urllib.parse import quote

from hotdesk.jobs.on_target.journal import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

LIMIT = 20.0
"""Seconds for an answer."""
PIECE = 500
"""Objects in one answer."""
MANAGED_GROUPS = (
    "apiregistration.k8s.io", "coordination.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "k3s.cattle.io", "metrics.k8s.io",
)  # fmt: skip
MANAGED_KINDS = (
    "componentstatuses",
    "csinodes",
    "csistoragecapacities",
    "endpoints",
    "endpointslices",
    "events",
    "nodes",
    "pods",
)
MANAGED_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
"""What k3s and its controllers make themselves; so is what has an owner."""


class Api:
    """``top``: k3s's data directory; ``config``: where its k3s.yaml is."""

    def __init__(self, top: str, config: str) -> None:
        tls = os.path.join(top, "server/tls")
        try:
            with open(os.path.join(config, "k3s.yaml"), encoding="utf-8") as stream:
                found = re.search(r"^\s*server:\s*(\S+)", stream.read(), re.M)
            context = ssl.create_default_context(cafile=os.path.join(tls, "server-ca.crt"))
            context.verify_flags &= (
                ~ssl.VERIFY_X509_STRICT
            )  # Python 3.13's default; what k3s signs names no authority key
            context.load_cert_chain(os.path.join(tls, "client-admin.crt"), os.path.join(tls, "client-admin.key"))
        except OSError as exc:
            raise Failed("the API cannot be asked: {}: {}".format(exc.filename or tls, exc.strerror or exc))
        self.url = found.group(1).rstrip("/") if found else "https://127.0.0.1:6443"
        nobody = urllib.request.ProxyHandler({})
        self._open = urllib.request.build_opener(nobody, urllib.request.HTTPSHandler(context=context)).open

    def ask(self, path: str, method: str = "GET") -> bytes:
        """The answer's body. Failed names what went wrong."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Accept": "application/json"})
        try:
            with self._open(request, timeout=LIMIT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as exc:
            raise Failed("{} {}: {} {}".format(method, path, exc.code, exc.reason), status=exc.code)
        except (OSError, ValueError) as exc:
            raise Failed("{} {}: {}".format(method, path, exc))

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            return self.ask("/readyz") == b"ok"
        except Failed:
            return False

    def kinds(self) -> Iterator[tuple[str, str]]:
        """(name, path) of all that can be listed and that people make: ``apps/deployments``, ``/apis/apps/v1/deployments``."""
        versions = {"": "/api/v1"}
        for group in json.loads(self.ask("/apis"))["groups"]:
            if group["name"] not in MANAGED_GROUPS:
                versions[group["name"]] = "/apis/" + group["preferredVersion"]["groupVersion"]
        for group, path in sorted(versions.items()):
            for one in json.loads(self.ask(path))["resources"]:
                if "list" in one["verbs"] and "/" not in one["name"] and one["name"] not in MANAGED_KINDS:
                    yield "/".join(filter(None, (group, one["name"]))), path + "/" + one["name"]

    def objects(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(kind, ``namespace/name``, object) of what people made."""
        for kind, path in self.kinds():
            more = ""
            while True:
                answer = json.loads(self.ask("{}?limit={}&continue={}".format(path, PIECE, quote(more, safe=""))))
                for one in answer.get("items") or ():
                    meta = one["metadata"]
                    space = meta.get("namespace", "")
                    name = "/".join(filter(None, (space, meta["name"])))
                    if space in MANAGED_NAMESPACES or meta.get("ownerReferences"):
                        continue
                    if (kind, name) != ("services", "default/kubernetes"):
                        yield kind, name, one
                more = answer.get("metadata", {}).get("continue", "")
                if not more:
                    break

    def nodes(self) -> list[str]:
        """The names of the nodes that the cluster knows."""
        return sorted(one["metadata"]["name"] for one in json.loads(self.ask("/api/v1/nodes")).get("items") or ())

    def forget(self, gone: list[str], renewed: list[str]) -> None:
        """The nodes ``gone``, and the passwords of ``renewed``, are there no more."""
        paths = ["/api/v1/nodes/" + name for name in gone]
        paths += ["/api/v1/namespaces/kube-system/secrets/{}.node-password.k3s".format(n) for n in {*gone, *renewed}]
        for path in paths:
            try:
                self.ask(path, "DELETE")
            except Failed as exc:
                if exc.data.get("status") != 404:
                    raise


def wanted_state(one: dict[str, Any]) -> bytes:
    """What somebody wants of an object: all of it but how it is at the moment, and how often it was written."""
    meta = {
        k: v
        for k, v in one["metadata"].items()
        if k not in ("resourceVersion", "managedFields", "generation", "selfLink")
    }
    rest = {key: value for key, value in one.items() if key not in ("status", "metadata")}
    return json.dumps({**rest, "metadata": meta}, sort_keys=True).encode()


def served_objects(top: str, config: str, secret: bytes) -> dict[str, str]:
    """``kind namespace/name`` -> keyed digest of what is wanted of it."""
    found = Api(top, config).objects()
    return {
        kind + " " + name: hashlib.blake2b(wanted_state(one), key=secret, digest_size=8).hexdigest()
        for kind, name, one in found
    }


def listing(top: str, config: str) -> str:
    """For verification: a line for each object; of secrets only that they are the same objects."""
    lines = []
    for kind, name, one in Api(top, config).objects():
        what = one["metadata"]["uid"].encode() if kind == "secrets" else wanted_state(one)
        lines.append("{} {} {}".format(kind, name, hashlib.sha256(what).hexdigest()[:16]))
    return "\n".join(sorted(lines))
