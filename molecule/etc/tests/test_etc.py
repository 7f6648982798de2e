"""What the target's /etc must hold."""

from __future__ import annotations

from typing import Any


def test_the_packages_file_is_the_changed_one(host: Any) -> None:
    """A configuration file of a package that was edited on the source."""
    assert host.file("/etc/deluser.conf").contains("^# by hand$")


def test_files_of_no_package_keep_owner_and_mode(host: Any) -> None:
    """And links stay links."""
    empty = host.file("/etc/lab.d/empty")
    assert (empty.user, empty.group, empty.mode) == ("root", "adm", 0o640)
    assert host.file("/etc/lab.link").linked_to == "/etc/lab.d/empty"


def test_sudo_takes_the_new_rule(host: Any) -> None:
    """visudo has nothing against it."""
    assert host.file("/etc/sudoers.d/backup").mode == 0o440
    host.run_test("visudo -c")
    assert "/usr/bin/rsync" in host.check_output("sudo -l -U backup")


def test_what_belongs_to_the_machine_stays(host: Any) -> None:
    """The name of the PC and the like."""
    assert host.check_output("cat /etc/hostname") == "pc2"
    assert not host.file("/etc/machine-info").exists
