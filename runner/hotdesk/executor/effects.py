"""What actions ask to be done to the run's own state. Only here is it done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import AddHost, GroupBy, IncludeVars, SetFacts, SetStats
from hotdesk.inventory.change import with_group, with_host
from hotdesk.inventory.vars_files import extend_vars_files

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hotdesk.executor.host import HostState
    from hotdesk.executor.item import Item
    from hotdesk.executor.run import Run
    from hotdesk.executor.scopes import Scopes
    from hotdesk.inventory.model import Inventory, VarsFiles
    from hotdesk.playbook.model import Task
    from hotdesk.results import Result
    from hotdesk.variables.scope import Scope


async def apply_effects(
    run: Run, scopes: Scopes, item: Item, state: HostState, task: Task, scope: Scope, shared: Sequence[HostState]
) -> Result:
    """Do what ``item`` asks for; gives its result back (add_host and group_by know only now whether they changed something).

    ``shared``: the hosts that facts are set on (all of the batch for run_once); with delegate_facts it is the delegate.
    """
    targets = [run.state(item.delegate)] if item.delegate and item.delegate_facts else list(shared)
    result = item.result
    if result.facts:
        for target in targets:
            target.gathered = target.gathered or task.action == GATHER
            await _learn(run, target, result.facts)
    for effect in item.effects:
        match effect:
            case SetFacts(facts, cacheable):
                for target in targets:
                    target.set_facts.update(facts)
                    if cacheable:
                        await _learn(run, target, facts)
            case IncludeVars(variables):
                for target in targets:
                    target.include_vars.update(variables)
            case SetStats(data, per_host, aggregate):
                _stats(run, [t.name for t in targets] if per_host else ["_run"], data, aggregate)
            case AddHost() | GroupBy():
                async with run.loading:
                    result = await _grown(run, scopes, state, effect, result, explicit=task.changed_when is not None)
    return result


GATHER = "ansible.builtin.gather_facts"
"""What ``gathering = smart`` does once for each host; setup as a task of its own does not count, as in Ansible."""


async def _learn(run: Run, host: HostState, facts: Mapping[str, Any]) -> None:
    host.learn(facts)
    if run.fact_cache is not None:
        await run.fact_cache.keep(host, facts)


async def _grown(
    run: Run, scopes: Scopes, state: HostState, effect: AddHost | GroupBy, result: Result, *, explicit: bool
) -> Result:
    before = run.inventory
    run.inventory = _with(before, effect, state.name)
    if run.inventory is before:
        return result if explicit else result.but(changed=False)
    run.grown.append((effect, state.name))
    groups, hosts = run.inventory.groups.keys() - before.groups.keys(), run.inventory.hosts.keys() - before.hosts.keys()
    if groups or hosts:
        await _vars_files(run, scopes, groups, hosts)
    scopes.inventory_changed()
    return result


def regrown(run: Run) -> None:
    """What ``add_host`` and ``group_by`` have added, again: the inventory was read anew."""
    for effect, host in run.grown:
        if isinstance(effect, AddHost) or host in run.inventory.hosts:
            run.inventory = _with(run.inventory, effect, host)


def _with(inventory: Inventory, effect: AddHost | GroupBy, host: str) -> Inventory:
    if isinstance(effect, AddHost):
        return with_host(inventory, effect.name, groups=effect.groups, variables=effect.variables)
    return with_group(inventory, effect.key, hosts=(host,), parents=effect.parents)


async def _vars_files(run: Run, scopes: Scopes, groups: Collection[str], hosts: Collection[str]) -> None:
    """group_vars and host_vars of names that are new, beside the inventory and beside the playbook."""
    merge = run.settings.hash_behaviour == "merge"

    async def more(files: Sequence[VarsFiles]) -> tuple[VarsFiles, ...]:
        return tuple(
            [await extend_vars_files(f, groups=groups, hosts=hosts, merge=merge, decrypt=run.decrypt) for f in files]
        )

    run.inventory = replace(run.inventory, vars_files=await more(run.inventory.vars_files))
    scopes.playbook_files = await more(scopes.playbook_files)


def _stats(run: Run, owners: list[str], data: Any, aggregate: bool) -> None:
    for owner in owners:
        stats = run.custom_stats.setdefault(owner, {})
        for name, value in data.items():
            old = stats.get(name)
            if aggregate and old is not None and type(old) is type(value):
                if isinstance(value, dict):
                    value = {**old, **value}
                elif isinstance(value, (int, float, list, str)):
                    value = old + value
            stats[name] = value
