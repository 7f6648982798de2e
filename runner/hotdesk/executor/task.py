"""A task on one host: its loop, its one final result, what is registered and what is told."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.errors import HotdeskError, TaskError, UndefinedError
from hotdesk.executor import values
from hotdesk.executor.attempt import error_result
from hotdesk.executor.effects import apply_effects
from hotdesk.executor.item import Include, Item, Work, censored
from hotdesk.results import Result
from hotdesk.source import Trusted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.executor.host import HostState
    from hotdesk.executor.run import Run
    from hotdesk.executor.scopes import Scopes
    from hotdesk.playbook.model import Loop, Task
    from hotdesk.variables.scope import Scope

_QUERY = Trusted("{{ query(hotdesk_lookup_name_, *hotdesk_lookup_terms_) }}")
CENSORED_LABEL = "(censored due to no_log)"


@dataclass(slots=True)
class Finished:
    """What a task came to on a host."""

    result: Result
    items: list[Item] = field(default_factory=list)
    looped: bool = False
    duration: float = 0.0
    registered_items: list[dict[str, Any]] | None = None
    """What ``register:`` keeps of a loop's items, made as they finished: all of many at the end would hold the event loop."""

    def registered(self) -> dict[str, Any]:
        """The dict that ``register:`` stores."""
        if self.registered_items is None:
            return self.result.registered()
        return {**self.result.but(items=None).registered(), "results": self.registered_items}

    @property
    def includes(self) -> list[Include]:
        return [item.include for item in self.items if item.include is not None and not item.result.failed]

    @property
    def notified(self) -> list[str]:
        return [name for item in self.items for name in item.notify]

    @property
    def no_log(self) -> bool:
        return any(item.no_log for item in self.items)

    @property
    def ignored(self) -> bool:
        bad = [item for item in self.items if item.result.failed]
        return bool(bad) and all(item.ignore_errors for item in bad)

    @property
    def unreachable_ignored(self) -> bool:
        gone = [item for item in self.items if item.result.unreachable]
        return bool(gone) and all(item.ignore_unreachable for item in gone)

    @property
    def shown(self) -> Result:
        """For events: without a diff that nobody asked for (a module may give one all the same; it is registered)."""
        shown = censored(self.result) if self.no_log else self.result
        return shown if any(item.diff for item in self.items) else shown.but(diff=())


async def run_task(
    run: Run,
    scopes: Scopes,
    state: HostState,
    task: Task,
    *,
    scope: Scope | None = None,
    shared: Sequence[HostState] = (),
) -> Finished:
    """Do ``task`` on ``state``'s host within the limits of forks and throttle. ``shared``: the hosts that its facts are for too."""
    scope = scope or scopes.for_task(state, task)
    began = time.monotonic()
    async with AsyncExitStack() as limits:
        if (throttle := await _throttle(run, task, scope)) is not None:
            await limits.enter_async_context(throttle)
        await limits.enter_async_context(run.forks)
        run.emit(ev.HostStarted(task=task.id, host=state.name))
        finished = await _Looping(run, scopes, state, task, scope, shared or (state,)).do()
    finished.duration = time.monotonic() - began
    return finished


async def _throttle(run: Run, task: Task, scope: Scope) -> asyncio.Semaphore | None:
    if not task.throttle:
        return None
    try:
        most = int(await run.templates.render(task.throttle, scope) or 0)
    except (HotdeskError, TypeError, ValueError) as exc:
        said = exc.message if isinstance(exc, HotdeskError) else exc
        raise TaskError(f"Failed to convert the throttle value to an integer: {said}", place=task.place) from None
    return run.throttles.setdefault((task.id, most), asyncio.Semaphore(most)) if most > 0 else None


@dataclass(slots=True)
class _Looping:
    run: Run
    scopes: Scopes
    state: HostState
    task: Task
    scope: Scope
    shared: Sequence[HostState]

    async def do(self) -> Finished:
        if self.task.loop is None:
            item = await self._item({})
            return Finished(self._with_include(item), [item])
        try:
            terms = await loop_terms(self.run, self.task.loop, self.scope)
        except HotdeskError as exc:
            return await self._without_terms(exc)
        try:
            return await self._each(terms, self.task.loop)
        except Exception as exc:
            return self._failed(exc)

    def _failed(self, exc: Exception) -> Finished:
        item = Item(error_result(exc, what=self.task.action), no_log=self.task.no_log is not False)
        item.ignore_errors = self.task.ignore_errors is True
        return Finished(item.result, [item])

    async def _without_terms(self, problem: HotdeskError) -> Finished:
        """The loop cannot be evaluated: that matters only if ``when``, which may say why, lets the task run."""
        work = Work(self.run, self.scopes, self.state, self.task, self.scope, {})
        try:
            false = await values.holds(self.run.templates, self.task.when, self.scope, self.task.place, "when")
        except Exception:
            false = None
        if false is not None:
            item = await work.do()
            return Finished(item.result, [item])
        finished = self._failed(problem)
        with suppress(HotdeskError):
            finished.items[0].ignore_errors = await values.flag(
                self.run.templates, self.task.ignore_errors, self.scope, "ignore_errors"
            )
        return finished

    async def _each(self, terms: list[Any], loop: Loop) -> Finished:
        templates = self.run.templates
        loop_var = await values.text(templates, loop.loop_var, self.scope) or "item"
        index_var = await values.text(templates, loop.index_var, self.scope)
        pause = await values.number(templates, loop.pause, self.scope, "pause", default=0.0) or 0.0
        extended = await values.flag(templates, loop.extended, self.scope, "extended")
        all_items = await values.flag(templates, loop.extended_allitems, self.scope, "extended_allitems", default=True)
        if loop_var in self.scope:
            self.run.warn(
                f"The loop variable {loop_var!r} is already in use. Set the `loop_var` value in the `loop_control` option to something else.",
                host=self.state.name, place=loop.place,
            )  # fmt: skip
        items: list[Item] = []
        registered: list[dict[str, Any]] = []
        carried: dict[str, Any] = {}
        for index, term in enumerate(terms):
            if index and pause:
                await asyncio.sleep(pause)
            own: dict[str, Any] = {loop_var: term, "ansible_loop_var": loop_var}
            if index_var:
                own |= {index_var: index, "ansible_index_var": index_var}
            if extended:
                own["ansible_loop"] = loop_facts(terms, index, all_items=all_items)
            extra = {**carried, **own}
            item = await self._item(extra)
            item.result = item.result.but(data={**item.result.data, **own})
            items.append(item)
            if self.task.register:
                carried[self.task.register] = item.result.registered()
            after = self.scope.with_({**extra, **carried})
            label = await self._label(loop, loop_var, item, after)
            self._tell(item, label)
            if self.task.register:
                registered.append(item.result.registered())
            if item.include is not None:
                item.include = Include(item.include.args, own, "" if item.no_log else label)
            if (
                loop.break_when
                and await values.holds(templates, loop.break_when, after, loop.place, "break_when") is None
            ):
                break
        result = merged([item.result for item in items])
        return Finished(result, items, looped=True, registered_items=registered if self.task.register else None)

    async def _item(self, extra: Mapping[str, Any]) -> Item:
        scope = self.scope.with_(extra) if extra else self.scope
        item = await Work(self.run, self.scopes, self.state, self.task, scope, extra).do()
        if not item.result.failed and not item.result.unreachable and (item.effects or item.result.facts):
            item.result = await apply_effects(self.run, self.scopes, item, self.state, self.task, scope, self.shared)
            # What the task's own later items see must not come from the memo of the scope before.
            self.scope = self.scopes.for_task(self.state, self.task)
        return item

    def _with_include(self, item: Item) -> Result:
        return item.result

    async def _label(self, loop: Loop, loop_var: str, item: Item, scope: Scope) -> str:
        if item.no_log:
            return CENSORED_LABEL
        if not loop.label:  # an empty text is none
            return label_of(scope[loop_var])
        try:
            return label_of(await self.run.templates.render(loop.label, scope))
        except UndefinedError as exc:
            data = {**item.result.data, "msg": f"Failed to template loop_control.label: {exc.message}"}
            item.result = item.result.but(failed=True, data=data)
            return ""

    def _tell(self, item: Item, label: str) -> None:
        if item.include is not None and not item.result.failed and not item.result.skipped:
            return  # events.Included says it
        result = censored(item.result) if item.no_log else item.result
        result = result if item.diff else result.but(diff=())
        self.run.emit(
            ev.ItemFinished(
                task=self.task.id, host=self.state.name, label=label, result=result, delegate=item.delegate, ignored=item.ignore_errors
            )
        )  # fmt: skip


async def loop_terms(run: Run, loop: Loop, scope: Scope) -> list[Any]:
    """The items of a loop. Raises TaskError for a ``loop`` that is no list, and what rendering raises."""
    terms = await run.templates.render(loop.terms, scope, place=loop.place)
    if not loop.lookup:
        if not isinstance(terms, list):
            raise TaskError(f"'loop' must give a list, not {terms!r}", place=loop.place)
        return terms
    terms = terms if isinstance(terms, list) else [terms]
    extra = {"hotdesk_lookup_name_": str(loop.lookup), "hotdesk_lookup_terms_": terms}
    found = await run.templates.render(_QUERY, scope.with_(extra), place=loop.place)
    return found if isinstance(found, list) else [found]


def loop_facts(terms: Sequence[Any], index: int, *, all_items: bool) -> dict[str, Any]:
    """``ansible_loop`` of loop_control's ``extended``."""
    length = len(terms)
    facts: dict[str, Any] = {
        "index": index + 1, "index0": index, "first": index == 0, "last": index + 1 == length, "length": length,
        "revindex": length - index, "revindex0": length - index - 1,
    }  # fmt: skip
    if all_items:
        facts["allitems"] = list(terms)
    if index + 1 < length:
        facts["nextitem"] = terms[index + 1]
    if index:
        facts["previtem"] = terms[index - 1]
    return facts


def merged(results: Sequence[Result]) -> Result:
    """One result of all items."""
    if not results:
        return Result(skipped=True, data={"skipped_reason": "No items in the list"}, items=())
    failed = any(result.failed for result in results)
    skipped = all(result.skipped for result in results)
    msg = "One or more items failed" if failed else "All items skipped" if skipped else "All items completed"
    return Result(
        changed=any(result.changed for result in results),
        failed=failed,
        skipped=skipped,
        unreachable=any(result.unreachable for result in results),
        data={"msg": msg, "skipped": skipped},
        warnings=tuple(dict.fromkeys(text for result in results for text in result.warnings)),
        items=tuple(results),
    )


def label_of(value: Any) -> str:
    """An item as its line shows it."""
    return value if isinstance(value, str) else str(value)
