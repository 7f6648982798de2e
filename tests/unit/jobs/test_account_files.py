from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs import account_files
from hotdesk.jobs.account_files import Group, User, parse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.machines import MakeMachine

TEXTS = {
    "passwd": "root:x:0:0::/root:/bin/sh\n+nis::::::\nanna:x:1001:1001:Anna,,,:/home/anna:/bin/zsh\nold:HASH:1002:100::/home/old:\nbad\n",
    "shadow": "root:*:1:0:9:7:::\nanna:$6$x$y:19000:1:90:7:3:20000:\n",
    "group": "root:x:0:\nanna:x:1001:\nfamily:x:1100:anna,old\n",
    "subuid": "anna:100000:10\n1002:200000:10\n",
    "subgid": "",
    "login.defs": "# UID_MIN 5\nUID_MIN\t\t 500\nUID_MAX 1001\nPASS_MAX_DAYS 9\n",
}


def test_the_files_are_read_as_they_are_meant() -> None:
    """Lines of NIS are none; a number owns by its name; a hash may stand in passwd; the limits are the machine's own."""
    found = parse(TEXTS)
    assert found.users["anna"] == User(
        1001, 1001, "Anna,,,", "/home/anna", "/bin/zsh", "$6$x$y", ("19000", "1", "90", "7", "3", "20000")
    )
    assert found.users["old"].password == "HASH"
    assert set(found.users) == {"root", "anna", "old"}
    assert found.groups["family"] == Group(1100, frozenset({"anna", "old"}))
    assert found.subids["subuid"] == {"anna": frozenset({(100000, 10)}), "old": frozenset({(200000, 10)})}
    assert found.people() == {"anna"}
    assert found.people_groups() == {"anna", "family"}
    assert found.group_of(1100) == "family"


def test_a_hash_is_not_shown() -> None:
    """Neither by repr nor in an error that carries one."""
    assert "$6$x$y" not in repr(parse(TEXTS))


@pytest.mark.parametrize(
    ("password", "ages", "locked"),
    [
        ("$6$x$y", ("19000", "", "", "", "", ""), False),
        ("!$6$x$y", ("19000", "", "", "", "", ""), True),
        ("*", ("",) * 6, True),
        ("", ("",) * 6, True),
        (None, ("",) * 6, True),
        ("$6$x$y", ("0", "", "", "", "", ""), True),
        ("$6$x$y", ("19000", "0", "90", "7", "", ""), True),
        ("$6$x$y", ("19950", "0", "90", "7", "", ""), False),
        ("$6$x$y", ("19000", "", "", "", "", "20000"), True),
    ],
)
def test_a_locked_account_is_known(password: str | None, ages: tuple[str, ...], locked: bool) -> None:
    """No hash, one that cannot match, a password to be changed first or too old, an account that has expired."""
    assert User(1, 1, "", "", "", password, ages).locked(20000) is locked


async def test_the_optional_files_may_be_missing(
    make_machine: MakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without subuid, subgid and login.defs the usual limits hold; without passwd there are no accounts to be had."""
    monkeypatch.setattr(account_files, "DIRECTORY", str(tmp_path))
    for name in ("passwd", "group", "shadow"):
        (tmp_path / name).write_text(TEXTS[name])
    found = await account_files.read(make_machine())
    assert found.limits == account_files.LIMITS
    assert found.people() == {"anna", "old"}
    (tmp_path / "passwd").unlink()
    with pytest.raises(FileNotFoundError):
        await account_files.read(make_machine())
