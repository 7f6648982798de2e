from __future__ import annotations

from typing import Any

import pytest

from hotdesk.actions.arguments import check, spec_from, spec_of, validate
from hotdesk.errors import ArgumentError
from hotdesk.place import Place
from hotdesk.source import Trusted

DOCUMENTATION = """
options:
  path: {type: path, required: true, aliases: [dest, name]}
  state: {type: str, choices: [file, absent, "no"], default: file}
  mode: {type: raw}
  recurse: {type: bool, default: false}
  count: {type: int}
  ratio: {type: float}
  words: {type: list, elements: str}
  numbers: {type: list, elements: int, choices: [1, 2]}
  extra: {type: dict}
  size: {type: bytes}
  blob: {type: json}
  password: {type: int, no_log: true}
  users:
    type: list
    elements: dict
    suboptions:
      name: {type: str, required: true}
      uid: {type: int, default: 1}
mutually_exclusive: [[count, ratio]]
required_together: [[words, numbers]]
required_if: [[state, absent, [extra]]]
"""


def checked(**given: Any) -> dict[str, Any]:
    values, _ = check("x.y.z", DOCUMENTATION, {"path": "/a", **given})
    return values


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({}, "state", "file"),
        ({}, "recurse", False),
        ({}, "mode", None),
        ({"recurse": "yes"}, "recurse", True),
        ({"recurse": "Off"}, "recurse", False),
        ({"recurse": 1}, "recurse", True),
        ({"count": "7"}, "count", 7),
        ({"count": "7.0"}, "count", 7),
        ({"ratio": "1.5"}, "ratio", 1.5),
        ({"words": "a, b", "numbers": "1,2"}, "words", ["a", "b"]),
        ({"words": 5, "numbers": ["1"]}, "numbers", [1]),
        ({"extra": "a=1 b='x y'"}, "extra", {"a": "1", "b": "x y"}),
        ({"extra": '{"a": 1}'}, "extra", {"a": 1}),
        ({"size": "10K"}, "size", 10240),
        ({"size": "1.5 GB"}, "size", 1610612736),
        ({"blob": {"a": 1}}, "blob", '{"a": 1}'),
        ({"mode": 0o644}, "mode", 0o644),
        ({"state": False}, "state", "no"),
        ({"users": [{"name": "a"}]}, "users", [{"name": "a", "uid": 1}]),
        ({"path": "~/x"}, "path", "~/x"),
    ],
)
def test_values_become_what_the_documentation_says(given: dict[str, Any], name: str, value: Any) -> None:
    """Types, defaults, elements and suboptions."""
    assert checked(**given)[name] == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stat": "file"}, "Unsupported parameters for (z) module: stat. Supported parameters include: "),
        ({"state": "fil"}, "value of state must be one of: file, absent, no, got: fil"),
        (
            {"count": "many"},
            "argument 'count' is of type str and we were unable to convert to int: 'many' is not a whole number",
        ),
        (
            {"recurse": "perhaps"},
            "unable to convert to bool: The value 'perhaps' is not a valid boolean. Valid booleans include: ",
        ),
        ({"extra": "words"}, "unable to convert to dict"),
        ({"size": "big"}, "unable to convert to bytes"),
        ({"words": "a", "numbers": "3"}, "must be one or more of: 1, 2. Got no match for: 3"),
        ({"count": 1, "ratio": 2}, "parameters are mutually exclusive: count|ratio"),
        ({"words": "a"}, "parameters are required together: words, numbers"),
        ({"state": "absent"}, "state is absent but all of the following are missing: extra"),
        ({"users": [{}]}, "missing required arguments: name found in users"),
        (
            {"users": [{"name": "a", "gid": 1}]},
            "Unsupported parameters: gid found in users. Supported parameters include: name, uid",
        ),
    ],
)
def test_what_does_not_fit_is_said(given: dict[str, Any], message: str) -> None:
    """One error with every problem in it."""
    with pytest.raises(ArgumentError) as caught:
        checked(**given)
    assert message in caught.value.message


def test_a_secret_that_does_not_fit_is_not_shown() -> None:
    """The message of a no_log option has no value in it."""
    with pytest.raises(ArgumentError) as caught:
        checked(password="hunter2")
    assert "hunter2" not in caught.value.explain()


def test_an_unknown_option_names_the_nearest() -> None:
    """With the place of the user's key."""
    place = Place("p.yml", 4, 2)
    with pytest.raises(ArgumentError) as caught:
        check("x.y.z", DOCUMENTATION, {"path": "/a", Trusted("recurs", place): True})
    assert "recurse" in caught.value.remedy
    assert caught.value.place == place


def test_aliases_count_as_the_option() -> None:
    """And what was given is known by the option's own name."""
    values, given = check("x.y.z", DOCUMENTATION, {"dest": "/a"})
    assert (values["path"], given) == ("/a", frozenset({"path"}))


def test_a_missing_option_is_named() -> None:
    """Required means that it was said."""
    with pytest.raises(ArgumentError, match="missing required arguments: path"):
        check("x.y.z", DOCUMENTATION, {})


def test_free_form_text_passes_only_where_it_is_taken() -> None:
    """As _raw_params, and only for an action that has a free form."""
    given = {"path": "/a", "_raw_params": "echo"}
    values, names = check("x.y.z", DOCUMENTATION, given, free_form="_raw_params")
    assert values["_raw_params"] == "echo"
    assert "_raw_params" in names
    with pytest.raises(ArgumentError, match="does not support raw params"):
        check("x.y.z", DOCUMENTATION, given)


def test_actions_that_set_variables_take_any_name() -> None:
    """set_fact and add_host."""
    values, _ = check("ansible.builtin.add_host", "options: {name: {required: true}}", {"name": "a", "colour": "red"})
    assert values == {"name": "a", "colour": "red"}


def test_a_spec_is_parsed_once() -> None:
    """The same text gives the same object."""
    assert spec_of(DOCUMENTATION) is spec_of(str(DOCUMENTATION))


def test_a_roles_spec_uses_the_same_checks() -> None:
    """Options of a role's argument spec nest under 'options', and all problems come at once."""
    spec = spec_from(
        {
            "a": {"type": "int", "required": True},
            "b": {"type": "dict", "options": {"c": {"choices": ["x"]}, "d": {"default": 2, "type": "int"}}},
        }
    )
    values, problems = validate(spec, {"a": "1", "b": {"c": "x"}})
    assert (values, problems) == ({"a": 1, "b": {"c": "x", "d": 2}}, [])
    _, problems = validate(spec, {"b": {"c": "y"}})
    assert problems == ["missing required arguments: a", "value of c found in b must be one of: x, got: y"]


def test_an_unknown_type_is_a_fault_of_the_documentation() -> None:
    """It is not passed over."""
    with pytest.raises(ValueError, match="unknown type 'strin'"):
        spec_from({"a": {"type": "strin"}})
