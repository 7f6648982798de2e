"""ansible.cfg, the environment and the command line -> Settings, by one literal table (``OPTIONS``).

Names, types and the search order are Ansible's
(https://docs.ansible.com/ansible-core/2.19/reference_appendices/config.html); what is ours stands in ``[hotdesk]`` and HOTDESK_*.
Precedence: command line, environment, file, default.
"""

from __future__ import annotations

import configparser
import os
import stat
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.configuration_types import Given, convert
from hotdesk.errors import HotdeskError, UsageError, nearest
from hotdesk.frozen import frozen
from hotdesk.paths import exists, expanded, is_dir
from hotdesk.place import Place
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@frozen
class Option:
    """How one field of Settings is spelled outside. Of several spellings that are set, the last one counts, as in Ansible."""

    kind: str
    """A key of ``configuration_types.KINDS``."""
    ini: tuple[str, ...] = ()
    """``section.key`` in ansible.cfg."""
    env: tuple[str, ...] = ()
    unit: str = ""
    choices: tuple[str, ...] = ()


def _ours(name: str, kind: str, unit: str = "", choices: tuple[str, ...] = ()) -> Option:
    return Option(kind, (f"hotdesk.{name}",), (f"HOTDESK_{name.upper()}",), unit, choices)


def _defaults(key: str, kind: str, unit: str = "", *, env: str = "", choices: tuple[str, ...] = ()) -> Option:
    return Option(kind, (f"defaults.{key}",), (env or f"ANSIBLE_{key.upper()}",), unit, choices)


def _become(key: str, kind: str) -> Option:
    return Option(kind, (f"privilege_escalation.{key}",), (f"ANSIBLE_{key.upper()}",))


CACHES = ("memory", "jsonfile", "ansible.builtin.memory", "ansible.builtin.jsonfile")
"""Where facts may be kept."""
OPTIONS: dict[str, Option] = {
    "inventory": _defaults("inventory", "sources"),
    "forks": _defaults("forks", "count", "hosts"),
    "remote_user": _defaults("remote_user", "text"),
    "remote_port": _defaults("remote_port", "port"),
    "private_key_file": _defaults("private_key_file", "path-text"),
    "connection": _defaults("transport", "text"),
    "connect_timeout": Option(
        "seconds", ("defaults.timeout", "ssh_connection.timeout"), ("ANSIBLE_TIMEOUT", "ANSIBLE_SSH_TIMEOUT"), "s"
    ),
    "host_key_checking": Option(
        "host-keys",
        ("defaults.host_key_checking", "ssh_connection.host_key_checking", "hotdesk.host_key_checking"),
        ("ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING", "HOTDESK_HOST_KEY_CHECKING"),
    ),
    "ssh_args": Option(
        "joined",
        ("ssh_connection.ssh_args", "ssh_connection.ssh_common_args", "ssh_connection.ssh_extra_args"),
        ("ANSIBLE_SSH_ARGS", "ANSIBLE_SSH_COMMON_ARGS", "ANSIBLE_SSH_EXTRA_ARGS"),
    ),
    "become": _become("become", "bool"),
    "become_method": _become("become_method", "text"),
    "become_user": _become("become_user", "text"),
    "become_flags": _become("become_flags", "text"),
    "become_ask_pass": _become("become_ask_pass", "bool"),
    "become_password_file": _defaults("become_password_file", "path"),
    "ask_pass": _defaults("ask_pass", "bool"),
    "connection_password_file": _defaults("connection_password_file", "path"),
    "check": Option("bool"),
    "diff": Option("bool", ("diff.always",), ("ANSIBLE_DIFF_ALWAYS",)),
    "max_diff_size": _defaults("max_diff_size", "bytes", "bytes"),
    "gathering": _defaults("gathering", "choice", choices=("implicit", "explicit", "smart")),
    "gather_subset": _ours("gather_subset", "list"),
    "gather_timeout": _ours("gather_timeout", "seconds", "s"),
    "facts_modules": _defaults("facts_modules", "list"),
    "fact_caching": _defaults("fact_caching", "choice", env="ANSIBLE_CACHE_PLUGIN", choices=CACHES),
    "fact_caching_connection": _defaults("fact_caching_connection", "path", env="ANSIBLE_CACHE_PLUGIN_CONNECTION"),
    "fact_caching_prefix": _defaults("fact_caching_prefix", "text", env="ANSIBLE_CACHE_PLUGIN_PREFIX"),
    "fact_caching_timeout": _defaults("fact_caching_timeout", "limit", "s", env="ANSIBLE_CACHE_PLUGIN_TIMEOUT"),
    "task_timeout": Option(
        "limit",
        ("defaults.task_timeout", "hotdesk.task_timeout"),
        ("ANSIBLE_TASK_TIMEOUT", "HOTDESK_TASK_TIMEOUT"),
        "s",
    ),
    "stop_grace": _ours("stop_grace", "seconds", "s"),
    "stop_limit": _ours("stop_limit", "seconds", "s"),
    "cleanup_limit": _ours("cleanup_limit", "seconds", "s"),
    "lease": _ours("lease", "seconds", "s"),
    "stall_timeout": _ours("stall_timeout", "seconds", "s"),
    "keepalive_interval": _ours("keepalive_interval", "seconds", "s"),
    "keepalive_count": _ours("keepalive_count", "count"),
    "handshakes": _ours("handshakes", "count", "connections"),
    "handshakes_per_address": _ours("handshakes_per_address", "count", "connections"),
    "transfers": _ours("transfers", "count", "transfers"),
    "workers": _ours("workers", "workers"),
    "strategy": _defaults("strategy", "text"),
    "enable_task_debugger": _defaults("enable_task_debugger", "bool"),
    "task_debugger_ignore_errors": _defaults("task_debugger_ignore_errors", "bool"),
    "any_errors_fatal": _defaults("any_errors_fatal", "bool"),
    "force_handlers": _defaults("force_handlers", "bool"),
    "hash_behaviour": _defaults("hash_behaviour", "choice", choices=("replace", "merge")),
    "allow_broken_conditionals": _defaults("allow_broken_conditionals", "bool"),
    "inject_facts_as_vars": _defaults("inject_facts_as_vars", "bool", env="ANSIBLE_INJECT_FACT_VARS"),
    "roles_path": _defaults("roles_path", "paths"),
    "collections_path": _defaults("collections_path", "paths"),
    "validate_action_group_metadata": _defaults("validate_action_group_metadata", "bool"),
    "library": _defaults("library", "paths"),
    "module_utils": _defaults("module_utils", "paths"),
    "filter_plugins": _defaults("filter_plugins", "paths"),
    "test_plugins": _defaults("test_plugins", "paths"),
    "lookup_plugins": _defaults("lookup_plugins", "paths"),
    "action_plugins": _defaults("action_plugins", "paths"),
    "vault_password_files": Option(
        "vault",
        ("defaults.vault_identity_list", "defaults.vault_password_file"),
        ("ANSIBLE_VAULT_IDENTITY_LIST", "ANSIBLE_VAULT_PASSWORD_FILE"),
    ),
    "ask_vault_pass": _defaults("ask_vault_pass", "bool"),
    "vault_identity": _defaults("vault_identity", "text"),
    "vault_id_match": _defaults("vault_id_match", "bool"),
    "vault_encrypt_identity": _defaults("vault_encrypt_identity", "text"),
    "python_interpreter": _defaults("interpreter_python", "text", env="ANSIBLE_PYTHON_INTERPRETER"),
    "remote_tmp": _defaults("remote_tmp", "text"),
    "ansible_managed": Option("text", ("defaults.ansible_managed",)),
    "host_pattern_mismatch": Option(
        "choice",
        ("inventory.host_pattern_mismatch",),
        ("ANSIBLE_HOST_PATTERN_MISMATCH",),
        choices=("guarded", "warning", "error", "ignore"),
    ),
    "inventory_unparsed_is_failed": Option(
        "bool", ("inventory.unparsed_is_failed",), ("ANSIBLE_INVENTORY_UNPARSED_FAILED",)
    ),
    "inventory_any_unparsed_is_failed": Option(
        "bool", ("inventory.any_unparsed_is_failed",), ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED",)
    ),
    "inventory_ignore_extensions": Option(
        "list", ("defaults.inventory_ignore_extensions", "inventory.ignore_extensions"), ("ANSIBLE_INVENTORY_IGNORE",)
    ),
    "inventory_ignore_patterns": Option(
        "list", ("defaults.inventory_ignore_patterns", "inventory.ignore_patterns"), ("ANSIBLE_INVENTORY_IGNORE_REGEX",)
    ),
    "inventory_enabled": Option("list", ("inventory.enable_plugins",), ("ANSIBLE_INVENTORY_ENABLED",)),
    "duplicate_dict_key": _defaults(
        "duplicate_dict_key", "choice", env="ANSIBLE_DUPLICATE_YAML_DICT_KEY", choices=("warn", "error", "ignore")
    ),
    "poll_interval": _defaults("poll_interval", "seconds", "s"),
    "tags": Option("list", ("tags.run",), ("ANSIBLE_RUN_TAGS",)),
    "skip_tags": Option("list", ("tags.skip",), ("ANSIBLE_SKIP_TAGS",)),
    "no_log": _defaults("no_log", "bool"),
    "verbosity": _defaults("verbosity", "natural"),
    "output": _ours("output", "choice", choices=("auto", "live", "plain", "json")),
    "color": Option(
        "color", ("defaults.nocolor", "defaults.force_color"), ("NO_COLOR", "ANSIBLE_NOCOLOR", "ANSIBLE_FORCE_COLOR")
    ),
    "display_skipped_hosts": _defaults("display_skipped_hosts", "bool"),
    "display_ok_hosts": _defaults("display_ok_hosts", "bool"),
    "private_role_vars": _defaults("private_role_vars", "bool"),
    "log_path": _defaults("log_path", "path"),
    "show_custom_stats": _defaults("show_custom_stats", "bool"),
    "deprecation_warnings": _defaults("deprecation_warnings", "bool"),
}

NOT_SETTINGS = frozenset(
    {
        "HOTDESK_RUN",
        "HOTDESK_TASK",
        "HOTDESK_REQUEST",
        "HOTDESK_SHELL_ADDRESS",
        "HOTDESK_SHELL_TOKEN",
        "HOTDESK_LOCKS",
        "HOTDESK_PC",
        "HOTDESK_DEMO",
        "HOTDESK_DEMO_SESSION",
    }
)
"""Marks that hotdesk itself puts into environments; a run inside a run sees them."""


def load_settings(
    command_line: Mapping[str, Any],
    *,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    warn: Callable[[str], None] | None = None,
) -> Settings:
    """The settings of this run; ``command_line`` maps fields of Settings to values, None meaning "not given".

    ``warn`` is told of a config file that is passed over. Raises UsageError with place, nearest name and remedy.
    """
    cwd = cwd or Path.cwd()
    file, parsed = _read_config(environ, cwd, warn or (lambda text: None))
    _refuse_unknown(parsed, file, environ)
    values = _default_paths(environ)
    origin = dict.fromkeys(OPTIONS, "default")
    for name, option in OPTIONS.items():
        given = [one for one in _given(name, option, parsed, file, environ, cwd) if one.value]
        if command_line.get(name) not in (None, (), []):
            said = Given(command_line[name], "command line", cwd, spelled=name)
            given = [*given, said] if option.kind == "vault" else [said]  # vault passwords add up, as in Ansible
        if given and (found := convert(option.kind, given, option.choices)) is not None:
            values[name] = found
            origin[name] = given[-1].origin
    if unknown := set(command_line) - set(OPTIONS):
        raise HotdeskError(f"load_settings knows no {', '.join(sorted(unknown))}")
    return Settings(**values, ignored=_ignored(parsed, environ), origin=origin, config_file=file)


def describe(settings: Settings) -> list[tuple[str, Any, str]]:
    """(name, value, origin) of every setting, in the order of Settings."""
    return [
        (one.name, getattr(settings, one.name), settings.origin.get(one.name, "default"))
        for one in fields(settings)
        if one.name in OPTIONS
    ]


def _default_paths(environ: Mapping[str, str]) -> dict[str, Any]:
    """Defaults that hang on the home directory (``ANSIBLE_HOME``)."""
    home = expanded(environ.get("ANSIBLE_HOME") or "~/.ansible")
    share = Path("/usr/share/ansible")
    return {
        "roles_path": (home / "roles", share / "roles", Path("/etc/ansible/roles")),
        "collections_path": (home / "collections", share / "collections"),
        "library": (home / "plugins/modules", share / "plugins/modules"),
        "module_utils": (home / "plugins/module_utils", share / "plugins/module_utils"),
        **{
            f"{kind}_plugins": (home / "plugins" / kind, share / "plugins" / kind)
            for kind in ("filter", "test", "lookup", "action")
        },
    }


def _given(
    name: str, option: Option, parsed: _Parsed, file: Path | None, environ: Mapping[str, str], cwd: Path
) -> Iterator[Given]:
    """What environment and file say about one setting; the environment replaces the file."""
    if option.kind in ("joined", "vault"):  # independent settings of Ansible that make up one of ours
        for env, ini in zip(option.env, option.ini, strict=True):
            yield from _given(name, Option("", (ini,), (env,)), parsed, file, environ, cwd)
        return
    found = [Given(environ[env], env, cwd, spelled=env) for env in option.env if env in environ]
    if found or file is None:
        yield from found
        return
    for spelled in option.ini:
        section, _, key = spelled.partition(".")
        if (value := parsed.get(section, {}).get(key)) is not None:
            yield Given(value, f"{file} [{section}] {key}", file.parent, spelled=key, place=_place(file, section, key))


_Parsed = dict[str, dict[str, str]]


def _read_config(environ: Mapping[str, str], cwd: Path, warn: Callable[[str], None]) -> tuple[Path | None, _Parsed]:
    for path in _candidates(environ, cwd, warn):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            if path == _from_environment(environ):
                warn(f"ANSIBLE_CONFIG names {path}, which cannot be read; looking further")
            continue
        except OSError as problem:
            raise UsageError(f"cannot read the configuration: {problem.strerror}", place=Place(str(path))) from None
        except UnicodeDecodeError:
            raise UsageError(
                "the configuration is not UTF-8 text", place=Place(str(path)), remedy="Save it as UTF-8."
            ) from None
        return path, _parse(text, path)
    return None, {}


def _from_environment(environ: Mapping[str, str]) -> Path | None:
    if not (given := environ.get("ANSIBLE_CONFIG")):
        return None
    path = expanded(os.path.expandvars(given)).absolute()
    return path / "ansible.cfg" if is_dir(path) else path


def _candidates(environ: Mapping[str, str], cwd: Path, warn: Callable[[str], None]) -> Iterator[Path]:
    """Ansible's search order; a world-writable directory may belong to anybody, so its file is not believed."""
    if named := _from_environment(environ):
        yield named
    here = cwd / "ansible.cfg"
    if exists(here) and here != named:
        if cwd.stat().st_mode & stat.S_IWOTH:
            warn(
                f"{here} is not used: everybody may write to this directory (set ANSIBLE_CONFIG to use it all the same)"
            )
        else:
            yield here
    yield Path(environ.get("HOME") or Path.home()) / ".ansible.cfg"
    yield Path("/etc/ansible/ansible.cfg")


def _parse(text: str, path: Path) -> _Parsed:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",), default_section="\0")
    try:
        parser.read_string(text, source=str(path))
    except configparser.MissingSectionHeaderError as problem:
        place = Place(str(path), problem.lineno)
        raise UsageError(
            "a line stands before the first [section]", place=place, remedy="Write [defaults] above it."
        ) from None
    except (configparser.DuplicateOptionError, configparser.DuplicateSectionError) as problem:
        what = f"key {problem.option!r}" if isinstance(problem, configparser.DuplicateOptionError) else "section"
        raise UsageError(
            f"the {what} of [{problem.section}] is given twice", place=Place(str(path), problem.lineno or 0)
        ) from None
    except configparser.ParsingError as problem:
        number = problem.errors[0][0] if problem.errors else 0
        raise UsageError("this line is neither 'key = value' nor [section]", place=Place(str(path), number)) from None
    return {section: dict(parser[section]) for section in parser.sections()}


def _place(file: Path, section: str, key: str) -> Place:
    """Where ``key`` stands; looked up only to be shown, since configparser does not tell."""
    current = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("["):
            current = line[1:].partition("]")[0]
        elif current == section and line.partition("=")[0].partition(":")[0].strip().lower() == key:
            return Place(str(file), number, 1)
    return Place(str(file))


def _refuse_unknown(parsed: _Parsed, file: Path | None, environ: Mapping[str, str]) -> None:
    """What is ours must be known; Ansible's names may mean something to Ansible alone."""
    keys = {one.partition(".")[2] for option in OPTIONS.values() for one in option.ini if one.startswith("hotdesk.")}
    for key in parsed.get("hotdesk", {}):
        if key not in keys and file is not None:
            place = _place(file, "hotdesk", key)
            raise UsageError(
                f"[hotdesk] knows no {key!r}", place=place, remedy=nearest(key, keys) or "See 'hotdesk config'."
            )
    names = {one for option in OPTIONS.values() for one in option.env if one.startswith("HOTDESK_")}
    for name in environ:
        if name.startswith("HOTDESK_") and name not in names | NOT_SETTINGS:
            raise UsageError(f"no setting has the name {name}", remedy=nearest(name, names) or "See 'hotdesk config'.")


def _ignored(parsed: _Parsed, environ: Mapping[str, str]) -> tuple[str, ...]:
    known = {one for option in OPTIONS.values() for one in option.ini}
    in_file = [
        f"[{section}] {key}" for section, keys in parsed.items() for key in keys if f"{section}.{key}" not in known
    ]
    names = {one for option in OPTIONS.values() for one in option.env} | {"ANSIBLE_CONFIG", "ANSIBLE_HOME"}
    return tuple(in_file + sorted(name for name in environ if name.startswith("ANSIBLE_") and name not in names))
