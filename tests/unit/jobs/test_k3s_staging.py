"""What of k3s's state is staged on a target, and what its cluster forgets."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hotdesk.jobs.k3s_plan import Differences, Seen
from hotdesk.jobs.k3s_staging import Staging


@pytest.mark.parametrize(
    ("kind", "here", "there", "known", "gone", "renewed"),
    [
        ("sqlite", "atlas", "vega", ["atlas"], ["atlas"], ["vega"]),
        ("sqlite", "one", "one", ["one"], [], ["one"]),
        ("etcd", "atlas", "vega", ["atlas"], ["atlas"], []),
        ("etcd", "atlas", "vega", ["atlas", "vega"], ["atlas"], ["vega"]),
        ("etcd", "one", "one", ["one"], [], ["one"]),
    ],
)
def test_a_node_keeps_the_password_that_it_has_registered_itself_with(
    kind: str, here: str, there: str, known: list[str], gone: list[str], renewed: list[str]
) -> None:
    """Etcd is asked when the target's node is in it already: then only a password from the source's cluster is an old one."""
    ours = Seen({"kind": kind, "nodes": known, "command": "", "host": here}, {})
    theirs = Seen({"kind": kind, "nodes": [], "command": "", "host": there}, {})
    nobody = cast("Any", None)
    staging = Staging(
        nobody, nobody, nobody, ours, theirs, Differences({}, {}, {}, {}), top="/k", storage="/k/storage", pause=True
    )
    assert staging.nodes() == {"gone": gone, "renewed": renewed}
