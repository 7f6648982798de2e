"""Gathering facts: which groups of them are wanted, one after the other (ansible.builtin.setup)."""

from __future__ import annotations

import os

from hotdesk.actions.on_target.facts_hardware import (
    device_facts,
    firmware_facts,
    load_facts,
    memory_facts,
    mount_facts,
    processor_facts,
    virtual_facts,
)
from hotdesk.actions.on_target.facts_network import network_facts
from hotdesk.actions.on_target.facts_system import (
    chroot_facts,
    cmdline_facts,
    distribution_facts,
    dns_facts,
    local_facts,
    lsb_facts,
    pkg_mgr_facts,
    platform_facts,
    python_facts,
    security_facts,
    selinux_facts,
    service_mgr_facts,
    ssh_key_facts,
    time_facts,
    user_facts,
)
from hotdesk.actions.on_target.refusal import Refused, answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping, Sequence

MINIMAL = ("apparmor", "caps", "cmdline", "date_time", "distribution", "dns", "env", "fips", "local", "lsb", "pkg_mgr",
           "platform", "python", "selinux", "service_mgr", "ssh_pub_keys", "user")  # fmt: skip
OTHERS = (
    "chroot",
    "facter",
    "fibre_channel_wwn",
    "hardware",
    "iscsi",
    "loadavg",
    "network",
    "nvme",
    "ohai",
    "systemd",
    "virtual",
)
ALIASES = {
    "architecture": "platform", "kernel": "platform", "kernel_version": "platform", "machine": "platform", "machine_id": "platform",
    "system": "platform", "os_family": "distribution", "distribution_version": "distribution",
    "distribution_release": "distribution", "distribution_major_version": "distribution", "devices": "hardware",
    "dmi": "hardware", "processor": "hardware", "processor_cores": "hardware", "processor_count": "hardware", "mounts": "hardware",
    "memory": "hardware", "swap": "hardware", "uptime": "hardware", "interfaces": "network", "default_ipv4": "network",
    "default_ipv6": "network", "all_ipv4_addresses": "network", "all_ipv6_addresses": "network",
    "virtualization_type": "virtual", "virtualization_role": "virtual", "user_id": "user", "is_chroot": "chroot",
}  # fmt: skip
"""Names of single facts that Ansible takes for the group they are in."""


def chosen(subset: Sequence[str]) -> list[str]:
    """The groups that a ``gather_subset`` asks for. Raises Refused naming the groups there are."""
    every = MINIMAL + OTHERS
    wanted: set[str] = set()
    added: set[str] = set()
    excluded: set[str] = set()
    for word in subset:
        name = word[1:] if word.startswith("!") else word
        groups = {"all": set(every), "min": set(MINIMAL)}.get(name) or {ALIASES.get(name, name)}
        if not groups <= set(every):
            allowed = ", ".join(sorted(every + ("all", "min")))
            raise Refused("Bad subset '%s' given to Ansible. gather_subset options allowed: %s" % (word, allowed))
        if not word.startswith("!"):
            wanted |= groups
            added |= set() if name in ("all", "min") else groups
        elif name == "all":
            excluded |= set(every) - set(MINIMAL)
        else:
            excluded |= groups
    wanted = wanted or set(every)
    if "!min" not in subset:
        wanted |= set(MINIMAL)
    return [name for name in every if name in wanted - (excluded - added)]


@answers
def gather(
    subset: Sequence[str] = ("all",),
    filters: Sequence[str] = (),
    timeout: float = 10.0,
    fact_path: str = "/etc/ansible/facts.d",
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """``{"ansible_facts": {"ansible_NAME": value}}`` of the groups asked for. One group that fails costs its own facts only.

    ``filters`` are globs over names, with or without ``ansible_``; ``timeout`` (seconds) bounds what may hang.
    """
    sources: dict[str, Callable[[], dict[str, Any]]] = {
        "apparmor": security_facts,
        "cmdline": cmdline_facts,
        "date_time": time_facts,
        "distribution": distribution_facts,
        "dns": dns_facts,
        "env": lambda: {"env": dict(os.environ, **(env or {}))},
        "local": lambda: local_facts(fact_path),
        "lsb": lsb_facts,
        "pkg_mgr": pkg_mgr_facts,
        "platform": platform_facts,
        "python": python_facts,
        "selinux": selinux_facts,
        "service_mgr": service_mgr_facts,
        "ssh_pub_keys": ssh_key_facts,
        "user": user_facts,
        "chroot": chroot_facts,
        "hardware": lambda: hardware_facts(timeout),
        "loadavg": load_facts,
        "network": network_facts,
        "virtual": virtual_facts,
    }
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for name in chosen(list(subset)):
        try:
            found.update(sources[name]() if name in sources else {})
        except Exception as exc:  # a strange machine must not cost the play all its facts
            warnings.append("could not gather the %s facts: %s: %s" % (name, type(exc).__name__, exc))
    facts = {"ansible_" + name: value for name, value in found.items()}
    globs = [glob for glob in filters if glob]
    if globs:
        facts = {name: value for name, value in facts.items() if any(_named(name, glob) for glob in globs)}
    else:
        facts.update(gather_subset=list(subset), module_setup=True)
    return {"ansible_facts": facts, "warnings": warnings}


def _named(name: str, glob: str) -> bool:
    from fnmatch import fnmatch

    return fnmatch(name, glob) or fnmatch(name[len("ansible_") :], glob)


def hardware_facts(timeout: float) -> dict[str, Any]:
    """Memory, processors, firmware, disks and file systems."""
    facts: dict[str, Any] = {}
    for part in (memory_facts, processor_facts, firmware_facts, device_facts, load_facts):
        facts.update(part())
    facts.update(mount_facts(timeout))
    return facts
