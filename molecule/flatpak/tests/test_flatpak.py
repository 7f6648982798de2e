"""What flatpak must say on the target."""

from __future__ import annotations

from typing import Any


def test_the_app_and_its_runtime_are_there(host: Any) -> None:
    """From the source's remote."""
    lines = host.check_output("flatpak list --system --all --columns=ref:f,origin:f").splitlines()
    found = {tuple(line.split()) for line in lines}
    assert {(ref.split("/")[0], ref.split("/")[2], origin) for ref, origin in found} == {
        ("org.lab.Hello", "stable", "lab"),
        ("org.lab.Platform", "1", "lab"),
    }


def test_the_remote_is_trusted_by_its_key_alone(host: Any) -> None:
    """And what is masked on the source is masked here."""
    assert "no-gpg-verify" not in host.check_output("flatpak remotes --system --columns=name:f,options:f")
    assert host.file("/var/lib/flatpak/repo/lab.trustedkeys.gpg").exists
    assert host.check_output("flatpak mask --system").strip() == "org.lab.Other"
