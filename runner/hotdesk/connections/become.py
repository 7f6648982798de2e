"""``become`` resolved: from keywords, rendered ``ansible_become_*`` variables and settings to an Escalation.

The variables win over the keywords (https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_privilege_escalation.html).
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from hotdesk.connections.base import Escalation, Secret
from hotdesk.errors import InventoryError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.settings import Settings

METHODS = {"sudo": "sudo", "ansible.builtin.sudo": "sudo", "su": "su", "ansible.builtin.su": "su"}
DEFAULT_FLAGS = {"sudo": ("-H",), "su": ()}
TRUE = {"yes", "true", "on", "1", "y", "t"}
FALSE = {"no", "false", "off", "0", "n", "f", ""}
CLUSTER = re.compile(r"-[HSnEPkK]+")


def escalation_for(
    variables: Mapping[str, Any],
    settings: Settings,
    *,
    enabled: bool | None = None,
    user: str | None = None,
    method: str | None = None,
    flags: str | None = None,
    exe: str | None = None,
    password: str | Secret | None = None,
) -> Escalation | None:
    """The Escalation for a task on a host, or None without ``become``.

    ``variables`` are rendered; the keyword-only arguments are the keywords of task, block or play (None: not given) and the password
    asked for on the command line. Raises InventoryError for a method that is not supported.
    """
    given = variables.get("ansible_become")
    wanted = _flag(given) if given is not None else (settings.become if enabled is None else enabled)
    if not wanted:
        return None
    name = str(variables.get("ansible_become_method") or method or settings.become_method)
    if name not in METHODS:
        raise InventoryError(
            f"become_method {name!r} is not supported",
            remedy=nearest(name, METHODS) or "hotdesk becomes with sudo or su.",
        )
    kind = METHODS[name]

    def variable(*tails: str) -> Any:
        """As in the plugins' lists: the method's own, older name wins over the general one."""
        found = None
        for tail in tails:
            for key in (f"ansible_become_{tail}", f"ansible_{kind}_{tail}"):
                value = variables.get(key)
                found = value if value is not None else found
        return found

    words = variable("flags")
    words = words if words is not None else flags if flags is not None else settings.become_flags
    secret = variable("password", "pass")
    secret = secret if secret is not None and secret != "" else password
    return Escalation(
        user=str(variable("user") or user or settings.become_user),
        method=kind,
        exe=str(variable("exe") or exe or kind),
        flags=DEFAULT_FLAGS[kind] if words is None else _flags(str(words)),
        password=secret if secret is None or isinstance(secret, Secret) else Secret(str(secret)),
    )


def _flag(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in TRUE | FALSE:
        raise InventoryError(f"ansible_become is {value!r}", remedy="Use true or false.")
    return text in TRUE


def _flags(text: str) -> tuple[str, ...]:
    """The flags without sudo's -n and -S: whether a password is sent is decided by whether there is one."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise InventoryError(f"become_flags {text!r}: {exc}") from None
    kept: list[str] = []
    for word in words:
        if word in {"--non-interactive", "--stdin"}:
            continue
        if CLUSTER.fullmatch(word):
            word = word.replace("n", "").replace("S", "")
        if word != "-":
            kept.append(word)
    return tuple(kept)
