"""TESTS: every test (``x is NAME``) by name; Ansible's are here, Jinja's own come from Jinja.

Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_tests.html
Tests of files look at the control node, in a thread.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2.tests import TESTS as JINJA

from hotdesk.source import Trusted, Vaulted
from hotdesk.variables.blocking import leave_loop
from hotdesk.variables.filters.data import to_bool
from hotdesk.variables.filters.numbers import holds
from hotdesk.variables.matching import bounded, compiled
from hotdesk.variables.plugin import table
from hotdesk.variables.vault import Decrypted, is_encrypted
from hotdesk.variables.versions import version_compare

Test = Callable[..., bool]


def _result(value: Any, test: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"the {test!r} test expects a dictionary (a registered result)")
    return value


def _flag(value: Any) -> bool:
    return bool(to_bool(value)) if isinstance(value, str) else bool(value)


def failed(value: Any) -> bool:
    return _flag(_result(value, "failed").get("failed", False))


def succeeded(value: Any) -> bool:
    return not failed(value)


def changed(value: Any) -> bool:
    result = _result(value, "changed")
    if "changed" not in result and isinstance(items := result.get("results"), list):
        return any(isinstance(item, Mapping) and _flag(item.get("changed", False)) for item in items)
    return _flag(result.get("changed", False))


def skipped(value: Any) -> bool:
    return _flag(_result(value, "skipped").get("skipped", False))


def unreachable(value: Any) -> bool:
    return _flag(_result(value, "unreachable").get("unreachable", False))


def reachable(value: Any) -> bool:
    return not unreachable(value)


def timedout(value: Any) -> bool:
    found = _result(value, "timedout").get("timedout", False)
    return bool(found.get("period", False)) if isinstance(found, Mapping) else _flag(found)


def started(value: Any) -> bool:
    result = _result(value, "started")
    return _flag(result["started"]) if "started" in result else True


def finished(value: Any) -> bool:
    result = _result(value, "finished")
    return _flag(result["finished"]) if "finished" in result else True


def regex(
    value: Any = "", pattern: Any = "", ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    if not isinstance(value, str):
        value = "" if value is None else str(value)
    if match_type not in ("search", "match", "fullmatch"):
        raise ValueError(f"match_type must be search, match or fullmatch, not {match_type!r}")
    made = compiled(pattern, ignorecase=ignorecase, multiline=multiline)
    text = str(value)
    return bounded(made, text, lambda: getattr(made, match_type)(text)) is not None


def match(value: Any, pattern: Any = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline, "match")


def search(value: Any, pattern: Any = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline, "search")


def contains(value: Any, item: Any) -> bool:
    return item in value


def subset(value: Any, other: Any) -> bool:
    return all(map(holds(other), value))


def superset(value: Any, other: Any) -> bool:
    return subset(other, value)


def truthy(value: Any, convert_bool: bool = False) -> bool:
    if convert_bool:
        text = value.strip().lower() if isinstance(value, str) else value
        if text in ("yes", "on", "1", "true", "y", "t", "no", "off", "0", "false", "n", "f"):
            return bool(to_bool(text))
    return bool(value)


def falsy(value: Any, convert_bool: bool = False) -> bool:
    return not truthy(value, convert_bool)


def nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def vault_encrypted(value: Any) -> bool:
    return isinstance(value, (Vaulted, Decrypted)) or is_encrypted(value)


TAGS: Final[Mapping[str, tuple[type, ...]]] = {"TrustedAsTemplate": (Trusted,), "VaultedValue": (Vaulted, Decrypted)}


def tagged_with(value: Any, tag_name: str) -> bool:
    """Whether a value has one of the tags that ansible-core 2.19 gives values: what it is here that they stand for there."""
    if tag_name not in TAGS:
        raise ValueError(f"Unknown tag name {tag_name!r}.")
    return isinstance(value, TAGS[tag_name])


def vaulted_file(value: Any) -> bool:
    leave_loop()
    with Path(str(value)).open("rb") as stream:
        return stream.read(15) == b"$ANSIBLE_VAULT;"


def uri(value: Any, schemes: Any = None) -> bool:
    parts = urlsplit(str(value))
    if not parts.scheme or not (parts.netloc or parts.path):
        return False
    return parts.scheme in list(schemes) if schemes else True


def url(value: Any, schemes: Any = None) -> bool:
    if not uri(value, schemes):
        return False
    parts = urlsplit(str(value))
    return bool(parts.netloc) or parts.scheme == "file"


def urn(value: Any) -> bool:
    return uri(value, ["urn"])


def _on_disk(check: Callable[[str], bool]) -> Test:
    def call(value: Any) -> bool:
        leave_loop()
        return check(str(value))

    return call


def same_file(value: Any, other: Any) -> bool:
    leave_loop()
    return os.path.samefile(str(value), str(other))  # noqa: PTH121


def is_abs(value: Any) -> bool:
    return Path(str(value)).is_absolute()


def all_true(value: Any) -> bool:
    return all(value)


def any_true(value: Any) -> bool:
    return any(value)


ANSIBLE: Final[dict[str, Test]] = {
    "abs": is_abs,
    "all": all_true,
    "any": any_true,
    "change": changed,
    "changed": changed,
    "contains": contains,
    "directory": _on_disk(os.path.isdir),
    "exists": _on_disk(os.path.exists),
    "failed": failed,
    "failure": failed,
    "falsy": falsy,
    "file": _on_disk(os.path.isfile),
    "finished": finished,
    "is_abs": is_abs,
    "is_dir": _on_disk(os.path.isdir),
    "is_file": _on_disk(os.path.isfile),
    "is_link": _on_disk(os.path.islink),
    "is_mount": _on_disk(os.path.ismount),
    "is_same_file": same_file,
    "isnan": nan,
    "issubset": subset,
    "issuperset": superset,
    "link": _on_disk(os.path.islink),
    "link_exists": _on_disk(os.path.lexists),
    "match": match,
    "mount": _on_disk(os.path.ismount),
    "nan": nan,
    "reachable": reachable,
    "regex": regex,
    "same_file": same_file,
    "search": search,
    "skip": skipped,
    "skipped": skipped,
    "started": started,
    "subset": subset,
    "succeeded": succeeded,
    "success": succeeded,
    "successful": succeeded,
    "superset": superset,
    "timedout": timedout,
    "truthy": truthy,
    "unreachable": unreachable,
    "uri": uri,
    "url": url,
    "urn": urn,
    "vault_encrypted": vault_encrypted,
    "vaulted_file": vaulted_file,
    "version": version_compare,
    "version_compare": version_compare,
}

INTERNAL: Final[Mapping[str, Test]] = {"ansible._protomatter.tagged_with": tagged_with}
"""By full name alone, as in Ansible."""

TESTS: Final = table("test", JINJA, {**ANSIBLE, **INTERNAL}, frozenset({"defined", "undefined"}))
"""Name -> test; also as ansible.builtin.NAME."""
