"""The comparison of two flatpak installations: order, needs, what is left and why."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from hotdesk.jobs.flatpak_plan import Scope, by_ref, essence, plain

APP, RUNTIME = "app/org.lab.Hello/x86_64/stable", "runtime/org.lab.Platform/x86_64/1"
REMOTE: dict[str, Any] = {
    "options": {"url": "https://anna:geheim@repo.example.org/", "gpg-verify": "true"},
    "trust": b"key",
    "filter": None,
}
HERE: dict[str, Any] = {
    "there": True,
    "remotes": {"lab": REMOTE},
    "refs": {
        APP: {"commit": "a" * 64, "runtime": RUNTIME.partition("/")[2]},
        RUNTIME: {"commit": "b" * 64, "runtime": ""},
    },
    "masks": ["org.lab.Hello"],
    "pins": [RUNTIME],
}
NOTHING: dict[str, Any] = {"there": False, "remotes": {}, "refs": {}, "masks": [], "pins": []}
ORIGINS = {APP: "lab", RUNTIME: "lab"}


def scope(here: dict[str, Any], there: dict[str, Any], **more: Any) -> Scope:
    """anna's installation on both."""
    origins = (
        {ref: ORIGINS.get(ref, "lab") for ref in here["refs"]},
        {ref: ORIGINS.get(ref, "more") for ref in there["refs"]},
    )
    return Scope("anna", deepcopy(here), deepcopy(there), origins, **more)


def test_a_new_pc_gets_everything_in_order() -> None:
    """The remote, the runtime, the app, and only then masks and pins; each with what it needs; no password is told."""
    found = scope(HERE, NOTHING).changes()
    ids = [change.id for change in found]
    assert ids == [
        "add remote lab for anna", f"install {RUNTIME} for anna", f"install {APP} for anna", "mask org.lab.Hello for anna", f"pin {RUNTIME} for anna",
    ]  # fmt: skip
    assert found[2].needs == (ids[0], ids[1])
    assert "geheim" not in repr(found)
    assert not any(change.destructive for change in found)
    assert scope(HERE, HERE).changes() == []


@pytest.mark.parametrize(("key", "value"), [
    ("trust", b"other"), ("filter", "deny *"), ("options", {**REMOTE["options"], "url": "https://other/"}),
    ("options", {**REMOTE["options"], "gpg-verify": "false"}),
])  # fmt: skip
def test_a_remote_of_that_name_that_is_another_is_updated_first(key: str, value: Any) -> None:
    """By its keys, its filter, its address or that nothing is verified."""
    there = deepcopy(HERE)
    there["remotes"]["lab"][key] = value
    del there["refs"][APP]
    found = scope(HERE, there).changes()
    assert [change.verb for change in found] == ["update", "install"]
    assert found[1].needs == ("update remote lab for anna",)


def test_what_flatpak_fetches_by_itself_makes_no_difference() -> None:
    """The title that a repository gives itself."""
    one, other = deepcopy(REMOTE), deepcopy(REMOTE)
    other["options"] = {**REMOTE["options"], "xa.title": "Lab", "xa.title-is-set": "true"}
    assert essence(one) == essence(other)


def test_what_only_the_target_has_goes_on_request() -> None:
    """Apps before runtimes; a remote when nothing is left of it, which needs that they are gone."""
    there = deepcopy(HERE)
    there["remotes"]["more"] = deepcopy(REMOTE)
    there["refs"] |= {
        "app/org.lab.Own/x86_64/1": {"commit": "c", "runtime": ""},
        "runtime/org.lab.Own/x86_64/1": {"commit": "d", "runtime": ""},
    }
    there["masks"].append("org.lab.Own")
    assert scope(HERE, there).changes() == []
    found = scope(HERE, there, delete=True).changes()
    assert [change.verb for change in found] == ["unmask", "uninstall", "uninstall", "remove"]
    assert found[-1].needs == (found[1].id, found[2].id)
    assert found[1].subject.startswith("app/")
    assert all(change.destructive for change in found)
    kept = scope(HERE, there, delete=True, exclude=["app/org.lab.Own/*"])
    assert [change.verb for change in kept.changes()] == ["unmask", "uninstall"]
    assert "app/org.lab.Own" in kept.warnings[0]


def test_what_came_from_a_file_or_is_filtered_out_is_left_and_named() -> None:
    """No target could install it."""
    left = scope(HERE, NOTHING, denied=frozenset({APP}))
    assert f"install {APP} for anna" not in [change.id for change in left.changes()]
    assert "the filter of lab" in left.warnings[0]
    here = deepcopy(HERE)
    here["remotes"]["lab"]["options"]["url"] = ""
    filed = scope(here, NOTHING)
    assert not any(change.verb == "install" for change in filed.changes())
    assert any("from a file" in text for text in filed.warnings)


def test_a_remote_without_a_key_is_warned_of() -> None:
    """It says that it is verified."""
    here = deepcopy(HERE)
    here["remotes"]["lab"]["trust"] = b""
    found = scope(here, NOTHING)
    found.changes()
    assert "no key" in found.warnings[0]


def test_refs_are_read_with_and_without_their_kind() -> None:
    """As versions of flatpak print them."""
    assert by_ref("org.lab.Hello/x86_64/stable\tlab\n", "app") == {APP: "lab"}
    assert by_ref(f"{APP}\tlab\n\n", "app") == {APP: "lab"}


def test_a_url_is_shown_without_its_password() -> None:
    """And otherwise as it is."""
    assert plain("https://a:b@c/d@e") == "https://c/d@e"
    assert plain("file:///srv/repo") == "file:///srv/repo"
