"""``hotdesk run``: one module, ad hoc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (("here", "-a", "echo hello"), 0, '"stdout": "hello"'),
        (("here", "-m", "ping"), 0, '"ping": "pong"'),
        (("here", "-m", "debug", "-a", "msg=hi"), 0, '"msg": "hi"'),
        (("here", "-m", "debug", "-a", '{"msg": "{{ 1 + 1 }} or {x"}'), 0, '"msg": "2 or {x"'),
        (("here", "-a", "false"), 2, "FAILED!"),
        (("gone", "-m", "ping"), 4, "UNREACHABLE!"),
    ],
)
def test_the_result_is_shown_and_the_exit_code_tells(
    words: tuple[str, ...], code: int, shown: str, hotdesk: Callable[..., Any]
) -> None:
    """Results are what one wants to see: no -v is needed."""
    done = hotdesk("run", "-i", "inventory", *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("words", "hint"), [(("here", "-m", "pnig"), "Did you mean 'ping'?"), (("heer", "-m", "ping"), "'here'")]
)
def test_a_wrong_module_or_host_is_4_with_the_nearest(
    words: tuple[str, ...], hint: str, hotdesk: Callable[..., Any]
) -> None:
    """Before any host is touched."""
    done = hotdesk("run", "-i", "inventory", *words)
    assert done.returncode == 4
    assert hint in done.stderr
