"""One item of a task on one host: when, delegate, arguments, tries, changed_when and failed_when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.actions.base import ARGUMENTS_FROM, Call, Outcome, SetFacts
from hotdesk.actions.groups import defaults_of
from hotdesk.errors import ArgumentError, PlaybookError, TaskError, UndefinedError
from hotdesk.executor import values
from hotdesk.executor.asynchronous import in_background, limit_of
from hotdesk.executor.attempt import Doing, call_action, error_result, with_invocation
from hotdesk.executor.other_modules import run_module
from hotdesk.executor.run import Working
from hotdesk.playbook.actions import FREE_FORM, RAW, VARIABLE, unknown_action
from hotdesk.playbook.keywords import is_template
from hotdesk.results import EMPTY, Result, failure
from hotdesk.source import Map, Trusted, place_of
from hotdesk.variables.lazy import Lazy
from hotdesk.variables.scope import VarsView
from hotdesk.variables.trust import OMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.actions.base import Action, Effect
    from hotdesk.executor.host import HostState
    from hotdesk.executor.run import Run
    from hotdesk.executor.scopes import Scopes
    from hotdesk.playbook.model import Raw, Task
    from hotdesk.variables.scope import Scope
    from hotdesk.variables.templates import Templates

GATHERING = frozenset({"ansible.builtin.setup", "ansible.builtin.gather_facts"})
NO_TRACEBACK = "(traceback unavailable)"
"""Under Ansible's key for why a task failed; the traceback itself is for the log."""
LONGEST = 100_000_000
"""Seconds of ``timeout``, as in Ansible."""
INCLUDES = frozenset({"ansible.builtin.include_tasks", "ansible.builtin.include_role"})


@dataclass(frozen=True, slots=True)
class Include:
    """A dynamic include that a task asks for: its arguments, and the loop item's variables."""

    args: Mapping[str, Any]
    variables: Mapping[str, Any] = EMPTY
    label: str = ""


@dataclass(slots=True)
class Item:
    """What became of one item."""

    result: Result
    effects: tuple[Effect, ...] = ()
    notify: tuple[str, ...] = ()
    delegate: str = ""
    delegate_facts: bool = False
    include: Include | None = None
    no_log: bool = False
    diff: bool = False
    ignore_errors: bool = False
    ignore_unreachable: bool = False


@dataclass(slots=True)
class Work:
    """One item of a task on a host, step by step."""

    run: Run
    scopes: Scopes
    state: HostState
    task: Task
    scope: Scope
    extra: Mapping[str, Any]
    """What the loop adds to the scope."""
    delegate_scope: Scope | None = None
    item: Item = field(default_factory=lambda: Item(Result()))

    async def do(self) -> Item:
        """All of it. Only CancelledError comes out."""
        try:
            await self._prepare()
            if (false := await self._false_condition()) is not None:
                self.item.result = skipped(false)
                return self.item
            if is_template(self.task.action):
                self.task = await named_action(self.run, self.task, self.scope)
            if self.task.action in INCLUDES:
                self.item.include = Include(await self._arguments(None))
            else:
                await self._tries()
        except Exception as exc:
            self.item.result = error_result(exc, what=self.task.action)
        return self.item

    async def inspection_call(self, action: Action, doing: Doing) -> Call | None:
        """The call of this item as preflight makes it; None when ``when`` does not hold. Raises HotdeskError."""
        await self._prepare()
        if await self._false_condition() is not None:
            return None
        args, given = self.run.check_arguments(action, await self._arguments(action), place=self.task.place)
        return await self._call(action, args, given, True, doing)

    async def _prepare(self) -> None:
        task, templates, scope = self.task, self.run.templates, self.scope
        try:
            self.item.no_log = await values.flag(templates, task.no_log, scope, "no_log") or self.run.settings.no_log
        except Exception:
            self.item.no_log = True  # when in doubt, nothing is shown
            raise
        self.item.ignore_errors = await values.flag(templates, task.ignore_errors, scope, "ignore_errors")
        self.item.ignore_unreachable = await values.flag(
            templates, task.ignore_unreachable, scope, "ignore_unreachable"
        )
        self.item.diff = await values.flag(templates, task.diff, scope, "diff", default=self.run.settings.diff)
        if task.delegate_to is not None and (name := await delegate_of(templates, task.delegate_to, scope)):
            self._delegate(name)
            self.item.delegate_facts = await values.flag(templates, task.delegate_facts, scope, "delegate_facts")

    def _delegate(self, name: str) -> None:
        there = self.scopes.for_task(self.run.state(name), self.task, self.extra or None)
        other = there.with_({"inventory_hostname": self.state.name})  # the task's host, also there: as in Ansible
        self.item.delegate, self.delegate_scope = name, other
        mine: dict[str, Any] = {"ansible_delegated_vars": Lazy(lambda: {name: VarsView(other)})}
        if (
            self.scope.raw("ansible_host") is self.state.name
        ):  # nobody has given it: it is the address of the connection
            mine["ansible_host"] = Lazy(lambda: other["ansible_host"])
        self.scope = self.scope.with_(mine)

    async def _false_condition(self) -> Raw | None:
        return await values.holds(self.run.templates, self.task.when, self.scope, self.task.place, "when")

    async def _arguments(self, action: Action | None) -> Mapping[str, Any]:
        """The task's arguments under its module defaults; rendered unless the action does that itself."""
        given = self.task.args
        if isinstance(given, Trusted):
            given = await self._mapping(given, action)
        elif VARIABLE in given:
            weaker = await self._mapping(given[VARIABLE], action)
            stronger = {name: value for name, value in given.items() if name != VARIABLE}
            given = Map({**weaker, **stronger}, getattr(given, "place", None))
        defaults: Any
        for defaults in reversed(
            defaults_of(self.task, self.run.actions.groups.members) if self.task.module_defaults else ()
        ):
            known = await self._mapping(defaults, action) if isinstance(defaults, str) else defaults
            given = Map({**known, **given}, getattr(given, "place", None))
        if action is not None and action.raw_args:
            return given
        if action is None and "apply" in given:
            rest = {key: value for key, value in given.items() if key != "apply"}
            return {**await self.run.templates.render(rest, self.scope), "apply": given["apply"]}
        rendered: Mapping[str, Any] = await self.run.templates.render(given, self.scope, place=self.task.place)
        return rendered

    async def _mapping(self, template: Raw, action: Action | None) -> Mapping[str, Any]:
        """Arguments that are one template: data, in which no template is rendered again; for an action that renders by itself what
        the user wrote stays as it was written. Raises ArgumentError.
        """
        given = await self.run.templates.render(template, self.scope, place=self.task.place)
        if not isinstance(given, dict):
            raise ArgumentError(f"the arguments must be a mapping, not {given!r}", place=self.task.place)
        if action is not None and action.raw_args:
            written = await self.run.templates.contained(template, self.scope)
            given = {name: written.get(name, value) for name, value in given.items()}
        return given

    async def _tries(self) -> None:
        task, templates = self.task, self.run.templates
        action = self.run.load_action(task.action)
        retries = await values.number(templates, task.retries, self.scope, "retries")
        total = 1 + (max(0, int(retries)) if retries is not None else 3 if task.until else 0)
        delay = await values.number(templates, task.delay, self.scope, "delay", default=5.0) or 0.0
        for attempt in range(1, total + 1):
            outcome = await self._once(action)
            result = outcome.result
            if total > 1:
                result = result.but(data={**result.data, "attempts": attempt})
            result, scope = await self._judge(result, outcome)
            self.item.result, self.item.effects = result, outcome.effects
            if result.unreachable or total == 1 or await self._enough(result, scope):
                break
            if attempt < total:
                shown = result.but(data={**result.data, "retries": total})
                self.run.emit(
                    ev.Retrying(
                        task=task.id, host=self.state.name, attempts=attempt, left=total - attempt,
                        result=censored(shown) if self.item.no_log else shown,
                    )
                )  # fmt: skip
                await asyncio.sleep(delay if delay >= 0 else 1.0)
        else:
            last = self.item.result
            said_no = bool(task.failed_when) and last.data.get("failed_when_result") is False  # it has the last word
            self.item.result = last.but(failed=not said_no, data={**last.data, "attempts": total - 1, "retries": total})
        if self.item.result.changed and task.notify:
            await self._notify()

    async def _once(self, action: Action) -> Outcome:
        settings, doing = self.run.settings, Doing()
        try:
            check = await values.flag(
                self.run.templates, self.task.check_mode, self.scope, "check_mode", default=settings.check
            )
            raw = await self._arguments(action)
            args, given = self.run.check_arguments(action, raw, place=self.task.place)
            if check and action.check_mode == "none":
                return Outcome(Result(skipped=True, data={"msg": f"{self.task.written} does not support check mode"}))
            call = await self._call(action, args, given, check, doing)
            there = self.delegate_scope or self.scope
            call = await in_background(self.run.templates, self.task, action, call, self.scope, there)
            limit = await self._limit()
        except Exception as exc:
            return Outcome(error_result(exc, what=action.name))
        outcome = await call_action(
            self.run, action, call, limit=limit, doing=doing, stop=lambda: self._stop(call.machine.mark)
        )
        return with_invocation(outcome, action, args) if settings.verbosity >= ARGUMENTS_FROM else outcome

    async def _limit(self) -> float:
        limit = await limit_of(self.run.templates, self.task, self.scope)
        if limit is not None and not 0 <= limit <= LONGEST:
            raise TaskError(
                f"Timeout {limit:.12g} is invalid: it must be from 0 to {LONGEST} seconds", place=self.task.place
            )
        return limit or self.run.settings.task_timeout

    async def _call(
        self, action: Action, args: Mapping[str, Any], given: frozenset[str], check: bool, doing: Doing
    ) -> Call:
        run, task, templates = self.run, self.task, self.run.templates
        scope, where = self.scope, self.item.delegate or self.state.name
        reach = self.delegate_scope or scope
        environment = await fact_environment(run, task, scope) if task.environment else {}
        working = Working(
            mark=f"{task.id}@{self.state.name}", for_host=self.state.name, check=check, emit=doing.watch(run.emit),
            environment=environment, no_log=self.item.no_log,
            stall_timeout=float(await templates.value(scope, "hotdesk_stall_timeout", run.settings.stall_timeout)),
            become=await self._become(reach),
        )  # fmt: skip
        control = await run.machines.control(task, working)
        machine = await run.machines.machine(where, reach, task, working) if action.needs_machine else control

        async def machine_for(name: str) -> Any:
            other = self.scopes.for_task(run.state(name), task, self.extra or None)
            return await run.machines.machine(name, other, task, replace(working, become=await self._become(other)))

        async def way_to(name: str) -> Any:
            return await run.machines.way(name, self.scopes.for_task(run.state(name), task, self.extra or None), task)

        async def wait_for_connection(timeout: float, connect_timeout: float) -> None:
            await run.machines.wait(where, reach, task, timeout, connect_timeout)

        async def render(value: Any, extra: Mapping[str, Any] = EMPTY) -> Any:
            return await templates.render(value, scope.with_(extra) if extra else scope)

        async def render_file(text: str, path: str, extra: Mapping[str, Any] = EMPTY, **options: Any) -> str:
            return await templates.render_file(text, path, scope, extra=extra or None, search=task.search, **options)

        async def condition(raw: Any) -> bool:
            return await templates.condition(raw, scope, place=task.place, what="that")

        return Call(
            task=task, host=self.state.name, args=args, given=given, machine=machine, control=control, check=check, diff=self.item.diff,
            variables=scope, render=render, render_file=render_file, condition=condition, search=task.search, settings=run.settings,
            contained=lambda raw: templates.contained(raw, scope), inventory=run.inventory, prompt=run.prompt, transfers=run.jobs,
            become=working.become, environment=environment,
            wait_for_connection=wait_for_connection, machine_for=machine_for, way_to=way_to, decrypt=run.decrypt,
            run_module=partial(run_module, run, scope), has_module=lambda name: run.actions.module(name, task.collections) is not None,
            emit_note=lambda text: run.emit(ev.Noted(text=text, host=self.state.name)),
        )  # fmt: skip

    async def _become(self, scope: Scope) -> bool:
        run, own, default = self.run, self.task.become.enabled, self.run.settings.become
        if "ansible_become" in scope:
            own, default = await run.templates.value(scope, "ansible_become"), False
        return await values.flag(run.templates, own, scope, "become", default=default)

    async def _stop(self, mark: str) -> None:
        where = self.item.delegate or self.state.name
        await self.run.machines.stop(where, self.delegate_scope or self.scope, self.task, mark)

    async def _judge(self, result: Result, outcome: Outcome) -> tuple[Result, Scope]:
        """changed_when and failed_when, which see the result under its registered name."""
        task, templates = self.task, self.run.templates
        if result.skipped or result.unreachable or not (task.changed_when or task.failed_when or task.until):
            return result, self.scope
        seen, judging = self._seen(result, outcome), "changed_when"
        try:
            if task.changed_when:
                false = await values.holds(templates, task.changed_when, seen, task.place, "changed_when")
                result = result.but(changed=false is None)
                seen = self._seen(result, outcome)
            judging = "failed_when"
            if task.failed_when:
                failed = await values.holds(templates, task.failed_when, seen, task.place, "failed_when") is None
                said: dict[str, Any] = {"failed_when_result": failed}
                if result.failed and not failed:
                    said["failed_when_suppressed_exception"] = NO_TRACEBACK
                result = result.but(failed=failed, data={**result.data, **said})
                seen = self._seen(result, outcome)
        except Exception as exc:
            problem = error_result(exc, what=task.action)
            said = {"msg": problem.message, f"{judging}_result": problem.message}
            result = result.but(failed=True, data={**result.data, **said})
        return result, seen

    def _seen(self, result: Result, outcome: Outcome) -> Scope:
        extra: dict[str, Any] = {}
        for effect in outcome.effects:
            if isinstance(effect, SetFacts):
                extra |= effect.facts
        if result.facts:
            extra |= {name: value for name, value in result.facts.items() if name.startswith("ansible_")}
        if self.task.register:
            extra[self.task.register] = result.registered()
        return self.scope.with_(extra) if extra else self.scope

    async def _enough(self, result: Result, scope: Scope) -> bool:
        if not self.task.until:
            return not result.failed
        return await values.holds(self.run.templates, self.task.until, scope, self.task.place, "until") is None

    async def _notify(self) -> None:
        names: list[str] = []
        for raw in self.task.notify:
            value = await self.run.templates.render(raw, self.scope)
            names += [str(name) for name in (value if isinstance(value, list) else [value])]
        self.item.notify = tuple(names)


async def delegate_of(templates: Templates, raw: Raw, scope: Scope) -> str:
    """The host that a task is delegated to; empty when it is omitted. Raises TaskError for an empty name."""
    value = await templates.render(raw, scope)
    if value is OMIT:
        return ""
    if value in (None, ""):
        raise TaskError(
            "delegate_to gives no name: an empty text is no host", place=place_of(raw), remedy="Use omit for none."
        )
    return str(value)


async def fact_environment(run: Run, task: Task, scope: Scope) -> dict[str, str]:
    """``environment`` of a task. For one that gathers facts it may use facts that are not known yet: then it is left out."""
    if task.action not in GATHERING:
        return await values.environment(run.templates, task.environment, scope)
    merged: dict[str, str] = {}
    for layer in task.environment:
        for part in ({name: value} for name, value in layer.items()) if isinstance(layer, dict) else (layer,):
            try:
                merged |= await values.environment(run.templates, (part,), scope)
            except UndefinedError as exc:
                if "ansible_env" not in exc.message:
                    raise
    return merged


async def named_action(run: Run, task: Task, scope: Scope) -> Task:
    """``task`` with the name that its action's template gives. Raises PlaybookError for what no task may name that way."""
    name = await values.text(run.templates, task.action, scope)
    fqcn = run.actions.resolve(name, task.collections)
    if fqcn is None:
        raise unknown_action(name, run.actions, task.place)
    if reason := run.actions.refusal(fqcn):
        raise PlaybookError(reason, place=task.place)
    if run.actions.control(fqcn):
        raise PlaybookError(f"{name} must be written as it is: a template cannot name it", place=task.place)
    args = task.args
    if isinstance(args, dict) and fqcn not in FREE_FORM and is_template(args.get(RAW)):
        args = Map({VARIABLE if name == RAW else name: value for name, value in args.items()}, task.place)
    return replace(task, action=fqcn, written=name, args=args)


def skipped(condition: Raw) -> Result:
    """The result of a task whose ``when`` does not hold."""
    as_text = str.__str__ if isinstance(condition, str) else repr
    shown = condition if isinstance(condition, bool) else as_text(condition)
    return Result(skipped=True, data={"skip_reason": "Conditional result was False", "false_condition": shown})


CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
_KEPT = ("attempts", "retries", "ansible_loop_var", "ansible_index_var")


def censored(result: Result) -> Result:
    """What a ``no_log`` result may show."""
    data = {name: result.data[name] for name in _KEPT if name in result.data}
    items = tuple(censored(item) for item in result.items) if result.items is not None else None
    return result.but(data={"censored": CENSORED, **data}, facts=EMPTY, diff=(), warnings=(), items=items)


__all__ = ["CENSORED", "INCLUDES", "Include", "Item", "Work", "censored", "failure", "skipped"]
