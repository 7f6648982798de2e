"""Secrets out of text: in every form they are written in, and nothing else."""

from __future__ import annotations

import base64
import json
import shlex
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from jinja2 import TemplateSyntaxError

from hotdesk.errors import TemplateError
from hotdesk.redaction import FEW, MASK, Redaction

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'it\'s "my" p\\ss & wörd/+?'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON as text": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "shell": shlex.quote,
    "shell in JSON": lambda text: json.dumps(shlex.join(["sh", "-c", text])),
    "repr": repr,
    "repr in JSON": lambda text: json.dumps(str({"a": text})),
    "URL": lambda text: quote(text, safe=""),
    "HTML": escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


def of(*secrets: str) -> Redaction:
    redaction = Redaction()
    for secret in secrets:
        redaction.add(secret)
    return redaction


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str, many: bool) -> None:
    """Alone and among many."""
    redaction = of(SECRET, *(f"other-{number:04}" for number in range(FEW if many else 0)))
    written = FORMS[form](SECRET)
    inside = written.strip("'\"= ")
    assert MASK in redaction.clean(f"<{written}>")
    assert inside[2:-4] not in redaction.clean(f"<{written}>")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_base64_of_more_than_the_secret(before: str) -> None:
    """At any offset: a whole file as slurp gives it; only digits shared with its neighbours stay."""
    coded = base64.b64encode(f"{before}hunter22-and-more\n".encode()).decode()
    shown = of("hunter22").clean(coded)
    assert MASK in shown
    first = len(before) * 8 // 6 + 1  # a digit is six bits
    assert coded[first : first + 7] not in shown


def test_lines_are_masked_one_by_one() -> None:
    """A key in a log is one line of it at a time, indented or not."""
    assert of("-----BEGIN-----\n  abcdefgh\n\nx\n").clean("x abcdefgh -----BEGIN----- y") == f"x {MASK} {MASK} y"


def test_overlapping_secrets_leave_nothing() -> None:
    """The longer one does not show its end, whichever came first."""
    for secrets in (("hunter", "hunter2222", "r2222xyz"), ("hunter2222", "r2222xyz", "hunter")):
        assert of(*secrets).clean("<hunter2222xyz> hunter") == f"<{MASK}> {MASK}"


def test_ordinary_words_stay() -> None:
    """What a vars file may also hold, and what is too short to be known again."""
    assert of("true", "abc", "localhost", "").clean("true abc localhost") == "true abc localhost"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/x", f"https://me:{MASK}@host/x"),
        ("git+ssh://me:p@ss@host", f"git+ssh://me:{MASK}@host"),
        ("https://ghp_abc@github.com/x", f"https://{MASK}@github.com/x"),
        ("ssh://git@github.com/x", "ssh://git@github.com/x"),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ('{"url": "http://me:a\\\\b@host"}', '{"url": "http://me:a\\\\b@host"}'),
    ],
)
def test_passwords_in_addresses(text: str, shown: str) -> None:
    """Known or not; a login name of ssh is no secret."""
    assert of().clean(text) == shown


def test_a_record_keeps_its_own_keys() -> None:
    """A secret that is a word of ours costs values, not the line; keys of what a host sent are values too."""
    line = of("task", "event", "123456").json_line(
        {"event": "X", "task": "my task", "result": {"task": 123456, "on": True}, "at": 1.5}
    )
    assert json.loads(line) == {"event": "X", "task": f"my {MASK}", "result": {MASK: MASK, "on": True}, "at": 1.5}


def test_an_error_of_jinja_is_cleaned_too() -> None:
    """Its message is a property, made of what it was raised with."""
    problem = TemplateError("no hunter22")
    problem.__cause__ = inner = TemplateSyntaxError("unexpected 'hunter22'", 1)
    of("hunter22").clean_error(problem)
    assert (problem.message, inner.message) == (f"no {MASK}", f"unexpected '{MASK}'")


def test_an_error_is_cleaned_with_all_it_came_of() -> None:
    """Cause and context, groups too; a ring of causes ends."""
    inner = ValueError("hunter22", 7)
    outer = ExceptionGroup("two", [KeyError("hunter22"), inner])
    outer.__cause__, inner.__cause__ = inner, outer
    of("hunter22").clean_error(outer)
    assert (inner.args, outer.exceptions[0].args) == ((MASK, 7), (MASK,))
