"""What dconf must say on the target."""

from __future__ import annotations

from typing import Any

AS_ADA = "runuser -u ada -- env HOME=/home/ada XDG_RUNTIME_DIR=/dev/null dbus-run-session -- dconf dump {}"


def test_adas_settings_are_the_sources(host: Any) -> None:
    """Without what only the target had."""
    assert host.check_output(AS_ADA.format("/org/lab/")) == "[look]\ntheme='dark'"


def test_windows_stay_where_they_were(host: Any) -> None:
    """What belongs to the screen stays each PC's own."""
    assert "size=(9, 9)" in host.check_output(AS_ADA.format("/org/gnome/"))


def test_the_systems_database_is_compiled(host: Any) -> None:
    """Not only its key files are there."""
    assert host.check_output("DCONF_PROFILE=lab dconf read /org/lab/site/name") == "'hq'"
