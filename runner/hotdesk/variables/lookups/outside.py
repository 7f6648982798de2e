"""Lookups that run a command, fetch a URL, keep a password file, or read the settings."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import random
import secrets
import ssl
import string
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotdesk.errors import nearest
from hotdesk.paths import expanded
from hotdesk.settings import Settings
from hotdesk.variables.blocking import leave_loop
from hotdesk.variables.crypt import password_hash
from hotdesk.variables.lookups.call import LookupCall, words_and_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pipe(call: LookupCall) -> list[Any]:
    """The output of shell commands."""
    return [_output(call, term).rstrip() for term in call.terms]


def lines(call: LookupCall) -> list[Any]:
    """The lines of the output of shell commands."""
    return [line.rstrip() for term in call.terms for line in _output(call, term).splitlines()]


def _output(call: LookupCall, term: Any) -> str:
    rc, out, err = call.run(str(term))
    if rc != 0:
        raise call.fail(f"the command {str(term)!r} ended with {rc}: {err.strip()[:500]}")
    return out


def url(call: LookupCall) -> list[Any]:
    """The body of a URL: its lines, or with ``split_lines=false`` the whole text."""
    leave_loop()
    options: dict[str, Any] = dict(  # noqa: C408 - reads like the options of a call
        validate_certs=True, split_lines=True, use_proxy=True, username=None, password=None, headers=None, timeout=10.0,
        force=False, http_agent="hotdesk", force_basic_auth=False, follow_redirects="urllib2", ca_path=None, client_cert=None,
        client_key=None,
    )  # fmt: skip
    given = dict(zip(options, call.take(**options), strict=True))
    result: list[Any] = []
    for term in call.terms:
        text = _fetched(call, str(term), given)
        result += text.splitlines() if given["split_lines"] else [text]
    return result


def _fetched(call: LookupCall, address: str, given: dict[str, Any]) -> str:
    import urllib.error  # late: with http and email they take 10 ms of every start
    import urllib.request

    request = urllib.request.Request(address, headers={"User-Agent": given["http_agent"], **(given["headers"] or {})})
    if given["username"] is not None:
        pair = f"{given['username']}:{given['password'] or ''}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
    context = ssl.create_default_context(cafile=given["ca_path"])
    if not given["validate_certs"]:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if given["client_cert"]:
        context.load_cert_chain(given["client_cert"], given["client_key"])
    handlers: list[Any] = [urllib.request.HTTPSHandler(context=context)]
    if not given["use_proxy"]:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=float(given["timeout"])) as answer:
            return str(answer.read().decode("utf-8", "surrogateescape"))
    except urllib.error.HTTPError as exc:
        exc.close()
        raise call.fail(f"{address} answered {exc.code} {exc.reason}") from None
    except (OSError, ValueError) as exc:
        raise call.fail(f"{address} could not be fetched: {getattr(exc, 'reason', exc)}") from None


PUNCTUATION: Final = ".,:-_"
"""What ``ascii_letters,digits`` is joined with when no ``chars`` are given."""


def password(call: LookupCall) -> list[Any]:
    """A random password, kept in a file so that the next run gets the same; ``/dev/null`` keeps nothing.

    Options: length, chars, encrypt, ident, seed. In check mode nothing is written.
    """
    return [_password(call, str(term)) for term in call.terms]


def _password(call: LookupCall, term: str) -> str:
    leave_loop()
    words, given = words_and_options(term)
    options: dict[str, Any] = {**call.options, **given}
    known = ("length", "chars", "encrypt", "ident", "seed")
    for name in options:
        if name not in known:
            raise call.fail(f"there is no option {name!r}", nearest(name, known))
    directory = call.search_path()[0]
    path = expanded(" ".join(words))
    path = path if path.is_absolute() else directory / path
    with _locked(path, write=not call.variables.get("ansible_check_mode", False) and str(path) != "/dev/null") as write:
        word, salt, ident = _kept(path)
        encrypt = options.get("encrypt")
        new = word is None
        word = word if word is not None else _generated(call, options)
        if encrypt and salt is None:
            salt = "".join(
                secrets.choice(string.ascii_letters + string.digits) for _ in range(_salt_size(str(encrypt)))
            )
            new = True
        if new and write:
            _keep(path, word, salt, str(options.get("ident") or ident or ""))
    if not encrypt:
        return word
    return password_hash(word, str(encrypt), salt=salt, ident=options.get("ident") or ident)


def _salt_size(method: str) -> int:
    return {"bcrypt": 22, "blowfish": 22}.get(method, 8)


def _kept(path: Path) -> tuple[str | None, str | None, str | None]:
    """(password, salt, ident) of the file, None what is not there."""
    try:
        text = path.read_text(encoding="utf-8").rstrip() if str(path) != "/dev/null" else ""
    except FileNotFoundError:
        text = ""
    if not text:
        return None, None, None
    text, _, ident = text.partition(" ident=")
    word, _, salt = text.partition(" salt=")
    return word, salt or None, ident or None


def _keep(path: Path, word: str, salt: str | None, ident: str) -> None:
    text = word + (f" salt={salt}" if salt else "") + (f" ident={ident}" if ident else "") + "\n"
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


@contextlib.contextmanager
def _locked(path: Path, *, write: bool) -> Iterator[bool]:
    """One password per file, even when two runs make it at once; nothing is touched without ``write``."""
    if not write:
        yield False
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(descriptor)


LONGEST_PASSWORD: Final = 10_000
"""Characters."""


def _generated(call: LookupCall, options: dict[str, Any]) -> str:
    try:
        length = int(options.get("length", 20))
    except ValueError:
        raise call.fail(f"length must be a number, not {options['length']!r}") from None
    if not 0 < length <= LONGEST_PASSWORD:
        raise call.fail(f"length must be between 1 and {LONGEST_PASSWORD:,}, not {length:,}")
    wanted = options.get("chars") or ["ascii_letters", "digits", PUNCTUATION]
    letters = "".join(_letters(part) for part in (_parts(wanted) if isinstance(wanted, str) else wanted))
    letters = "".join(dict.fromkeys(letters))
    seed = options.get("seed")
    chance: random.Random = secrets.SystemRandom() if seed is None else random.Random(seed)
    return "".join(chance.choice(letters) for _ in range(length))


def _parts(chars: str) -> list[str]:
    """``ascii_letters,digits``; ``,,`` stands for the comma itself."""
    parts = [part for part in chars.replace(",,", ",").split(",") if part] if ",," in chars else chars.split(",")
    return [*parts, ","] if ",," in chars else [part for part in parts if part]


def _letters(part: str) -> str:
    named = (
        "ascii_letters",
        "ascii_lowercase",
        "ascii_uppercase",
        "digits",
        "hexdigits",
        "octdigits",
        "punctuation",
        "printable",
        "whitespace",
    )
    return str(getattr(string, part)) if part in named else part


CONFIG: Final = {
    "DEFAULT_FORKS": "forks",
    "DEFAULT_REMOTE_USER": "remote_user",
    "DEFAULT_REMOTE_PORT": "remote_port",
    "DEFAULT_PRIVATE_KEY_FILE": "private_key_file",
    "DEFAULT_TIMEOUT": "connect_timeout",
    "HOST_KEY_CHECKING": "host_key_checking",
    "DEFAULT_BECOME": "become",
    "DEFAULT_BECOME_METHOD": "become_method",
    "DEFAULT_BECOME_USER": "become_user",
    "DEFAULT_BECOME_FLAGS": "become_flags",
    "DEFAULT_BECOME_ASK_PASS": "become_ask_pass",
    "DEFAULT_ASK_PASS": "ask_pass",
    "DIFF_ALWAYS": "diff",
    "MAX_FILE_SIZE_FOR_DIFF": "max_diff_size",
    "DEFAULT_GATHERING": "gathering",
    "TASK_TIMEOUT": "task_timeout",
    "DEFAULT_STRATEGY": "strategy",
    "ANY_ERRORS_FATAL": "any_errors_fatal",
    "DEFAULT_FORCE_HANDLERS": "force_handlers",
    "DEFAULT_HASH_BEHAVIOUR": "hash_behaviour",
    "INJECT_FACTS_AS_VARS": "inject_facts_as_vars",
    "DEFAULT_ROLES_PATH": "roles_path",
    "COLLECTIONS_PATHS": "collections_path",
    "DEFAULT_ASK_VAULT_PASS": "ask_vault_pass",
    "INTERPRETER_PYTHON": "python_interpreter",
    "DEFAULT_HOST_LIST": "inventory",
    "DEFAULT_MANAGED_STR": "ansible_managed",
    "ALLOW_BROKEN_CONDITIONALS": "allow_broken_conditionals",
    "HOST_PATTERN_MISMATCH": "host_pattern_mismatch",
    "DEFAULT_POLL_INTERVAL": "poll_interval",
    "DEFAULT_VERBOSITY": "verbosity",
    "DISPLAY_SKIPPED_HOSTS": "display_skipped_hosts",
    "DISPLAY_OK_HOSTS": "display_ok_hosts",
    "DEFAULT_PRIVATE_ROLE_VARS": "private_role_vars",
    "DEFAULT_LOG_PATH": "log_path",
    "SHOW_CUSTOM_STATS": "show_custom_stats",
    "DEPRECATION_WARNINGS": "deprecation_warnings",
    "CONFIG_FILE": "config_file",
}
"""Ansible's name of a setting -> field of Settings (which take our own names too)."""


def config(call: LookupCall) -> list[Any]:
    """Settings, by Ansible's name or ours."""
    on_missing, show_origin, _kind, _name = call.take(
        on_missing="error", show_origin=False, plugin_type="", plugin_name=""
    )
    settings = call.templates.settings
    result: list[Any] = []
    ours = {field.name for field in fields(Settings)}
    for term in call.terms:
        name = CONFIG.get(str(term), str(term) if term in ours else None)
        if name is None or not hasattr(settings, name):
            problem = call.fail(f"there is no setting {str(term)!r}", nearest(str(term), CONFIG))
            if on_missing == "error":
                raise problem
            if on_missing == "warn":
                call.templates.warn(problem.message)
            continue
        value = _shown(getattr(settings, name))
        value = bool(value) if name == "private_role_vars" else value  # Ansible's has no third state
        result.append([value, settings.origin.get(name, "default")] if show_origin else value)
    return result


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value


LOOKUPS: Final[dict[str, Callable[[LookupCall], list[Any]]]] = {
    "config": config,
    "lines": lines,
    "password": password,
    "pipe": pipe,
    "url": url,
}
