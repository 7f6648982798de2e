"""The registry of what is installed by hand: what it may say, and what is told about what it may not."""

from __future__ import annotations

import pytest

from hotdesk.jobs.manual_registry import RegistryError, Snippets, ordered, parse

GOOD = """
debs:
  zoom: {install: a, version: b, needs: [/opt/lib]}
trees:
  /opt/tool:
    install: |
      one
      two
    version: c
    remove: d
    needs: [deb zoom]
  /opt/lib: {install: e, version: f}
"""


def test_items_are_known_by_how_plans_call_them() -> None:
    """Packages and paths, with all their scripts as they are written."""
    found = parse(GOOD, "atlas:manual.yml")
    assert found["/opt/tool"] == Snippets("one\ntwo\n", "c", "d", ("deb zoom",))
    assert ordered(found, ["/opt/tool", "deb zoom", "/opt/lib", "/opt/unknown"]) == [
        "/opt/lib", "/opt/unknown", "deb zoom", "/opt/tool",
    ]  # fmt: skip
    assert parse("", "x") == parse("debs:\n", "x") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("debs: {zoom: {install: a}}", "deb zoom has no version: both install and version are needed"),
        ("debs: {zoom: {install: a, version: ' '}}", "has no version"),
        ("debs: {zoom: {install: a, verson: b}}", "'verson' is none of"),
        ("deps: {}", "'deps' is none of debs, trees"),
        ("trees: {opt/x: {install: a, version: b}}", "not an absolute path"),
        ("trees: {/opt/x/: {install: a, version: b}}", "not an absolute path"),
        ("debs: {zoom: {install: a, version: b, needs: [deb zom]}}", "needs 'deb zom', which is not in the registry"),
        ("debs: {zoom: {install: a, version: b, needs: [deb zoom]}}", "needs itself"),
        ("debs: {zoom: {install: a, version: b, needs: zoom}}", "needs is a list"),
        ("debs: [zoom]", "debs is a mapping"),
        ("debs: {zoom: a}", "deb zoom is a mapping"),
        ("debs: {zoom: {install: [a], version: b}}", "has no install"),
        ("debs: {1: {install: a, version: b}}", "not the name of a package"),
        ("debs: {zoom: {install: " + "a" * 70_000 + ", version: b}}", "at most 64 KiB"),
        ("debs: {", "atlas:manual.yml"),
    ],
)
def test_what_it_cannot_mean_is_told(text: str, said: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(RegistryError) as caught:
        parse(text, "atlas:manual.yml")
    assert said in f"{caught.value.place}: {caught.value}"
