"""Jinja tests: results, regular expressions, versions, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TemplateError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{'changed': true} is changed", True),
        ("{'results': [{'changed': true}]} is changed", True),
        ("{'failed': false} is success", True),
        ("{'a': 1} is failed", False),
        ("{'a': 1} is ansible.builtin.succeeded", True),
        ("{'skipped': true} is skipped", True),
        ("{'unreachable': true} is unreachable", True),
        ("{'a': 1} is reachable", True),
        ("{'timedout': {'period': 3}} is timedout", True),
        ("{'finished': 0} is finished", False),
        ("{'started': 1} is started", True),
        ("'abc' is search('b')", True),
        ("'abc' is match('b')", False),
        ("'ABC' is regex('b', ignorecase=true)", True),
        ("[1, 2] is contains 1", True),
        ("[true, 1] is all", True),
        ("[false, 0] is any", False),
        ("[1] is subset([1, 2])", True),
        ("[1, 2] is superset([3])", False),
        ("5 is truthy", True),
        ("'no' is truthy(convert_bool=true)", False),
        ("'' is falsy", True),
        ("'x' is vault_encrypted", False),
        ("('a' ~ 'b') is ansible._protomatter.tagged_with('TrustedAsTemplate')", False),
        ("'$ANSIBLE_VAULT;1.1;AES256' is vault_encrypted", True),
        ("'file:///x' is uri", True),
        ("'file:///x' is url", True),
        ("'http:' is url", False),
        ("'urn:a:b' is urn", True),
        ("'https://h' is url(schemes=['http'])", False),
        ("'/x' is abs", True),
        ("'nan' | float is nan", True),
        ("'1.10' is version('1.9', 'gt')", True),
        ("'1.10' is version('1.10')", True),
        ("'1.0.0-rc1' is version('1.0.0', '<', version_type='semver')", True),
        ("'1.0.0-rc.10' is version('1.0.0-rc.9', '>', version_type='semver')", True),
        ("'1.0.0+build' is version('1.0.0', '==', version_type='semver')", True),
        ("'1.0rc1' is version('1.0', '<', version_type='pep440')", True),
        ("'1.0.dev1' is version('1.0a1', '<', version_type='pep440')", True),
        ("'1.0.post1' is version('1.0', '>', version_type='pep440')", True),
        ("'1.0' is version('1.0.0', '==', version_type='pep440')", True),
        ("'1.2a1' is version('1.2', 'lt', strict=true)", True),
    ],
)
async def test_a_test_answers_as_ansibles(render: Any, expression: str, expected: bool) -> None:
    """Read off ansible-playbook, PEP 440 and semver."""
    assert await render("{{ " + expression + " }}") is expected


@pytest.mark.parametrize(
    "expression",
    [
        "'x' is failed",
        "'x' is version('1.0', '>=')",
        "'1' is version('1', 'near')",
        "'1' is version('1', version_type='x')",
        "nope is failed",
    ],
)
async def test_wrong_input_is_an_error(render: Any, expression: str) -> None:
    """A test never guesses."""
    with pytest.raises(TemplateError):
        await render("{{ " + expression + " }}")


async def test_file_tests_look_at_this_computer(render: Any, tmp_path: Path) -> None:
    """They work although rendering must not block the loop."""
    (tmp_path / "f").write_text("x")
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "dangling").symlink_to("nowhere")
    text = "{{ [d is directory, (d ~ '/f') is file, (d ~ '/l') is link, (d ~ '/dangling') is exists, (d ~ '/dangling') is link_exists] }}"
    assert await render(text, d=str(tmp_path)) == [True, True, True, False, True]
    assert await render("{{ (d ~ '/f') is same_file(d ~ '/l') and '/' is mount }}", d=str(tmp_path)) is True
