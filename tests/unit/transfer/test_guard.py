from __future__ import annotations

import pytest

from hotdesk.transfer import guard
from hotdesk.transfer.guard import Way
from hotdesk.transfer.itemize import Item

PASSWD = b"root:x:0:0::/root:/bin/bash\nada:x:1000:1000:Ada:/home/ada:/bin/bash\n"


@pytest.mark.parametrize(
    ("path", "before", "after", "count"),
    [
        ("/etc/passwd", PASSWD, PASSWD.replace(b"Ada:", b"Countess:").replace(b"ada:/bin/bash", b"ada:/bin/zsh"), 0),
        ("/etc/passwd", PASSWD, PASSWD.replace(b"x:1000", b"x:1001"), 1),
        ("/etc/passwd", PASSWD, PASSWD.replace(b"ada:/bin/bash", b"ada:/usr/sbin/nologin"), 1),
        ("/etc/passwd", PASSWD, None, 1),
        ("/etc/shadow", b"ada:$y$1:1:0:99:7:::\n", b"ada:$y$2:2:0:99:7:::\n", 0),
        ("/etc/shadow", b"ada:$y$1:1:0:99:7:::\n", b"ada:!$y$1:1:0:99:7:::\n", 1),
        ("/etc/group", b"sudo:x:27:ada,bob\nx:x:9:bob\n", b"sudo:x:27:bob\n", 1),
        ("/etc/group", b"sudo:x:27:ada,bob\nx:x:9:bob\n", b"sudo:x:27:ada\n", 0),
    ],
)
def test_an_account_that_could_no_longer_log_in_is_lost(
    path: str, before: bytes, after: bytes | None, count: int
) -> None:
    """Who it is, a login shell, a password that is not locked, its groups; not its other particulars."""
    assert guard.lost(Way(path, b"", "account"), before, after, "ada") == count


@pytest.mark.parametrize(("dest", "root"), [("/etc", b""), ("/", b"etc/")])
def test_files_of_accounts_stay_together(dest: str, root: bytes) -> None:
    """One that must stay keeps the other three."""
    found = [way for way in guard.ways({"home": "/home/ada"}, [], dest) if way.path == "/etc/group"]
    assert {way.name for way in guard.together(found)} == {
        root + b for b in (b"passwd", b"shadow", b"group", b"gshadow")
    }
    assert len(guard.warnings(dict.fromkeys(guard.together(found), 1), "vega", "atlas")) == 1


def test_owners_count_only_where_the_mirror_sets_them() -> None:
    """An ordinary user's mirror gives nothing away; a rule of sudo must be root's."""
    login = {"name": "ada", "uid": 1000, "home": "/home/ada"}
    items = [Item(".d...p.o...", b"ada/"), Item(".f...p.o...", b"sudoers")]
    home = {"/home/ada": [0o755, b"", 1001]}
    assert guard.refused(login, [], "/home", items, home, False) == []
    assert "belong to uid 1001" in guard.refused(login, [], "/home", items, home, True)[0].message
    rules = {"/etc/sudoers": [0o440, b"", 1000]}
    assert "sudo would ignore" in guard.refused(login, ["/etc/sudoers"], "/etc", items, rules, True)[0].message
