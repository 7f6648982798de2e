"""YAML becomes values that know their place, or one clear error."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.errors import InputError, PlaybookError, VaultError
from hotdesk.place import Place
from hotdesk.source import Map, Seq, Trusted, Vaulted, load_yaml, load_yaml_documents, load_yaml_file, place_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("off", False),
        ("0644", 420),
        ("0x1f", 31),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("~", None),
        ("2026-01-31", date(2026, 1, 31)),
        ("'yes'", "yes"),
        ("=", "="),
        ("", None),
        ("{a: [1, b]}", {"a": [1, "b"]}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ],
)
def test_scalars_are_those_of_yaml_1_1(text: str, value: object) -> None:
    """Booleans, octals, dates and the rest come out as Ansible reads them."""
    assert load_yaml(text, "f.yml") == value


def test_every_value_knows_its_place() -> None:
    """Mappings, sequences, keys and text carry file, line and column."""
    found = load_yaml("a:\n  - x: text\n", "f.yml")
    assert isinstance(found, Map)
    assert isinstance(found["a"], Seq)
    assert found["a"].place == Place("f.yml", 2, 3)
    assert next(iter(found)).place == Place("f.yml", 1, 1)
    assert found["a"][0]["x"].place == Place("f.yml", 2, 8)


def test_only_the_users_text_is_trusted() -> None:
    """Plain text is Trusted; what is tagged !unsafe, at any depth, is not."""
    found = load_yaml("a: '{{ x }}'\nb: !unsafe '{{ x }}'\nc: !unsafe {d: ['{{ x }}']}\n", "f.yml")
    assert type(found["a"]) is Trusted
    assert type(found["b"]) is str
    assert type(found["c"]["d"][0]) is str
    assert type(load_yaml("a: b", "f", trusted=False)["a"]) is str


def test_a_vaulted_value_stays_encrypted() -> None:
    """!vault gives a value that shows nothing of itself."""
    found = load_yaml("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", "f.yml")["a"]
    assert isinstance(found, Vaulted)
    assert "ANSIBLE" not in repr(found)
    assert found.ciphertext.startswith("$ANSIBLE_VAULT")


def test_merge_keys_and_anchors_are_followed() -> None:
    """<< brings in what a mapping does not have itself; the earlier of several wins."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: *a\n"
    found = load_yaml(text, "f.yml")
    assert found["c"] == {"x": 3, "y": 1, "z": 2}
    assert found["d"] == found["a"]


def test_a_duplicate_key_is_warned_about_and_the_last_wins() -> None:
    """The warning says where the second one stands."""
    told: list[tuple[str, Place]] = []
    assert load_yaml("a: 1\nb: 2\na: 3\n", "f.yml", warn=lambda text, place: told.append((text, place))) == {
        "b": 2,
        "a": 3,
    }
    assert [place.line for _, place in told] == [3]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: {{ b }}\n", 1, 4, "template without quotes"),
        ("a: {{ b }}/c\n", 1, 4, "template without quotes"),
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: b: c\n", 1, 4, "no quotes"),
        ('a: "b" c\n', 1, 4, "closing quote"),
        ("a: 'b\nc: d\n", 1, 4, "not closed"),
        ("a: @b\n", 1, 4, "cannot start with '@'"),
        ("a: *b\n", 1, 4, "anchor"),
        ("a: !who b\n", 1, 4, "unknown YAML tag '!who'"),
        ("a: !!python/name:os.system b\n", 1, 4, "unknown YAML tag"),
        ("- a\nb: c\n", 2, 1, "does not fit"),
        ("a: [1,\nb: 2\n", 1, 4, "bracket"),
        ("a: b\x01\n", 1, 5, "control character"),
        ("a\n---\nb\n", 3, 1, "second one"),
        ("a: 2026-99-01\n", 1, 4, "not a date or time"),
        ("a: !!int ''\n", 1, 4, "not a whole number"),
        ("a: !!float '-'\n", 1, 4, "not a number"),
        ("a: &a [*a]\n", 1, 4, "refers to itself"),
        ("? [a]\n: b\n", 1, 3, "cannot be a key"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, column: int, says: str) -> None:
    """The error is of the caller's class, names the place and the usual cause."""
    with pytest.raises(PlaybookError, match=says) as found:
        load_yaml(text, "f.yml", error=PlaybookError)
    assert found.value.place is not None
    assert (found.value.place.line, found.value.place.column) == (line, column)


def test_absurd_nesting_is_an_error_and_no_crash() -> None:
    """Thousands of brackets do not end the program."""
    with pytest.raises(InputError):
        load_yaml("[" * 5000, "f.yml")


def test_a_stream_may_hold_several_documents() -> None:
    """load_yaml_documents gives them all."""
    assert load_yaml_documents("a\n---\nb\n", "f.yml") == ["a", "b"]


def test_an_encrypted_file_goes_through_the_hook(tmp_path: Path) -> None:
    """Without a hook it is an error that says how to give a password."""
    path = tmp_path / "v.yml"
    path.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert load_yaml_file(path, decrypt=lambda data, place: b"a: 1") == {"a": 1}
    with pytest.raises(InputError, match="vault") as found:
        load_yaml_file(path)
    assert "--vault-password-file" in found.value.remedy

    def refuse(data: bytes, place: Place) -> bytes:
        raise VaultError("wrong password", place=place)

    with pytest.raises(VaultError):
        load_yaml_file(path, decrypt=refuse)


@pytest.mark.parametrize("data", [None, b"a: \xff\n"])
def test_an_unreadable_file_is_an_error(tmp_path: Path, data: bytes | None) -> None:
    """Missing, or not UTF-8."""
    path = tmp_path / "f.yml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError) as found:
        load_yaml_file(path)
    assert str(path) in found.value.explain()


_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
)


@given(_values)
def test_what_was_dumped_is_loaded_again(value: Any) -> None:
    """Our construction agrees with PyYAML's own."""
    text = yaml.safe_dump(value)
    assert load_yaml(text, "f.yml") == yaml.safe_load(text) == value


def test_values_without_a_place_have_none() -> None:
    """place_of is safe on anything."""
    assert place_of(3) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 101 + "]" * 101, "f.yml:1:101"),
        ("- " * 101 + "x", "f.yml:1:201"),
        ("[" * 200_000, "f.yml:1:101"),
        ("{a: " * 200_000, "f.yml:1:401"),
        ("- " * 200_000, "f.yml:1:201"),
        ('[ "]", ' * 2_000, "f.yml:1:701"),
    ],
)
def test_values_nested_too_deeply_are_refused_with_their_place(text: str, place: str) -> None:
    """Also where composing them would end the process (libyaml's recursion has no bound)."""
    with pytest.raises(InputError, match="nested more than 100 deep") as caught:
        load_yaml(text, "f.yml")
    assert str(caught.value.place) == place


def test_many_brackets_that_are_not_nested_are_read() -> None:
    """Only depth counts; the text is YAML that is no JSON."""
    assert len(load_yaml("[" + "[a], " * 2_000 + "]", "f.yml")) == 2_000


def test_aliases_that_stand_for_too_much_are_refused() -> None:
    """A "billion laughs": few objects, which whoever copies them would multiply."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InputError, match="stand for more than 1,000,000 values") as caught:
        load_yaml("\n".join(lines), "f.yml")
    assert caught.value.place is not None
    assert load_yaml("\n".join(lines[:4]), "f.yml")["a3"][9][9][9] == ["x"] * 10


@pytest.mark.parametrize(
    ("text", "said"),
    [("<<: !!set {a, b}", "'<<' takes a mapping"), ("!!omap [a]", "!!omap takes a list of"), ("!!pairs [[a]]", "!!pairs takes")],
)  # fmt: skip
def test_collections_of_the_wrong_kind_are_refused(text: str, said: str) -> None:
    """YAML's rarer tags ask for a certain content."""
    with pytest.raises(InputError, match=said):
        load_yaml(text, "f.yml")


def test_an_error_of_decryption_says_which_file(tmp_path: Path) -> None:
    """Whoever decrypts need not know the place."""
    path = tmp_path / "secret.yml"
    path.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")

    def decrypt(data: bytes, place: Place) -> bytes:
        raise VaultError("damaged")

    with pytest.raises(VaultError) as caught:
        load_yaml_file(path, decrypt=decrypt)
    assert str(caught.value.place) == str(path)
