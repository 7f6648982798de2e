"""What stands in /opt and /usr/local by somebody's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.jobs.on_target import hand_installed

if TYPE_CHECKING:
    from pathlib import Path


def test_what_nobody_else_has_brought_is_found(tmp_path: Path) -> None:
    """Not what every PC has, nor a package's, nor folders without files; a vendor's folder tells what is in it."""
    root, admin = tmp_path / "root", tmp_path / "dpkg"
    for path in (
        "opt/tool/bin/run",
        "opt/vendor/one/x",
        "opt/packaged/x",
        "usr/local/bin/script",
        "usr/local/lib/python3/a.py",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    for path in ("opt/vendor/two", "opt/empty/deep", "usr/local/share", "usr/local/go", "usr/local/sbin"):
        (root / path).mkdir(parents=True)
    (root / "opt/link").symlink_to("/nowhere")
    (root / "usr/local/go/only-a-link").symlink_to("tool")
    (admin / "info").mkdir(parents=True)
    (admin / "info/packaged.list").write_text("/.\n/opt\n/opt/packaged\n/opt/packaged/x\n")
    assert hand_installed.trees(str(root), str(admin)) == {
        "/opt/link": None,
        "/opt/tool": ["bin"],
        "/opt/vendor": ["one", "two"],
        "/usr/local/go": None,
        "/usr/local/bin/script": None,
        "/usr/local/lib/python3": None,
    }


def test_what_was_begun_is_remembered_until_it_is_done(tmp_path: Path) -> None:
    """Of several items, in a file of its own."""
    path = str(tmp_path / "lib" / "manual.json")
    assert hand_installed.begun(path) == {}
    hand_installed.remember("deb zoom", "run-1", path)
    hand_installed.remember("/opt/tool", "run-2", path)
    hand_installed.remember("deb zoom", "", path)
    hand_installed.remember("never begun", "", path)
    assert hand_installed.begun(path) == {"/opt/tool": "run-2"}
