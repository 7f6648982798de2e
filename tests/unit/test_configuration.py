"""ansible.cfg, the environment and the command line come to one Settings."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.configuration import OPTIONS, describe, load_settings
from hotdesk.errors import UsageError
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home directory."""
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home")}


def configure(folder: Path, text: str) -> Path:
    """Write an ansible.cfg."""
    path = folder / "ansible.cfg"
    path.write_text(text)
    return path


def test_every_setting_has_an_outside_spelling() -> None:
    """The table and the dataclass name the same settings."""
    assert set(OPTIONS) == {field.name for field in fields(Settings)} - {"origin", "config_file", "ignored"}


def test_command_line_beats_environment_beats_file(tmp_path: Path, home: dict[str, str]) -> None:
    """And the origin says which it was."""
    path = configure(tmp_path, "[defaults]\nforks = 7 ; comment\ntimeout = 8\nstrategy = free\n")
    found = load_settings({"forks": 9}, environ={**home, "ANSIBLE_FORKS": "6", "ANSIBLE_TIMEOUT": "5"}, cwd=tmp_path)
    assert (found.forks, found.connect_timeout, found.strategy, found.become_user) == (9, 5.0, "free", "root")
    assert found.origin["forks"] == "command line"
    assert found.origin["connect_timeout"] == "ANSIBLE_TIMEOUT"
    assert found.origin["strategy"] == f"{path} [defaults] strategy"
    assert found.origin["become_user"] == "default"
    assert found.config_file == path


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, home: dict[str, str]) -> None:
    """A setting in /x/ansible.cfg means files in /x wherever hotdesk is started."""
    (tmp_path / "etc").mkdir()
    path = configure(
        tmp_path / "etc", "[defaults]\ninventory = a, b\nroles_path = r:/abs\nvault_identity_list = dev@pw, x@prompt\n"
    )
    found = load_settings({}, environ={**home, "ANSIBLE_CONFIG": str(path)}, cwd=tmp_path)
    assert found.inventory == (f"{tmp_path}/etc/a", f"{tmp_path}/etc/b")
    assert [str(one) for one in found.roles_path] == [f"{tmp_path}/etc/r", "/abs"]
    assert found.vault_password_files == (f"dev@{tmp_path}/etc/pw", "x@prompt")


@pytest.mark.parametrize("value", ["localhost,", "a,b,"])
def test_a_host_list_stays_a_host_list(tmp_path: Path, home: dict[str, str], value: str) -> None:
    """Text that ends with a comma is no path."""
    assert load_settings({}, environ={**home, "ANSIBLE_INVENTORY": value}, cwd=tmp_path).inventory == (value,)


def test_a_vault_password_file_may_have_an_at_sign(tmp_path: Path, home: dict[str, str]) -> None:
    """It is no vault id then."""
    environ = {**home, "ANSIBLE_VAULT_PASSWORD_FILE": "/a@b/pw"}
    assert load_settings({}, environ=environ, cwd=tmp_path).vault_password_files == ("@/a@b/pw",)


def test_the_search_goes_from_here_to_home(tmp_path: Path, home: dict[str, str]) -> None:
    """./ansible.cfg comes before ~/.ansible.cfg; ANSIBLE_CONFIG before both."""
    (tmp_path / "home" / ".ansible.cfg").write_text("[defaults]\nforks = 1\n")
    assert load_settings({}, environ=home, cwd=tmp_path).forks == 1
    configure(tmp_path, "[defaults]\nforks = 2\n")
    assert load_settings({}, environ=home, cwd=tmp_path).forks == 2
    (tmp_path / "own.cfg").write_text("[defaults]\nforks = 3\n")
    environ = {**home, "ANSIBLE_CONFIG": str(tmp_path / "own.cfg")}
    assert load_settings({}, environ=environ, cwd=tmp_path).forks == 3


def test_a_world_writable_directory_is_not_believed(tmp_path: Path, home: dict[str, str]) -> None:
    """Its ansible.cfg is passed over with a warning, unless ANSIBLE_CONFIG names it."""
    path = configure(tmp_path, "[defaults]\nforks = 2\n")
    tmp_path.chmod(0o777)
    told: list[str] = []
    assert load_settings({}, environ=home, cwd=tmp_path, warn=told.append).forks == 50
    assert str(path) in told[0]
    assert load_settings({}, environ={**home, "ANSIBLE_CONFIG": str(path)}, cwd=tmp_path).forks == 2
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ANSIBLE_HOST_KEY_CHECKING": "False"}, "no"),
        ({"ANSIBLE_HOST_KEY_CHECKING": "1"}, "yes"),
        ({"ANSIBLE_HOST_KEY_CHECKING": "no", "HOTDESK_HOST_KEY_CHECKING": "accept-new"}, "accept-new"),
        ({}, "yes"),
    ],
)
def test_host_keys_know_three_answers(
    tmp_path: Path, home: dict[str, str], environ: dict[str, str], expected: str
) -> None:
    """Ansible's two, and accept-new."""
    assert load_settings({}, environ={**home, **environ}, cwd=tmp_path).host_key_checking == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"NO_COLOR": "anything"}, False),
        ({"NO_COLOR": ""}, None),
        ({"ANSIBLE_NOCOLOR": "1"}, False),
        ({"NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "true"}, True),
    ],
)
def test_colour_can_be_forced_and_forbidden(
    tmp_path: Path, home: dict[str, str], environ: dict[str, str], expected: bool | None
) -> None:
    """Forcing wins, as in Ansible."""
    assert load_settings({}, environ={**home, **environ}, cwd=tmp_path).color is expected


def test_ssh_arguments_are_joined(tmp_path: Path, home: dict[str, str]) -> None:
    """The environment replaces just the part that it names."""
    configure(tmp_path, "[ssh_connection]\nssh_args = -C\nssh_common_args = '-J gate'\n")
    assert load_settings({}, environ={**home, "ANSIBLE_SSH_ARGS": "-4"}, cwd=tmp_path).ssh_args == "-4 -J gate"


def test_no_time_limit_is_only_by_intent(tmp_path: Path, home: dict[str, str]) -> None:
    """Ansible's 0 means none; leaving it out means our default."""
    assert load_settings({}, environ={**home, "ANSIBLE_TASK_TIMEOUT": "0"}, cwd=tmp_path).task_timeout == math.inf
    assert load_settings({}, environ=home, cwd=tmp_path).task_timeout == 4 * 3600


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[hotdesk]\nlaese = 3\n", 2, "Did you mean 'lease'"),
        ("[hotdesk]\nlease = soon\n", 2, "not a number of seconds"),
        ("[hotdesk]\nlease = 0\n", 2, "above 0"),
        ("[defaults]\nforks = 0\n", 2, "at least 1"),
        ("[defaults]\nremote_port = 70000\n", 2, "between 1 and 65535"),
        ("[defaults]\ngathering = smrt\n", 2, "Did you mean 'smart'"),
        ("[defaults]\nfact_caching = redis\n", 2, "'redis' is not one of memory, jsonfile"),
        ("[defaults]\nforce_handlers = maybe\n", 2, "not a boolean"),
        ("forks = 1\n", 1, "before the first"),
        ("[defaults]\nforks = 1\nforks = 2\n", 3, "twice"),
        ("[defaults]\nwhat is this\n", 2, "neither"),
    ],
)
def test_a_wrong_file_is_one_error(tmp_path: Path, home: dict[str, str], text: str, line: int, says: str) -> None:
    """With file and line."""
    path = configure(tmp_path, text)
    with pytest.raises(UsageError) as found:
        load_settings({}, environ=home, cwd=tmp_path)
    assert found.value.explain().startswith(f"{path}:{line}")
    assert says in found.value.explain()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"HOTDESK_LAESE": "1"}, "HOTDESK_LEASE"),
        ({"ANSIBLE_FORKS": "many"}, "ANSIBLE_FORKS"),
        ({"HOTDESK_QQQQQQQQQQQQQQQQQQ": "1"}, "hotdesk config"),
    ],
)
def test_a_wrong_variable_is_one_error(
    tmp_path: Path, home: dict[str, str], environ: dict[str, str], says: str
) -> None:
    """It is named."""
    with pytest.raises(UsageError) as found:
        load_settings({}, environ={**home, **environ}, cwd=tmp_path)
    assert says in found.value.explain()


def test_what_only_ansible_knows_is_left_alone(tmp_path: Path, home: dict[str, str]) -> None:
    """ansible.cfg is shared; our own marks in the environment are no settings either."""
    configure(tmp_path, "[defaults]\ncow_selection = bunny\n[galaxy]\nserver_list = x\n")
    environ = {**home, "ANSIBLE_NOCOWS": "1", "HOTDESK_RUN": "r", "HOTDESK_TASK": "t"}
    found = load_settings({}, environ=environ, cwd=tmp_path)
    assert found.ignored == ("[defaults] cow_selection", "[galaxy] server_list", "ANSIBLE_NOCOWS")


@pytest.mark.parametrize("nothing", [None, (), []])
def test_what_the_command_line_leaves_open_is_not_given(tmp_path: Path, home: dict[str, str], nothing: Any) -> None:
    """click gives None and empty tuples for options that were not used."""
    environ = {**home, "ANSIBLE_INVENTORY": "/a"}
    assert load_settings({"inventory": nothing}, environ=environ, cwd=tmp_path).inventory == ("/a",)


def test_the_fact_cache_has_ansible_s_settings(tmp_path: Path, home: dict[str, str]) -> None:
    """Its folder is beside the file that names it; a timeout of 0 is none."""
    path = configure(
        tmp_path, "[defaults]\nfact_caching = jsonfile\nfact_caching_connection = facts\nfact_caching_timeout = 0\n"
    )
    found = load_settings({}, environ=home | {"ANSIBLE_CACHE_PLUGIN_PREFIX": "p_"}, cwd=tmp_path)
    assert (found.fact_caching, found.fact_caching_connection) == ("jsonfile", path.parent / "facts")
    assert (found.fact_caching_prefix, found.fact_caching_timeout) == ("p_", float("inf"))


def test_describe_lists_every_setting(tmp_path: Path, home: dict[str, str]) -> None:
    """Name, value and origin, for ``hotdesk config``."""
    rows = describe(load_settings({"forks": 3}, environ=home, cwd=tmp_path))
    assert ("forks", 3, "command line") in rows
    assert len(rows) == len(OPTIONS)
