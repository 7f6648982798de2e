"""ansible.builtin.dnf: packages of Fedora and its relatives, with the module of the dnf that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.package import fact
from hotdesk.errors import ArgumentError, TaskError

if TYPE_CHECKING:
    from hotdesk.results import Result

BACKENDS = {"yum4": "dnf", "dnf4": "dnf", "dnf": "dnf", "dnf5": "dnf5"}


class Dnf(Action):
    """Packages with dnf 4 or 5."""

    name = "ansible.builtin.dnf"
    unchecked = True
    background = True
    DOCUMENTATION = """
short_description: Packages of dnf
description:
  - Hands everything but O(use_backend) to the module for dnf 4 or dnf 5, which has the options of C(ansible-doc dnf).
attributes:
  check_mode: {support: full, details: As the module below it.}
  diff_mode: {support: full, details: As the module below it.}
options:
  name: {description: The packages., type: list, elements: str, aliases: [pkg]}
  state: {description: What they shall be., type: str, choices: [absent, present, installed, removed, latest]}
  use_backend: {description: "C(auto) looks at the fact C(pkg_mgr).", type: str, default: auto, aliases: [use]}
"""

    async def run(self, call: Call) -> Result:
        args = dict(call.args)
        if {"use", "use_backend"} <= args.keys():
            raise ArgumentError("parameters are mutually exclusive: ('use', 'use_backend')", place=call.task.place)
        use = str(args.pop("use", None) or args.pop("use_backend", None) or "auto")
        if use in ("auto", "yum"):
            use = await fact(call, "pkg_mgr")
        if use not in BACKENDS:
            raise TaskError(
                "Could not detect which major revision of dnf is in use, which is required to determine module backend.",
                place=call.task.place, remedy="Say use_backend: dnf4 or dnf5.")  # fmt: skip
        return await call.run_module(call, BACKENDS[use], args)
