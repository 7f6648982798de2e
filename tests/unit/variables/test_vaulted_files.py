"""Which values of a wholly vaulted file are secrets."""

from __future__ import annotations

import pytest

from hotdesk.variables.vaulted_files import secret_values

FILES = {
    "a: one\nb: [two, {c: three}]\n": ["one", "two", "three"],
    "pin: 123456\nport: 5432\non: true\nnone: null\n": ["123456"],
    "url: 'https://{{ user }}:{{ pin }}@host'\n": [],
    "key: |\n  line 1\n  line 2\n": ["line 1\nline 2\n"],
    "all: {hosts: {vega: {ansible_password: word}}}\n": ["word"],
    "- hosts: all\n  vars: {a: one}\n  tasks: [{copy: {content: text, dest: /x}}, {set_fact: {b: two}}]\n": [
        "one",
        "two",
    ],
    "a: [1\n": [],
    "": [],
}


@pytest.mark.parametrize("text", FILES)
def test_values_of_variables_are_secrets(text: str) -> None:
    """Names, small numbers, templates and the words of tasks are none; a broken file has its own error elsewhere."""
    assert list(secret_values(text)) == FILES[text]
