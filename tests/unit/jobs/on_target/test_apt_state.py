"""What apt says, read: source files in both formats, names that count, the table of versions."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target.apt_sources import kind, repositories
from hotdesk.jobs.on_target.apt_state import DISTRO, policy, records, wait_for
from hotdesk.jobs.on_target.journal import Failed

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """hd-tool:
  Installed: 5.0
  Candidate: 5.0
  Version table:
     1:1.0 500
        500 http://deb.example/debian stable/main amd64 Packages
 *** 5.0 1001
       1001 file:/srv/vendor ./ Packages
        100 /var/lib/dpkg/status
outdated:
  Installed: 1.0
  Candidate: 2.0
  Version table:
     2.0 500
        500 http://deb.example/debian stable/main amd64 Packages
 *** 1.0 100
        100 /var/lib/dpkg/status
bare:
  Installed: 9
  Candidate: 9
  Version table:
 *** 9 100
        100 /var/lib/dpkg/status
     1 500
        500 http://deb.example/debian stable/main amd64 Packages
absent:
  Installed: (none)
  Candidate: 3
  Version table:
     3 500
        500 http://other.example ./ Packages
"""


def test_where_a_package_comes_from() -> None:
    """By the installed row; by the candidate's when the archive is ahead; nowhere when only dpkg knows it."""
    found = policy(TABLE, {("file:/srv/vendor", "./"): "Vendor"}, {"http://deb.example/debian"})
    assert {name: one["origin"] for name, one in found.items()} == {
        "hd-tool": "Vendor",
        "outdated": DISTRO,
        "bare": "",
        "absent": "",
    }
    assert found["absent"]["source"] == "http://other.example"
    assert found["hd-tool"]["versions"] == [["1:1.0", DISTRO], ["5.0", "Vendor"]]
    assert found["absent"]["installed"] == ""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/etc/apt/sources.list", "sources"),
        ("/etc/apt/sources.list.d/x.list", "sources"),
        ("/etc/apt/sources.list.d/x.sources", "sources"),
        ("/etc/apt/sources.list.d/x.list.save", ""),
        ("/etc/apt/sources.list.d/x.distUpgrade", ""),
        ("/etc/apt/preferences.d/x", "pins"),
        ("/etc/apt/preferences.d/x.pref", "pins"),
        ("/etc/apt/preferences.d/x.dpkg-dist", ""),
        ("/etc/apt/apt.conf.d/99x", "options"),
        ("/etc/apt/apt.conf.d/99 x", ""),
        ("/etc/apt/auth.conf.d/x.conf", "logins"),
        ("/etc/apt/keyrings/x.asc", "key"),
        ("/etc/apt/trusted.gpg.d/x.gpg~", ""),
    ],
)
def test_files_that_apt_reads(path: str, found: str) -> None:
    """By apt's own rules for names."""
    assert kind(path) == found


def test_sources_in_one_line() -> None:
    """Options, comments, deb-src; a line that is switched off does not count."""
    text = "# deb http://no ./\ndeb [arch=amd64 signed-by=/k/a.gpg,/k/b.gpg] http://a/x/ stable main # why\ndeb-src file:///srv/y ./\n"
    assert repositories("/etc/apt/sources.list", text) == [
        {"uri": "http://a/x", "suite": "stable", "keys": ["/k/a.gpg", "/k/b.gpg"]},
        {"uri": "file:/srv/y", "suite": "./", "keys": []},
    ]


def test_sources_in_stanzas() -> None:
    """Several addresses and suites, a key inside it, one that is switched off."""
    text = (
        "Types: deb\nURIs: http://a http://b/\nSuites: x\n y\nSigned-By:\n -----BEGIN PGP\n .\n abc\n\n# note\nEnabled: no\n"
        "URIs: http://c\nSuites: z\n\nURIs: http://d\nSuites: ./\nSigned-By: /k.gpg\n"
    )
    found = repositories("/etc/apt/sources.list.d/x.sources", text)
    places = ["http://a x", "http://a y", "http://b x", "http://b y", "http://d ./"]
    assert [f"{one['uri']} {one['suite']}" for one in found] == places
    assert found[-1]["keys"] == ["/k.gpg"]


def test_a_lock_that_is_held_too_long_is_named(tmp_path: Path) -> None:
    """A free or missing one is not waited for."""
    path = tmp_path / "lock"
    assert wait_for(str(path), 1) == 0.0
    path.touch()
    assert wait_for(str(path), 60) < 60
    text = f"import fcntl,sys;f=open({str(path)!r},'w');fcntl.lockf(f,{fcntl.LOCK_EX});print('held',flush=True);sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Failed, match="another package manager"):
            wait_for(str(path), 0.3)
        holder.communicate()


def test_dpkg_was_interrupted_when_numbers_are_left(tmp_path: Path) -> None:
    """The file that dpkg leaves there each time is none."""
    (tmp_path / "tmp.i").touch()
    assert records(str(tmp_path)) == []
    (tmp_path / "0001").touch()
    assert records(str(tmp_path)) == ["dpkg"]
    assert records(str(tmp_path / "no")) == []
