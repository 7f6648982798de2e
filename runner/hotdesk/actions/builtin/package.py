"""ansible.builtin.package: packages, whatever the target's package manager is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import facts as gathering
from hotdesk.errors import TaskError
from hotdesk.source import Trusted

if TYPE_CHECKING:
    from hotdesk.results import Result


class Package(Action):
    """Install or remove packages with the module of the target's package manager."""

    name = "ansible.builtin.package"
    unchecked = True
    background = True
    DOCUMENTATION = """
short_description: Packages of the target's own package manager
description:
  - Hands everything but O(use) to the module of the package manager, which may have options of its own.
attributes:
  check_mode: {support: full, details: As the module below it.}
  diff_mode: {support: full, details: As the module below it.}
options:
  name: {description: The package or packages., type: raw, required: true}
  state: {description: "C(present), C(absent), or what else the module below knows.", type: str, required: true}
  use: {description: "The module to use; C(auto) looks at the fact C(pkg_mgr).", type: str, default: auto}
"""

    async def run(self, call: Call) -> Result:
        args = dict(call.args)
        use = str(args.pop("use", None) or "auto")
        if use == "auto" and "ansible_package_use" in call.variables:
            use = str(await call.render(call.variables["ansible_package_use"]) or "auto")
        if use == "auto":
            use = await fact(call, "pkg_mgr")
        if use in ("", "auto", "unknown"):
            raise TaskError('Could not detect a package manager. Try using the "use" option.', place=call.task.place)
        return await call.run_module(call, use, args)


async def fact(call: Call, name: str) -> str:
    """One of the facts that are always gathered: as it is known, or asked of the task's PC."""
    if call.machine.host == call.host:
        known = await call.render(Trusted("{{ ansible_facts." + name + " | default('') }}"))
        if known:
            return str(known)
    answer: dict[str, Any] = await ask(
        call, gathering, "gather", writes=False, subset=["!all", "!min", name], filters=[f"ansible_{name}"],
        timeout=float(call.settings.gather_timeout), fact_path="/etc/ansible/facts.d", env=dict(call.environment),
    )  # fmt: skip
    return str((answer.get("ansible_facts") or {}).get(f"ansible_{name}", ""))
