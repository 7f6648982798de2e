"""Actions that touch no host: debug, assert, fail, set_fact, include_vars, add_host, group_by, set_stats, pause, argument specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.base import AddHost, GroupBy, IncludeVars, SetFacts, SetStats
from hotdesk.errors import ArgumentError, UndefinedError
from hotdesk.settings import Settings
from hotdesk.source import Trusted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.actions.builtin.conftest import RunAction, RunResult


async def test_debug_shows_a_message_or_a_value(result: RunResult) -> None:
    """msg is rendered, var evaluated; without either there is a greeting."""
    assert (await result("debug", msg="x is {{ x }}", _variables={"x": 5})).data == {"msg": "x is 5"}
    assert (await result("debug", var="x.y", _variables={"x": {"y": [1]}})).data == {"x.y": [1]}
    assert (await result("debug")).data == {"msg": "Hello world!"}


async def test_debug_never_runs_what_a_host_said(result: RunResult) -> None:
    """A value from a host is shown, not evaluated, even when var is itself a template."""
    said = {"output": "lookup('pipe', 'id')"}
    assert (await result("debug", var="output", _variables=said)).data == {"output": "lookup('pipe', 'id')"}
    assert "uid=" not in str((await result("debug", var="{{ output }}", _variables=said)).data)


async def test_debug_minds_verbosity(result: RunResult) -> None:
    """Below its level debug is skipped."""
    assert (await result("debug", msg="x", verbosity=2)).skipped
    assert not (await result("debug", msg="x", verbosity=2, _settings=Settings(verbosity=2))).skipped


async def test_debug_names_what_is_not_defined(result: RunResult) -> None:
    """A variable that is not defined is no failure of debug; it says so."""
    done = await result("debug", var="nope")
    assert not done.failed
    assert "nope" in str(done.data)


async def test_debug_refuses_unknown_options(result: RunResult) -> None:
    """A misspelt option is named with the right one."""
    with pytest.raises(ArgumentError) as caught:
        await result("debug", mgs="x")
    assert "'msg'" in caught.value.remedy


async def test_assert_names_the_first_condition_that_fails(result: RunResult) -> None:
    """The assertion that does not hold is in the result, with the message asked for."""
    done = await result("assert", that=["x == 1", "x == 2", "x == 3"], fail_msg="bad {{ x }}", _variables={"x": 1})
    assert (done.failed, done.data["assertion"], done.data["evaluated_to"]) == (True, "x == 2", False)
    assert done.message == "bad 1"


async def test_assert_holds(result: RunResult) -> None:
    """One condition or a list may be given; success has its message."""
    assert (await result("assert", that="1 == 1")).message == "All assertions passed"
    assert (await result("assert", that=["true", "not false"], success_msg="fine")).message == "fine"
    assert (
        await result("assert", that=["x is failed"], _variables={"x": {"failed": True}})
    ).message == "All assertions passed"


async def test_assert_without_conditions_is_wrong(result: RunResult) -> None:
    """that is required; an undefined name is an error, not false."""
    with pytest.raises(ArgumentError, match="that"):
        await result("assert", msg="x")
    with pytest.raises(UndefinedError, match="nope"):
        await result("assert", that="nope == 1")


async def test_fail_fails(result: RunResult) -> None:
    """fail fails with its message."""
    assert (await result("fail", msg="no")).message == "no"
    assert (await result("fail")).failed


async def test_set_fact_gives_variables(perform: RunAction) -> None:
    """Names and values are rendered, types kept, and the effect carries them."""
    outcome = await perform("set_fact", a="{{ x }}", **{"n_{{ x }}": [1]}, cacheable=True, _variables={"x": 5})
    assert outcome.effects == (SetFacts({"a": 5, "n_5": [1]}, True),)
    assert outcome.result.registered()["ansible_facts"] == {"a": 5, "n_5": [1]}
    assert not outcome.result.facts


async def test_set_fact_keeps_texts_of_the_short_form(perform: RunAction) -> None:
    """yes stays text, as with Ansible 2.19."""
    (effect,) = (await perform("set_fact", b="yes")).effects
    assert effect == SetFacts({"b": "yes"})


@pytest.mark.parametrize("args", [{}, {"1a": 1}, {"a-b": 1}])
async def test_set_fact_refuses_bad_names(perform: RunAction, args: dict[str, Any]) -> None:
    """A name must be a name, and one is needed."""
    with pytest.raises(ArgumentError):
        await perform("set_fact", **args)


async def test_include_vars_loads_a_file(perform: RunAction, tmp_path: Path) -> None:
    """A file of the vars directory is loaded; its templates stay templates until they are used."""
    (tmp_path / "vars").mkdir()
    (tmp_path / "vars/v.yml").write_text("a: 1\nb: '{{ a }}'\n")
    outcome = await perform("include_vars", _raw_params="v.yml")
    (effect,) = outcome.effects
    assert isinstance(effect, IncludeVars)
    assert effect.variables["a"] == 1
    assert isinstance(effect.variables["b"], Trusted)
    data = outcome.result.registered()
    assert data["ansible_included_var_files"] == [str(tmp_path / "vars/v.yml")]
    assert type(data["ansible_facts"]["b"]) is str


async def test_include_vars_loads_a_directory(perform: RunAction, tmp_path: Path) -> None:
    """Files are merged in the order of their names; depth, patterns and name do what they say."""
    (tmp_path / "d/deep").mkdir(parents=True)
    for name, text in (("a.yml", "x: 1\ny: 1"), ("b.yaml", "x: 2"), ("deep/c.json", '{"z": 3}')):
        (tmp_path / "d" / name).write_text(text)
    (effect,) = (await perform("include_vars", dir="d")).effects
    assert effect == IncludeVars({"x": 2, "y": 1, "z": 3})
    (effect,) = (await perform("include_vars", dir="d", depth=1, ignore_files=["^b"], name="top")).effects
    assert effect == IncludeVars({"top": {"x": 1, "y": 1}})
    (effect,) = (await perform("include_vars", dir="d", files_matching="^b")).effects
    assert effect == IncludeVars({"x": 2})


async def test_include_vars_minds_extensions(perform: RunAction, tmp_path: Path) -> None:
    """A file of another kind in the directory is an error, unless such are to be left out."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.txt").write_text("x")
    with pytest.raises(ArgumentError, match="valid extension"):
        await perform("include_vars", dir="d")
    (effect,) = (await perform("include_vars", dir="d", ignore_unknown_extensions=True)).effects
    assert effect == IncludeVars({})


async def test_include_vars_can_merge(perform: RunAction, tmp_path: Path) -> None:
    """hash_behaviour merge keeps what a mapping had."""
    (tmp_path / "v.yml").write_text("m: {b: 2}\n")
    (effect,) = (
        await perform("include_vars", file="v.yml", hash_behaviour="merge", _variables={"m": {"a": 1}})
    ).effects
    assert effect == IncludeVars({"m": {"a": 1, "b": 2}})


async def test_include_vars_wants_a_mapping(perform: RunAction, tmp_path: Path) -> None:
    """A list is no set of variables; a missing file is named with where it was looked for."""
    (tmp_path / "v.yml").write_text("- 1\n")
    with pytest.raises(ArgumentError, match="dictionary"):
        await perform("include_vars", file="v.yml")
    with pytest.raises(ArgumentError, match=r"vars/none\.yml"):
        await perform("include_vars", file="none.yml")


async def test_add_host_carries_port_groups_and_variables(perform: RunAction) -> None:
    """host:port is taken apart, groups may be text or a list, the rest are variables."""
    outcome = await perform("add_host", name="atlas:2222", groups="a, b", colour="{{ c }}", _variables={"c": "red"})
    assert outcome.effects == (AddHost("atlas", ("a", "b"), {"colour": "red", "ansible_ssh_port": 2222}),)
    assert outcome.result.changed
    assert outcome.result.data["add_host"]["host_name"] == "atlas"
    with pytest.raises(ArgumentError, match="needs to be provided"):
        await perform("add_host", groups="a")


async def test_group_by_makes_a_group(perform: RunAction) -> None:
    """Spaces in the key become dashes."""
    outcome = await perform("group_by", key="os Debian 12", parents=["p q"])
    assert outcome.effects == (GroupBy("os-Debian-12", ("p-q",)),)
    assert outcome.result.data == {"add_group": "os-Debian-12", "parent_groups": ["p-q"]}


async def test_set_stats_keeps_values(perform: RunAction) -> None:
    """data is rendered, and must be a mapping."""
    outcome = await perform("set_stats", data={"n": "{{ 1 + 1 }}"}, per_host=True)
    assert outcome.effects == (SetStats({"n": 2}, True, True),)
    with pytest.raises(ArgumentError, match="dictionary"):
        await perform("set_stats", data="x")


async def test_pause_asks(result: RunResult) -> None:
    """What is typed is in the result; where nobody can be asked it goes on with a warning."""

    async def prompt(text: str, *, echo: bool = True, timeout: float | None = None, pausing: bool = False) -> str:
        assert pausing
        assert (text, echo) == ("go on? (output is hidden):", False)
        return "yes"

    done = await result("pause", prompt="go on?", echo=False, _prompt=prompt)
    assert done.data["user_input"] == "yes"
    silent = await result("pause")
    assert silent.warnings
    with pytest.raises(ArgumentError, match="mutually exclusive"):
        await result("pause", minutes=1, seconds=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"seconds": "hello"},
            "argument 'seconds' is of type str and we were unable to convert to int: invalid literal",
        ),
        ({"minutes": [1]}, "argument 'minutes' is of type list and we were unable to convert to int"),
        ({"echo": "hello"}, "The value 'hello' is not a valid boolean"),
    ],
)
async def test_pause_says_what_is_no_duration(result: RunResult, given: dict[str, Any], message: str) -> None:
    """A wrong duration, or echo, is refused in the words that conditions of playbooks look for."""
    with pytest.raises(ArgumentError) as caught:
        await result("pause", **given)
    assert message in caught.value.message


async def test_a_pause_is_whole_seconds_long(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fraction is left out, and less than a second is one."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    await result("pause", seconds=1.9)
    await result("pause", minutes=0.5)
    assert slept == [1, 1]


async def test_argument_specs_are_checked(result: RunResult) -> None:
    """Values come from the arguments or the host's variables; every problem is listed."""
    spec = {"a": {"type": "int", "required": True}, "b": {"choices": ["x"]}}
    fine = await result("validate_argument_spec", argument_spec=spec, provided_arguments={"a": 1})
    assert fine.message == "The arg spec validation passed"
    assert not (await result("validate_argument_spec", argument_spec=spec, _variables={"a": "7"})).failed
    wrong = await result("validate_argument_spec", argument_spec=spec, provided_arguments={"b": "z"})
    assert wrong.failed
    assert len(wrong.data["argument_errors"]) == 2
