"""What is said of a value that is not there."""

from __future__ import annotations

import pytest

from hotdesk.errors import UndefinedError
from hotdesk.settings import Settings
from hotdesk.source import Trusted
from hotdesk.variables.templates import Templates


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("nothing", "'nothing' is undefined"),
        ("items[3]", "list object has no element 3"),
        ("items.foo", "object of type 'list' has no attribute 'foo'"),
        ("known.foo", "object of type 'dict' has no attribute 'foo'"),
        ("known[5]", "object of type 'dict' has no attribute 5"),
        ("'abc'[7]", "object of type 'str' has no attribute 7"),
        ("none[0]", "None has no element 0"),
        ("5[0]", "int object has no element 0"),
    ],
)
async def test_the_message_names_what_is_missing_and_where(template: str, message: str) -> None:
    """In the words of ansible-core 2.19, which playbooks look for."""
    with pytest.raises(UndefinedError) as caught:
        await Templates(Settings()).render(Trusted(f"{{{{ {template} }}}}"), {"items": [], "known": {"a": 1}})
    assert caught.value.message.endswith(message)
