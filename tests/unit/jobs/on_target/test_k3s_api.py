"""What is asked of k3s's API, of the lab's stand-in; and that the stand-in answers as Kubernetes documents it."""

from __future__ import annotations

import json
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from hotdesk.jobs.on_target import k3s_api, k3s_state
from hotdesk.jobs.on_target.k3s_api import Api, listing, served_objects, wanted_state
from hotdesk.jobs.shipping import bundle
from tests.lab.k3s_stand_in import Cluster, Handler

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTED: dict[str, tuple[set[str], set[str]]] = {
    "APIGroupList": ({"kind", "apiVersion", "groups"}, set()),
    "APIGroup": ({"name", "versions"}, {"preferredVersion", "serverAddressByClientCIDRs", "kind", "apiVersion"}),
    "APIResourceList": ({"kind", "groupVersion", "resources"}, {"apiVersion"}),
    "APIResource": (
        {"name", "singularName", "namespaced", "kind", "verbs"},
        {"group", "version", "shortNames", "categories", "storageVersionHash"},
    ),
    "List": ({"kind", "apiVersion", "metadata", "items"}, set()),
    "ListMeta": (set(), {"resourceVersion", "continue", "remainingItemCount", "selfLink"}),
    "ObjectMeta": (
        {"name", "uid", "resourceVersion", "creationTimestamp"},
        {
            "namespace",
            "labels",
            "annotations",
            "ownerReferences",
            "finalizers",
            "generation",
            "managedFields",
            "deletionTimestamp",
        },
    ),
}
"""(always there, may be there): https://kubernetes.io/docs/reference/kubernetes-api/ (common definitions; discovery is meta/v1 of apimachinery)."""


class Store:
    """Keys and values, in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, key: str, value: bytes | None) -> None:
        if value is None:
            del self.held[key]
        else:
            self.held[key] = value

    def range(self, start: str) -> dict[str, bytes]:
        return {key: value for key, value in self.held.items() if key.startswith(start)}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """What a stand-in serves, without certificates; ``Api`` asks it."""
    store = Store()
    cluster = Cluster(store, "atlas")  # type: ignore[arg-type]
    for space, name in (("shop", "a"), ("shop", "b"), ("shop", "c"), ("other", "d"), ("kube-system", "e")):
        cluster.create("", "configmaps", space, name, {"data": {"x": "1"}})
    cluster.create("", "nodes", "", "atlas", {"status": {}})
    cluster.create("", "secrets", "shop", "key", {"data": {"p": "geheim"}})
    cluster.create("apps", "deployments", "shop", "web", {"spec": {"replicas": 1}})
    handler = type("Serving", (Handler,), {"cluster": cluster, "protocol_version": "HTTP/1.0"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"

        def init(self: Api, *_: str) -> None:
            self.url, self._open = url, urlopen  # type: ignore[assignment]

        monkeypatch.setattr(Api, "__init__", init)
        yield store
        server.shutdown()
        thread.join()


def test_objects_are_those_that_people_made(store: Store) -> None:
    """In as many pieces as they come; not nodes, nor what k3s has in its own namespaces. How one is at the moment does not matter."""
    found = served_objects("", "", b"k")
    names = ["configmaps other/d", "configmaps shop/a", "configmaps shop/b", "configmaps shop/c", "secrets shop/key"]
    assert sorted(found) == ["apps/deployments shop/web", *names]
    assert found == served_objects("", "", b"k")
    assert found != served_objects("", "", b"other")


def test_a_listing_knows_no_secret(store: Store) -> None:
    """Another value of one changes nothing in it; of anything else it does."""
    before = listing("", "")
    for key, same in (("/registry/secrets/shop/key", True), ("/registry/configmaps/shop/a", False)):
        one = json.loads(store.held[key])
        store.put(key, json.dumps({**one, "data": {"p": "other"}}).encode())
        assert (listing("", "") == before) is same


def test_what_has_an_owner_is_not_peoples() -> None:
    """It is made again by its owner; and what a server notes for itself is not what is wanted."""
    one = {
        "metadata": {"name": "a", "resourceVersion": "1", "managedFields": [], "generation": 1},
        "spec": 1,
        "status": 2,
    }
    assert json.loads(wanted_state(one)) == {"metadata": {"name": "a"}, "spec": 1}


def test_a_node_is_forgotten(store: Store) -> None:
    """With its password; one that is not there is no error."""
    store.put("/registry/secrets/kube-system/atlas.node-password.k3s", b"{}")
    assert Api("", "").nodes() == ["atlas"]
    for _ in range(2):
        Api("", "").forget(["atlas"], ["vega"])
    assert not [key for key in store.held if "minions" in key or "node-password" in key]
    assert Api("", "").nodes() == []


def test_the_stand_in_answers_as_kubernetes_does(store: Store) -> None:
    """Each answer has what the reference says is always there, and nothing that it does not know."""
    api = Api("", "")

    def held(kind: str, found: dict[str, Any]) -> None:
        always, maybe = DOCUMENTED[kind]
        assert always <= set(found) <= always | maybe, (kind, sorted(found))

    assert api.ask("/readyz") == b"ok"
    groups = json.loads(api.ask("/apis"))
    held("APIGroupList", groups)
    for group in groups["groups"]:
        held("APIGroup", group)
        assert set(group["preferredVersion"]) == {"groupVersion", "version"}
    for path in ("/api/v1", "/apis/apps/v1"):
        kinds = json.loads(api.ask(path))
        held("APIResourceList", kinds)
        for kind in kinds["resources"]:
            held("APIResource", kind)
            if "/" in kind["name"]:
                continue
            answer = json.loads(api.ask(f"{path}/{kind['name']}?limit=2"))
            held("List", answer)
            held("ListMeta", answer["metadata"])
            assert answer["kind"] == kind["kind"] + "List"
            for one in answer["items"]:
                held("ObjectMeta", one["metadata"])
                assert ("namespace" in one["metadata"]) is kind["namespaced"]


def test_the_halves_can_be_sent() -> None:
    """Their parts share no name."""
    assert bundle(k3s_api)
    assert bundle(k3s_state)
