"""Variables a play brings itself: what ``vars_prompt`` asks, what ``vars_files`` holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import in_thread
from hotdesk.errors import PlaybookError, UndefinedError, VariableError, nearest
from hotdesk.executor import values
from hotdesk.paths import expanded, is_file, names_in
from hotdesk.source import load_yaml_file, place_of, trust
from hotdesk.variables.crypt import password_hash
from hotdesk.variables.trust import OMIT

if TYPE_CHECKING:
    from hotdesk.executor.host import HostState
    from hotdesk.executor.run import Run
    from hotdesk.executor.scopes import Scopes
    from hotdesk.playbook.model import Play
    from hotdesk.variables.scope import Scope


async def prompted(run: Run, play: Play, scope: Scope) -> dict[str, Any]:
    """vars_prompt, rendered in the play's ``scope``: asked unless given with -e; without anybody to ask, the default.

    An answer is the user's text, so it may be a template, unless ``unsafe``. Raises UndefinedError, TemplateError.
    """
    answers: dict[str, Any] = {}
    for entry in play.vars_prompt:
        name = str(entry.get("name"))
        if name in run.extra_vars:
            continue
        prompt = await run.templates.render(entry, scope, place=place_of(entry))
        default = prompt.get("default")
        answer = await _ask(run, name, prompt, default) if run.prompt is not None else None
        value = answer if answer not in (None, "") else default
        if value is not None and prompt.get("encrypt"):
            value = await in_thread(_hashed, str(value), prompt)
        answers[name] = value if _truth(prompt.get("unsafe", False)) else trust(value, place_of(entry))
    return answers


def _hashed(answer: str, prompt: Any) -> str:
    salt, size = prompt.get("salt"), prompt.get("salt_size")
    return password_hash(answer, str(prompt["encrypt"]), str(salt) if salt else None, int(size) if size else None)


async def _ask(run: Run, name: str, prompt: Any, default: Any) -> str:
    text = str(prompt.get("prompt") or name)
    shown = f"{text} [{default}]: " if default is not None else f"{text}: "
    echo = not _truth(prompt.get("private", True))
    ask = run.prompt
    assert ask is not None
    while True:
        answer = await ask(shown, echo=echo)
        if not echo:
            run.templates.on_secret(str(answer))
        if not _truth(prompt.get("confirm", False)):
            return str(answer)
        if await ask(f"confirm {shown}", echo=echo) == answer:
            return str(answer)
        run.emit(ev.Noted(text="***** VALUES ENTERED DO NOT MATCH ****"))


def _truth(value: Any) -> bool:
    return str(value).lower() in values.TRUE


class PlayVarsFiles:
    """The ``vars_files`` of a play: each entry is a path or a list of alternatives, rendered for each host."""

    def __init__(self, run: Run, play: Play, scopes: Scopes) -> None:
        self._run = run
        self._play = play
        self._scopes = scopes

    async def load(self, state: HostState) -> None:
        """Set the host's layers; an entry sees the ones before it. Raises PlaybookError, UndefinedError."""
        layers: list[Any] = []
        for entry in self._play.vars_files:
            state.vars_files = tuple(layers)
            found = await self._first(state, entry)
            if found:
                layers.append(found)
        state.vars_files = tuple(layers)

    async def _first(self, state: HostState, entry: Any) -> Any:
        scope, tried, undefined = self._scopes.for_task(state, self._play.keywords), [], None
        for raw in entry if isinstance(entry, list) else [entry]:
            try:
                name = await self._run.templates.render(raw, scope, place=place_of(raw))
            except UndefinedError as exc:
                undefined = exc
                continue
            if name is None or name is OMIT:
                continue
            path = self._path(str(name))
            if await in_thread(path.is_file):
                return await self._read(path)
            tried.append(str(path))
        if undefined is not None and not tried:
            raise undefined
        raise PlaybookError(
            f"vars file {tried[0] if len(tried) == 1 else tried} was not found", place=place_of(entry) or self._play.place,
            remedy=_beside(tried[0]) if tried else "",
        )  # fmt: skip

    def _path(self, name: str) -> Path:
        basedir = self._play.basedir or self._run.playbook_dir
        path = expanded(name)
        if path.is_absolute():
            return path
        return next((p for p in (basedir / path, basedir / "vars" / path) if is_file(p)), basedir / path)

    async def _read(self, path: Path) -> Any:
        cache = self._run.vars_cache
        if path not in cache:
            loaded = await in_thread(load_yaml_file, path, error=VariableError, decrypt=self._run.decrypt)
            if loaded is not None and not isinstance(loaded, dict):
                raise PlaybookError(
                    f"{path} must contain a mapping of variables", place=place_of(loaded) or self._play.place
                )
            cache[path] = loaded or {}
        return cache[path]


def _beside(path: str) -> str:
    folder = Path(path).parent
    return nearest(Path(path).name, names_in(folder))
