"""What a run is made of: inventory, playbooks and connections, loaded and checked before any host is touched."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.actions.arguments import check
from hotdesk.actions.collections import Collections
from hotdesk.actions.module_files import ModuleFiles
from hotdesk.actions.registry import ActionNames
from hotdesk.aio import in_thread
from hotdesk.collector import collector_paused
from hotdesk.connections.pool import Pool
from hotdesk.errors import InputError, InventoryError, PlaybookError, TemplateError, UndefinedError, nearest
from hotdesk.executor.extra_vars import extra_variables
from hotdesk.executor.fact_cache import fact_cache
from hotdesk.executor.handlers import flat
from hotdesk.executor.job_order import check_order
from hotdesk.executor.machines import PoolMachines
from hotdesk.executor.run import PlayOptions, Run, with_settings
from hotdesk.executor.scopes import LOCALHOST, Scopes
from hotdesk.frozen import frozen
from hotdesk.inventory.load import load_inventory
from hotdesk.inventory.patterns import select
from hotdesk.jobs.run import JobRun
from hotdesk.paths import exists
from hotdesk.playbook.check_templates import check_templates
from hotdesk.playbook.load import Loader
from hotdesk.source import place_of
from hotdesk.supervise.passwords import passwords
from hotdesk.supervise.terminal import asker
from hotdesk.variables.blocking import Blocking
from hotdesk.variables.expressions import Expressions
from hotdesk.variables.lookups import LookupServices
from hotdesk.variables.plugins import KINDS, Plugins
from hotdesk.variables.templates import Templates
from hotdesk.variables.vault_passwords import Asking, load_secrets
from hotdesk.variables.vaulted_files import decrypter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from hotdesk.actions.base import Action
    from hotdesk.bus import Bus
    from hotdesk.executor.fact_cache import FactCache
    from hotdesk.inventory.model import Inventory
    from hotdesk.place import Place
    from hotdesk.playbook.model import Playbook
    from hotdesk.redaction import Redaction
    from hotdesk.settings import Settings
    from hotdesk.variables.vault import Vault
    from hotdesk.workers.workers import Workers


SECRET_NAME = re.compile(r"(?i)pass(word|wd|phrase)?(_|$)|secret|token|api_?key|private_?key")
"""Names of variables that are given on the command line to be secrets."""


def new_run_id() -> str:
    """Short, unique, sorts by time: ``20261121-105712-3f9c``."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


@frozen(kw_only=True)
class Around:
    """What stands around a run: where it tells what happens, whom it tells secrets, its id, how it asks the person."""

    bus: Bus
    redaction: Redaction | None = None
    run_id: str = field(default_factory=new_run_id)
    prompt: Callable[..., Awaitable[str]] | None = field(default_factory=asker)
    """None: there is nobody to ask. On the terminal, if there is one, unless told."""


@dataclass(slots=True)
class Prepared:
    """Everything loaded and checked; no host has been touched."""

    run: Run
    pool: Pool
    workers: Workers | None
    """Not started."""
    playbooks: list[Playbook]


@asynccontextmanager
async def prepared(
    settings: Settings, paths: Sequence[Path], options: PlayOptions, around: Around, *, check: bool = True
) -> AsyncIterator[Prepared]:
    """Load inventory and playbooks and put the parts together. Raises InputError, UsageError. ``--list-*`` needs no more than this, and
    without ``check`` not that each template compiles: compiling takes as long as all else."""
    bus, run_id, prompt, redaction = around.bus, around.run_id, around.prompt, around.redaction
    options = with_settings(options, settings)

    def warn(text: str, place: Place | None = None) -> None:
        bus.emit(ev.Warned(text=text, place=place))

    async with AsyncExitStack() as stack:
        ssh_password, become_password = await passwords(settings, prompt, redaction)
        directories = [path.absolute().parent for path in paths] or [Path.cwd()]
        pool, workers = await _pool(stack, settings, run_id, bus, directories[0])
        command = _control_command(pool)
        mask = redaction.add if redaction is not None else None
        vault = await _vault(settings, pool, prompt, warn, mask)
        decrypt = decrypter(vault, mask)
        holder: list[Run] = []
        services = LookupServices(run_command=command, hosts=lambda pattern: _selected(holder, pattern))
        collections = Collections(settings, directories)
        plugins = await in_thread(_plugins, settings, collections)
        templates = Templates(
            settings, vault=vault, services=services, plugins=plugins, warn=warn, on_secret=mask,
            note=lambda text: bus.emit(ev.Noted(text=text)),
        )  # fmt: skip
        extra = await _extra(options, decrypt, templates.on_secret)
        inventory = partial(
            load_inventory, settings.inventory, settings=settings, run_command=partial(_script, pool), evaluate=Expressions(templates, extra),
            decrypt=decrypt, warn=warn,
        )  # fmt: skip
        with collector_paused():
            loaded_inventory = await inventory()
        names = ActionNames(collections, ModuleFiles.of(settings, collections))
        paths = [_named(names, path) for path in paths]
        directories = [path.absolute().parent for path in paths] or directories
        for folder in directories:
            names.files.add(folder)
        beside = Blocking(asyncio.get_running_loop())  # the loader works in a thread, where lookups may block

        def static(text: Any, variables: Mapping[str, Any]) -> Any:
            return beside.run(lambda: templates.render_now(text, variables))

        def take_plugins(folder: Path) -> None:
            plugins.add(folder)
            names.files.add(folder)

        loader = Loader(settings, actions=names, decrypt=decrypt, render_static=static, take_plugins=take_plugins)
        run = Run(
            id=run_id, settings=settings, options=options, bus=bus, inventory=loaded_inventory, templates=templates, loader=loader,
            machines=PoolMachines(settings, pool, templates, password=ssh_password, become_password=become_password),
            load_action=names.load, check_arguments=_checker(names), playbook_dir=directories[0], reload_inventory=inventory,
            extra_vars=extra, prompt=prompt, decrypt=decrypt, actions=names,
        )  # fmt: skip
        holder.append(run)
        run.fact_cache = await _fact_cache(settings, loaded_inventory, options, warn)
        jobs = JobRun(run_id, transfers=settings.transfers, cleanup_limit=settings.cleanup_limit)
        run.jobs = await stack.enter_async_context(jobs)
        yield Prepared(run, pool, workers, await _playbooks(run, paths, check))


async def _extra(
    options: PlayOptions, decrypt: Callable[..., bytes], on_secret: Callable[[str], None]
) -> Mapping[str, Any]:
    """The variables of the command line; ``on_secret`` hears of those whose names are a secret's."""
    extra = await in_thread(extra_variables, options.extra_vars, decrypt=decrypt)
    for name in filter(SECRET_NAME.search, extra):
        on_secret(str(extra[name]))
    return extra


async def _fact_cache(
    settings: Settings, inventory: Inventory, options: PlayOptions, warn: Callable[[str], None]
) -> FactCache | None:
    cache = fact_cache(settings, warn)
    if cache is not None and options.flush_cache:
        for host in {*inventory.hosts, *LOCALHOST}:
            await cache.forget(host)
    return cache


async def _vault(
    settings: Settings,
    pool: Pool,
    prompt: Callable[..., Awaitable[str]] | None,
    warn: Callable[..., None],
    on_secret: Callable[[str], None] | None,
) -> Vault:
    asking = Asking(
        run=_control_command(pool, str(Path.cwd())), prompt=_secret(prompt), warn=warn, default=settings.vault_identity
    )
    return await load_secrets(
        settings.vault_password_files, asking,
        ask=settings.ask_vault_pass, match=settings.vault_id_match, on_secret=on_secret,
    )  # fmt: skip


async def _pool(
    stack: AsyncExitStack, settings: Settings, run: str, bus: Bus, directory: Path
) -> tuple[Pool, Workers | None]:
    workers = None
    if settings.workers:
        from hotdesk.workers.workers import Workers  # late: it takes asyncssh with it

        workers = await stack.enter_async_context(Workers(settings, run=run, on_event=bus.emit))
    pool = Pool(settings, run=run, on_event=bus.emit, elsewhere=workers, directory=directory)
    return await stack.enter_async_context(pool), workers


def _plugins(settings: Settings, collections: Collections) -> Plugins:
    """Those of the user's own: of the directories that the settings name, and of collections. Blocking."""
    found = Plugins(collections.directory)
    for kind in KINDS:
        for folder in getattr(settings, f"{kind}_plugins"):
            found.add_directory(kind, folder)
    return found


async def _playbooks(run: Run, paths: Sequence[Path], check: bool) -> list[Playbook]:
    """Loaded and checked, with what there is to warn about. Raises InputError."""
    with collector_paused():
        loaded = [await in_thread(_load, run.loader, path, run.extra_vars, run.options) for path in paths]
    for playbook in loaded:
        if check:
            for problem in await in_thread(check_templates, playbook, run.templates):
                run.warn(
                    f"{problem.message.rstrip('.')}. It will fail for the first item, if there is one",
                    place=problem.place,
                )
        await in_thread(check_order, playbook, run.actions)
    for text, place in run.loader.warnings:
        run.warn(text, place=place)
    if run.options.limit:
        _check_limit(run)
    await _check_patterns(run, loaded)
    return loaded


def _selected(run: Sequence[Run], pattern: str) -> list[str]:
    """For lookups: hosts of a pattern, none for a name that nothing has.

    Raises TemplateError while the inventory is still being read (an inventory plugin asks).
    """
    if not run:
        raise TemplateError("the inventory is still being read")
    return select(run[0].inventory, pattern, mismatch="ignore")


def _named(names: ActionNames, path: Path) -> Path:
    """The file itself, or that of a collection's playbook (``hotdesk.sync.switch``)."""
    found = None if exists(path) else names.playbook_path(str(path))
    return found[1] if found else path


def _load(loader: Loader, path: Path, extra: Mapping[str, Any], options: PlayOptions) -> Playbook:
    if not exists(path):
        near = nearest(path.name, [p.name for p in path.absolute().parent.glob("*.y*ml")])
        raise PlaybookError(f"the playbook {path} could not be found", remedy=near)
    return loader.load_playbook(path, extra_vars=extra, tags=options.tags)


def _check_limit(run: Run) -> None:
    """--limit must leave somebody. Raises InputError."""
    if not select(run.inventory, "all,localhost", limit=run.options.limit, mismatch="ignore"):
        near = nearest(run.options.limit, [*run.inventory.hosts, *run.inventory.groups])
        raise InputError(
            f"--limit {run.options.limit!r} leaves no host",
            remedy=near or "hotdesk inventory --graph shows what there is.",
        )


GROWING = frozenset({"add_host", "group_by", "include_tasks", "include_role", "meta"})


async def _check_patterns(run: Run, playbooks: Sequence[Playbook]) -> None:
    """Hosts of every play, before the first one begins. Raises InventoryError for a name that nothing has (``host_pattern_mismatch``).

    A playbook that may add hosts is trusted about names which are not there yet; then a play that finds nobody warns.
    """
    plays = [one for playbook in playbooks for one in playbook.plays]
    tasks = (task for one in plays for _, items in one.sections for task in flat(items))
    mismatch = run.settings.host_pattern_mismatch
    if mismatch in ("warning", "ignore") or any(t.action.removeprefix("ansible.builtin.") in GROWING for t in tasks):
        return
    unknown: InventoryError | None = None
    found = False
    for one in plays:
        scope = Scopes(run, one).for_play()
        try:
            pattern = await run.templates.render(one.hosts, scope, place=one.place)
        except UndefinedError:
            continue  # it may come from vars_prompt; the play itself says so
        try:
            select(run.inventory, pattern, mismatch=mismatch)
            found = True
        except InventoryError as problem:
            problem.place = problem.place or place_of(one.hosts) or one.place
            if mismatch == "error" or select(run.inventory, pattern, mismatch="warning"):
                raise  # it finds somebody in spite of it: whom it should have left out
            unknown = unknown or problem
    if unknown and not found:
        raise unknown


def _checker(names: ActionNames) -> Callable[..., tuple[Mapping[str, Any], frozenset[str]]]:
    def checked(
        action: Action, given: Mapping[str, Any], *, place: Place | None = None
    ) -> tuple[Mapping[str, Any], frozenset[str]]:
        if action.raw_args or action.unchecked:
            return given, frozenset(map(str, given))
        spec = names.spec(action.name)
        return check(
            action.name,
            spec if spec is not None else action.DOCUMENTATION,
            given,
            place=place,
            free_form=action.free_form,
        )

    return checked


async def _script(pool: Pool, argv: Sequence[str], cwd: str) -> tuple[int, bytes, bytes]:
    done = await (await pool.control()).run(argv, task="inventory", cwd=cwd)
    return done.rc, done.stdout, done.stderr


def _control_command(
    pool: Pool, cwd: str | None = None
) -> Callable[[list[str] | str], Awaitable[tuple[int, str, str]]]:
    """Commands of lookups and password programs: like all others, started by the control node's agent (R3).

    ``cwd``: None is the playbook's folder, as for all commands there.
    """

    async def run(argv: list[str] | str) -> tuple[int, str, str]:
        words = ["/bin/sh", "-c", argv] if isinstance(argv, str) else argv
        done = await (await pool.control()).run(words, task="lookup", cwd=cwd)
        return done.rc, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")

    return run


def _secret(prompt: Callable[..., Awaitable[str]] | None) -> Callable[[str], Awaitable[str]] | None:
    return None if prompt is None else lambda text: prompt(text, echo=False)
