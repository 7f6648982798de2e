"""An installation as files: what is read of it, and how a remote is written."""

from __future__ import annotations

import base64
import os
import pwd
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import flatpak_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = '[core]\nrepo_version=1\nxa.masked=org.a;org.b;\n\n[remote "lab"]\nurl=http://a/\ngpg-verify=true\n\n[remote "own"]\nurl=http://b/\n'


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's, somewhere else."""
    monkeypatch.setattr(flatpak_state, "SYSTEM", str(tmp_path / "flatpak"))
    monkeypatch.setattr(flatpak_state, "ANCHORS", str(tmp_path / "anchors"))
    (tmp_path / "flatpak/repo").mkdir(parents=True)
    (tmp_path / "anchors").mkdir()
    (tmp_path / "flatpak/repo/config").write_text(CONFIG)
    before = os.umask(0o077)
    yield tmp_path / "flatpak"
    os.umask(before)


def test_an_installation_is_read(installation: Path) -> None:
    """Remotes, masks, and what is deployed by the link that says which commit."""
    (installation / "app/org.a/x86_64/stable/c0ffee").mkdir(parents=True)
    (installation / "app/org.a/x86_64/stable/active").symlink_to("c0ffee")
    (installation / "app/org.a/x86_64/stable/c0ffee/metadata").write_text("[Application]\nruntime=org.p/x86_64/1\n")
    found = flatpak_state.describe("")
    assert found["refs"] == {"app/org.a/x86_64/stable": {"commit": "c0ffee", "runtime": "org.p/x86_64/1"}}
    assert found["remotes"]["lab"]["options"] == {"url": "http://a/", "gpg-verify": "true"}
    assert (found["masks"], found["pins"], found["there"]) == (["org.a", "org.b"], [], True)


def test_no_installation_is_none(installation: Path) -> None:
    """And nothing is made by looking."""
    (installation / "repo/config").unlink()
    assert flatpak_state.describe("")["there"] is False


def test_keys_are_its_own_or_the_pcs(installation: Path, tmp_path: Path) -> None:
    """A remote's own keys are all it has; else the PC's, and those it is told to look at, without their armour."""
    (tmp_path / "anchors/a.gpg").write_bytes(b"anchor")
    assert flatpak_state.describe("")["remotes"]["lab"]["trust"] == b"anchor"
    armour = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
    (tmp_path / "more.asc").write_text(armour.format(base64.b64encode(b"told").decode()))
    (installation / "repo/config").write_text(
        CONFIG.replace("url=http://a/", f"url=http://a/\ngpgkeypath={tmp_path}/more.asc")
    )
    assert flatpak_state.describe("")["remotes"]["lab"]["trust"] == b"anchortold"
    (installation / "repo/lab.trustedkeys.gpg").write_bytes(b"own")
    assert flatpak_state.describe("")["remotes"]["lab"]["trust"] == b"own"


def test_a_remote_is_written_and_nothing_else(installation: Path, tmp_path: Path) -> None:
    """Its section, its keys, its filter; the others stay as they are, and no temporary file does."""
    options = {"url": "http://new/", "xa.filter": str(tmp_path / "filters/lab")}
    flatpak_state.write_remote("", "lab", options, "deny *\n", payload=b"keys")
    found = flatpak_state.describe("")["remotes"]
    assert found["lab"] == {"options": options, "trust": b"keys", "filter": "deny *\n"}
    assert found["own"]["options"] == {"url": "http://b/"}
    assert (installation / "repo/config").read_text().startswith("[core]\nrepo_version=1\nxa.masked=org.a;org.b;\n")
    assert sorted(path.name for path in (installation / "repo").iterdir()) == ["config", "lab.trustedkeys.gpg"]
    assert (installation / "repo/config").stat().st_mode & 0o777 == 0o644  # everybody reads the system's
    flatpak_state.write_remote("", "lab", {"url": "http://new/", "gpg-verify": "false"}, None)
    assert flatpak_state.describe("")["remotes"]["lab"]["trust"] == b""


def test_no_try_leaves_a_file(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that fails takes its own along; what one that was killed has left goes with the next."""
    (installation / "repo/.config.00c0ffee.hotdesk").write_text("half")
    monkeypatch.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        flatpak_state.write_remote("", "lab", {"url": "http://new/"}, None)
    assert [path.name for path in (installation / "repo").iterdir()] == ["config"]
    assert (installation / "repo/config").read_text() == CONFIG


def test_a_persons_is_read_in_the_persons_home(
    installation: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where flatpak keeps it; as that person, which needs root to become."""
    me = pwd.getpwuid(os.geteuid())
    entry = pwd.struct_passwd((me.pw_name, "x", me.pw_uid, me.pw_gid, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: entry)
    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *_: None)
    (tmp_path / ".local/share/flatpak/repo").mkdir(parents=True)
    (tmp_path / ".local/share/flatpak/repo/config").write_text(CONFIG)
    (installation / "repo/config").unlink()
    assert sorted(flatpak_state.describe(me.pw_name)["remotes"]) == ["lab", "own"]
