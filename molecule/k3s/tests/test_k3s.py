"""What the cluster must be on the target."""

from __future__ import annotations

import json
from typing import Any

TLS = "/var/lib/rancher/k3s/server/tls"
ASK = f"""
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="{TLS}/server-ca.crt")
context.load_cert_chain("{TLS}/client-admin.crt", "{TLS}/client-admin.key")
print(urllib.request.urlopen("https://127.0.0.1:6443/api/v1/" + sys.argv[1], context=context).read().decode())
"""


def listed(host: Any, kind: str) -> dict[str, Any]:
    """The objects of that kind by name, as the API lists them."""
    answer = json.loads(host.check_output("python3 -c %s %s", ASK, kind))
    return {one["metadata"]["name"]: one for one in answer["items"]}


def test_the_objects_are_the_sources(host: Any) -> None:
    """And what only the target's cluster had is gone."""
    assert host.service("k3s").is_running
    spaces = listed(host, "namespaces")
    assert "shop" in spaces
    assert "theirs" not in spaces
    assert listed(host, "configmaps")["page"]["data"] == {"a": "1"}


def test_the_node_is_its_own(host: Any) -> None:
    """By the target's name."""
    assert "pc2" in listed(host, "nodes")


def test_the_volume_is_the_sources(host: Any) -> None:
    """With owner and mode."""
    page = host.file("/var/lib/rancher/k3s/storage/pvc-1_shop_data/page")
    assert (page.content_string, page.uid, page.mode) == ("of pc1\n", 33, 0o640)
