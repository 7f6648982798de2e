"""What two descriptions of packages and /etc/apt make of a plan."""

from __future__ import annotations

from typing import Any

from hotdesk.jobs.apt_commands import effects, install
from hotdesk.jobs.apt_plan import Package, Wanted, compare
from hotdesk.jobs.on_target.apt_state import DISTRO


def pc(packages: dict[str, Any] | None = None, files: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """``packages``: name -> (version, origin), or (version, origin, offers). All manual unless said."""
    origins = {}
    for name, (version, origin, *rest) in (packages or {}).items():
        offers = rest[0] if rest else ([[version, origin]] if origin and version else [])
        first = offers[0] if offers else ["", ""]
        origins[name] = {
            "installed": version,
            "origin": origin if version else "",
            "candidate": first[0],
            "source": first[1],
            "versions": offers,
        }
    installed = {name: one["installed"] for name, one in origins.items() if one["installed"]}
    base = {
        "manual": list(installed),
        "held": [],
        "foreign": [],
        "essential": [],
        "half": [],
        "labels": {"http://v": "Vendor"},
    }
    return {**base, "installed": installed, "origins": origins, "files": files or {}, **more}


def file(
    text: str = "a", kind: str = "options", *, uri: str = "", keys: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    entries = [{"uri": uri, "suite": "./", "keys": list(keys)}] if uri else []
    base = {"standing": "local", "package": "", "version": "", "owner": "root", "group": "root"}
    return {**base, "state": ["file", 0o644, 0, 0, text * 20], "kind": kind, "entries": entries, **more}


def ids(found: Wanted) -> list[str]:
    return [change.id for change in found.changes]


KEY, LIST = "/etc/apt/keyrings/v.gpg", "/etc/apt/sources.list.d/v.list"
VENDOR = {KEY: file("k", "key"), LIST: file("l", "sources", uri="http://v", keys=(KEY,))}


def test_a_package_is_its_name_and_its_origin() -> None:
    """One of another vendor is replaced, one of the same origin may have any version."""
    here = pc({"same": ("2", DISTRO), "tool": ("5", "Vendor"), "new": ("1", DISTRO)}, VENDOR)
    offers = [["1:1", DISTRO], ["5", "Vendor"]]
    there = pc({"same": ("1", DISTRO), "tool": ("1:1", DISTRO, offers), "new": ("", "", [["1", DISTRO]])}, VENDOR)
    found = compare(here, there)
    assert ids(found) == ["install new", "replace tool"]
    assert found.changes[1].destructive
    assert found.changes[1].detail == "1:1 -> 5 from Vendor"


def test_what_is_of_no_repository_is_left_and_said() -> None:
    """It is neither installed from elsewhere nor removed."""
    found = compare(pc({"bare": ("1", "")}), pc({"own": ("1", "")}), remove=True, source="atlas")
    assert ids(found) == []
    assert "bare" in found.warnings[0]


def test_a_vendors_archive_comes_with_its_key_and_only_when_needed() -> None:
    """The package needs both; without such a package neither is written."""
    found = compare(pc({"app": ("1", "Vendor")}, VENDOR), pc())
    assert ids(found) == [f"create {KEY}", f"create {LIST}", "install app"]
    assert set(found.changes[2].needs) == {f"create {KEY}", f"create {LIST}"}
    assert found.packages["install app"].late
    assert ids(compare(pc({}, VENDOR), pc())) == []


def test_a_key_that_the_targets_packages_own_stays() -> None:
    """A newer one of a vendor is taken over."""
    ours = {KEY: file("n", "key"), LIST: VENDOR[LIST]}
    owned = {KEY: file("k", "key", package="vendor-keyring", standing="packaged"), LIST: VENDOR[LIST]}
    here = pc({"app": ("1", "Vendor")}, ours)
    assert ids(compare(here, pc({"app": ("1", "Vendor")}, owned))) == []
    assert ids(compare(here, pc({"app": ("1", "Vendor")}, VENDOR))) == [f"update {KEY}"]


def test_pins_and_options_always_travel_and_logins_are_never_shown() -> None:
    """Unless a package brought them as they are."""
    files = {"/etc/apt/preferences.d/p": file(kind="pins"), "/etc/apt/auth.conf": file("s", "logins"),
             "/etc/apt/apt.conf.d/01x": file(standing="packaged")}  # fmt: skip
    found = compare(pc({}, files), pc())
    assert ids(found) == ["create /etc/apt/auth.conf", "create /etc/apt/preferences.d/p"]
    assert (found.changes[0].before, found.changes[0].after) == ("", "")


def test_removal_is_asked_for_and_spares_the_way_in() -> None:
    """Essential, held, kernels, and what hotdesk comes in by."""
    names = ("own", "sudo", "essential", "held", "linux-image-6.1.0-1-amd64")
    there = pc(dict.fromkeys(names, ("1", DISTRO)), essential=["essential"], held=["held"])
    assert ids(compare(pc(), there)) == []
    found = compare(pc(), there, remove=True)
    assert ids(found) == ["remove own"]
    assert found.changes[0].destructive
    assert found.changes[0].undo == "hotdesk rollback: apt-get install own=1, while an archive has it"
    assert ids(compare(pc(), there, remove=True, exclude=["ow*"])) == []


def test_a_vendors_archive_goes_with_the_last_of_its_packages() -> None:
    """With its key; both stay while something is installed from there."""
    there = pc({"app": ("1", "Vendor")}, VENDOR)
    assert ids(compare(pc({"app": ("1", "Vendor")}, VENDOR), there, remove=True)) == []
    assert ids(compare(pc(), there, remove=True)) == [f"delete {LIST}", f"delete {KEY}", "remove app"]


def test_a_held_package_has_the_sources_version() -> None:
    """Held there means left as it is; held here means just this version, and the hold."""
    here = pc({"a": ("1", DISTRO)}, held=["a"])
    offers = [["2", DISTRO], ["1", DISTRO]]
    found = compare(here, pc({"a": ("", "", offers)}))
    assert ids(found) == ["install a", "hold a"]
    assert found.packages["install a"].version == "1"
    assert found.changes[1].needs == ("install a",)
    assert ids(compare(here, pc({"a": ("2", DISTRO, offers)}))) == ["replace a", "hold a"]
    assert ids(compare(here, pc({"a": ("2", DISTRO, offers)}, held=["a"]))) == []


def test_a_package_that_is_there_by_itself_is_marked() -> None:
    """And a foreign architecture comes first."""
    found = compare(pc({"a": ("1", DISTRO)}, foreign=["i386"]), pc({"a": ("1", DISTRO)}, manual=[]))
    assert ids(found) == ["add-architecture i386", "mark a"]


def test_rehearsal_and_act_differ_in_the_lock_alone() -> None:
    """They cannot drift apart."""
    packages = [Package("a"), Package("b", version="1"), Package("c", remove=True)]
    rehearsal = [word for word in install(packages, lock_timeout=5, simulate=True) if word != "--dry-run"]
    act = install(packages, lock_timeout=5)
    at = act.index("DPkg::Lock::Timeout=5")
    assert act[: at - 1] + act[at + 1 :] == rehearsal
    assert rehearsal[-3:] == ["a", "b=1", "c-"]


def test_what_apt_would_do_is_read() -> None:
    """A removal that is an upgrade's is none; the native architecture goes unsaid."""
    text = "Remv old [1]\nRemv up [1]\nInst up [1] (2 Debian:12 [amd64])\nInst new:amd64 (1 x [amd64])\nConf new (1 x [amd64])\n"
    found = effects(text, "amd64")
    assert (sorted(found.installs), sorted(found.removes)) == (["new", "up"], ["old"])
