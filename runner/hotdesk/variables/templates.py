"""Rendering: the user's text becomes values. Everything else stays what it is (R7).

Semantics: ansible-core 2.19 (native types, strict undefined, boolean conditions):
https://docs.ansible.com/ansible-core/2.19/porting_guides/porting_guide_core_2.19.html
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jinja2

from hotdesk.errors import HotdeskError, TemplateError, UndefinedError, nearest
from hotdesk.place import Place
from hotdesk.source import Trusted, Vaulted, place_of
from hotdesk.variables import blocking
from hotdesk.variables.compiling import Compiler
from hotdesk.variables.complaints import described, line_of, not_an_expression, short, wrapped
from hotdesk.variables.environment import Environment, ScopeContext, with_newlines
from hotdesk.variables.lookups import LookupCall, LookupServices, call_lookup, lookup_functions
from hotdesk.variables.plugins import Plugins
from hotdesk.variables.scope import AsWritten, Root, Scope, as_written, recursion
from hotdesk.variables.template_files import TextEnvironments
from hotdesk.variables.trust import OMIT, is_template, plain
from hotdesk.variables.undefined import Missing, Undefined
from hotdesk.variables.vault import Decrypted, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.settings import Settings

LARGE_TEXT = 16 * 1024
"""Characters: a longer template is rendered in a thread."""
DEEPEST = 80
"""Templates within templates; deeper is taken for an endless definition."""

__all__ = ["OMIT", "LookupCall", "LookupServices", "Templates"]


class _Stack(threading.local):
    """What this thread is rendering, outermost first: (scope, id of the raw text, variable's name)."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.under_way: list[tuple[int, int]] = []
        self.names: list[str] = []


class Templates:
    """Renders values of one run. Safe to use for all hosts at once; compiled templates are shared."""

    def __init__(
        self,
        settings: Settings,
        *,
        vault: Vault | None = None,
        services: LookupServices | None = None,
        plugins: Plugins | None = None,
        warn: Callable[[str, Place | None], None] | None = None,
        note: Callable[[str], None] | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        """``note``: a line of a lookup for the screen. ``on_secret`` hears of every vaulted value that is decrypted, so that it can be masked."""
        self.settings = settings
        self.vault = vault or Vault(())
        self.services = services or LookupServices()
        self.plugins = plugins or Plugins()
        self._warn = warn or (lambda _text, _place: None)
        self.note = note or (lambda _text: None)
        self.on_secret = on_secret or (lambda _text: None)
        self._stack = _Stack()
        self._compiler = Compiler(self.plugins.need)
        self._env = self._prepared(Environment())
        self._files = TextEnvironments(self._prepared)

    def _prepared(self, env: Environment) -> Environment:
        env.filters = self.plugins.tables["filter"]
        env.tests = self.plugins.tables["test"]
        env.globals.update(lookup_functions(self), omit=OMIT)
        env.extend(embedded=self._embedded, templates=self)
        return env

    # What the rest of the program uses

    async def render(self, value: Any, variables: Mapping[str, Any], *, place: Place | None = None) -> Any:
        """``value`` with every template in it rendered, as plain data; ``omit`` entries of mappings and lists are dropped.

        A value that is nothing but ``{{ omit }}`` gives OMIT. Raises UndefinedError, TemplateError, VaultError with the place.
        """
        if isinstance(value, str) and not is_template(value):
            return value if type(value) is str else str.__str__(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        scope = self._scope(variables)
        large = isinstance(value, str) and len(value) > LARGE_TEXT
        return await blocking.run(lambda: self.render_now(value, scope, place=place), thread=large)

    async def condition(
        self, expression: Any, variables: Mapping[str, Any], *, place: Place | None = None, what: str = "when"
    ) -> bool:
        """Whether a bare Jinja expression holds. It must give a real boolean; ``what`` names the keyword in messages."""
        if isinstance(expression, bool):
            return expression
        scope = self._scope(variables)
        return await blocking.run(lambda: self.condition_now(expression, scope, place=place, what=what))

    async def contained(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """The list or mapping that the template ``value`` leads to, its elements as they were written; what else it gives is rendered."""
        scope = AsWritten.of(self._scope(variables))
        return await blocking.run(
            lambda: self._translated(lambda: as_written(self.evaluate(value, scope)), scope, place_of(value))
        )

    async def render_file(
        self,
        text: str,
        path: str,
        variables: Mapping[str, Any],
        *,
        extra: Mapping[str, Any] | None = None,
        search: Sequence[Path] = (),
        **jinja_options: Any,
    ) -> str:
        """A template file of the user as text (the template module, ``lookup('template')``).

        Args: ``path`` is named in errors and its directory is where includes are looked for, after ``search``. ``jinja_options``:
        trim_blocks, lstrip_blocks, newline_sequence, block_start_string and the like; a ``#jinja2:`` line in the file overrides them.
        """
        scope = self._scope(variables)
        scope = scope.with_(extra) if extra else scope
        result = await blocking.run(
            lambda: self.render_file_now(text, path, scope, search=search, **jinja_options),
            thread=len(text) > LARGE_TEXT,
        )
        return result or ""

    async def lookup(
        self,
        name: str,
        terms: Any,
        variables: Mapping[str, Any],
        *,
        place: Place | None = None,
        subdirectory: str = "files",
    ) -> list[Any]:
        """The items of ``with_NAME: terms`` (terms raw). ``subdirectory``: where its relative files are: files, templates, vars, tasks."""
        scope = self._scope(variables)
        where = place_of(terms) or place
        self.plugins.need("lookup", name, where)

        def call() -> list[Any]:
            found = self._terms(name, terms, scope)
            request = LookupCall(name=name, terms=found, variables=scope, templates=self, subdirectory=subdirectory)
            with self._within(scope):
                return list(plain(call_lookup(request)))

        return await blocking.run(lambda: self._translated(call, scope, where))

    async def value(self, scope: Scope, name: str, default: Any = None) -> Any:
        """One variable, rendered; ``default`` when there is none of that name. Lookups that do I/O are allowed."""
        if name not in scope:
            return default
        return await blocking.run(lambda: scope[name])

    async def values(self, scope: Scope, names: Sequence[str]) -> dict[str, Any]:
        """Several variables that there are, rendered."""
        return await blocking.run(lambda: {name: scope[name] for name in names})

    def render_now(self, value: Any, variables: Mapping[str, Any], *, place: Place | None = None) -> Any:
        """``render`` for callers that cannot wait: a template that needs I/O raises ``blocking.NeedsThread``."""
        scope = self._scope(variables)
        return self._translated(lambda: self._deep(value, scope), scope, place or place_of(value))

    def condition_now(
        self, expression: Any, variables: Mapping[str, Any], *, place: Place | None = None, what: str = "when"
    ) -> bool:
        """``condition`` for callers that cannot wait."""
        if isinstance(expression, bool):
            return expression
        where = place_of(expression) or place
        if not isinstance(expression, Trusted):
            raise not_an_expression(expression, what, where)
        scope = self._scope(variables)
        result = self._translated(lambda: self._condition(expression, scope, where, what), scope, where)
        if isinstance(result, bool):
            return result
        if self.settings.allow_broken_conditionals:
            self.warn(
                f"the condition of {what!r}, {short(expression)}, gives {described(result)}, not a boolean", where
            )
            return bool(result)
        data = " (an untrusted template or expression is never evaluated)" if isinstance(result, str) else ""
        raise TemplateError(
            f"the condition of {what!r}, {short(expression)}, gives {described(result)}{data}; a condition must be true or false",
            place=where,
            remedy="Compare it (x == 'a', x | length > 0), or turn it into a boolean with `| bool` or `is truthy`.",
        )

    def render_file_now(
        self, text: str, path: str, variables: Mapping[str, Any], *, search: Sequence[Path] = (), native: bool = False,
        **options: Any,
    ) -> Any:  # fmt: skip
        """``render_file`` for callers that cannot wait; None for a file that puts nothing out. ``native``: one expression gives its value."""
        scope = self._scope(variables)
        env, body = self._files.environment(text, path, search, options, native=native)

        def call() -> Any:
            return self._run(env, self._compiler.template(env, body, Place(path, 1), path), scope)

        result = self._translated(call, scope, Place(path))
        return with_newlines(body, str(result), env.newline_sequence) if isinstance(result, str) else plain(result)

    def check(self, value: Any) -> list[TemplateError]:
        """Problems of all templates in ``value`` that are known without any variable: syntax, unknown filters, tests and lookups."""
        if isinstance(value, str):
            if not is_template(value):
                return []
            try:
                self._compiler.template(self._env, value, place_of(value))
            except TemplateError as exc:
                return [exc]
            return []
        if isinstance(value, Mapping):
            value = [*value.keys(), *value.values()]
        return [problem for item in value for problem in self.check(item)] if isinstance(value, (list, tuple)) else []

    def parsed(self, text: str) -> jinja2.nodes.Template:
        """The syntax tree of a template. Raises TemplateError."""
        try:
            return self._env.parse(text)
        except jinja2.TemplateSyntaxError as exc:
            raise TemplateError(str(exc.message), place=place_of(text)) from None

    def check_condition(self, expression: Any) -> list[TemplateError]:
        """As ``check``, for the bare expression of ``when`` and its like."""
        if not isinstance(expression, Trusted) or wrapped(expression):
            return self.check(expression)
        try:
            self._compiler.expression(self._env, expression, place_of(expression))
        except TemplateError as exc:
            return [exc]
        return []

    # What Scope and the lookups use

    def guarded(self, scope: Scope, name: str, raw: Any) -> Any:
        """Evaluate variable ``name``; its name is kept for the message of an endless definition."""
        if not isinstance(raw, Trusted) and not isinstance(raw, Vaulted):
            return scope.evaluate(raw)
        self._stack.names.append(name)
        try:
            return scope.evaluate(raw)
        finally:
            self._stack.names.pop()

    def evaluate(self, raw: Any, scope: Scope) -> Any:
        """One template or vaulted value, as templates handle it (lazy containers stay lazy). Raises Missing when undefined."""
        if isinstance(raw, Vaulted):
            return self.decrypted(raw)
        key = (id(scope), id(raw))
        stack = self._stack
        if key in stack.under_way or len(stack.under_way) > DEEPEST:
            raise recursion(dict.fromkeys(stack.names[-10:]), place_of(raw))
        stack.under_way.append(key)
        try:
            template = self._compiler.template(self._env, raw, place_of(raw))
            value = self._translated(
                lambda: self._run(self._env, template, scope), scope, place_of(raw), keep_missing=True
            )
            if isinstance(value, Undefined) and value.place is None:
                value.place = place_of(raw)
            return with_newlines(raw, value, "\n") if isinstance(value, str) and raw.endswith("\n") else value
        finally:
            stack.under_way.pop()

    def finished(self, value: Any, scope: Scope) -> Any:
        """A value that a template gave, as plain data. Raises UndefinedError."""
        return self._translated(lambda: plain(value), scope, None)

    def decrypted(self, value: Vaulted) -> str:
        """A ``!vault`` value's text. Raises VaultError."""
        if self.vault.known(value.ciphertext) is None:
            blocking.prefer_thread()  # ten thousand rounds of hashing
        text = self.vault.decrypt(value.ciphertext, value.place).decode("utf-8", "surrogateescape")
        self.on_secret(text)
        return Decrypted(text)

    def leave_loop(self) -> None:
        """See ``blocking.leave_loop``."""
        blocking.leave_loop()

    def current_scope(self) -> Scope:
        """The scope of the template that is being rendered in this thread."""
        return self._stack.scopes[-1]

    def warn(self, text: str, place: Place | None = None) -> None:
        """Tell the user about something that works but should not be written."""
        self._warn(text, place)

    # Inside

    def _terms(self, name: str, terms: Any, scope: Scope) -> list[Any]:
        """Rendered terms as a list; for first_found undefined ones are left out (a file of an unknown name is not there)."""
        if name.rpartition(".")[2] == "first_found" and isinstance(terms, (list, tuple)):
            raw = [scope.evaluate(term) if is_template(term) else term for term in terms]
            terms = [term for term in raw if not isinstance(term, Undefined)]
        found = self._deep(terms, scope)
        return found if isinstance(found, list) else [found]

    @contextlib.contextmanager
    def _within(self, scope: Scope) -> Iterator[None]:
        self._stack.scopes.append(scope)
        try:
            yield
        finally:
            self._stack.scopes.pop()

    def _scope(self, variables: Mapping[str, Any]) -> Scope:
        return variables if isinstance(variables, Scope) else Scope((variables,), self)

    def _deep(self, value: Any, scope: Scope) -> Any:
        """Render containers of any kind; what a template gave is never looked at again."""
        if isinstance(value, (str, Vaulted)):
            return plain(scope.evaluate(value)) if not isinstance(value, Trusted) else plain(self._whole(value, scope))
        if isinstance(value, Mapping) and not isinstance(value, Scope):
            pairs = ((self._deep(key, scope), self._deep(item, scope)) for key, item in value.items())
            return {key: item for key, item in pairs if item is not OMIT}
        if isinstance(value, (list, tuple)):
            return [done for item in value if (done := self._deep(item, scope)) is not OMIT]
        return plain(value)

    def _whole(self, value: Trusted, scope: Scope) -> Any:
        return self.evaluate(value, scope) if is_template(value) else value

    def _condition(self, expression: Trusted, scope: Scope, place: Place | None, what: str) -> Any:
        text: Any = expression.strip()
        if wrapped(text):
            self.warn(f"{what!r} is an expression already: {{{{ }}}} around it is not needed", place)
            text = self.evaluate(expression, AsWritten.of(scope))
            if not isinstance(text, Trusted):
                return plain(text)
        template = self._compiler.expression(self._env, text, place)
        return plain(self._run(self._env, template, scope))

    def _run(self, env: Environment, template: jinja2.Template, scope: Scope) -> Any:
        root: Any = Root(scope, env.globals)
        context = ScopeContext(env, root, template.name, template.blocks, globals=template.globals)
        with self._within(scope):
            try:
                return env.final(template.root_render_func(context))
            except Missing as exc:
                if exc.line and template.filename and exc.place is None:
                    exc.place = Place(template.filename, template.get_corresponding_lineno(exc.line))
                raise

    def _embedded(self, text: str) -> Any:
        """A constant with a template in it; one that does not compile is just text."""
        scope = self.current_scope()
        try:
            template = self._compiler.template(self._env, text, None)
        except TemplateError:
            return text
        return self._run(self._env, template, scope)

    def _translated(
        self, call: Callable[[], Any], scope: Scope, place: Place | None, *, keep_missing: bool = False
    ) -> Any:
        try:
            return call()
        except HotdeskError as exc:
            exc.place = exc.place or place
            raise
        except Missing as exc:
            exc.place = exc.place or line_of(exc) or place
            if keep_missing:
                raise
            raise UndefinedError(str(exc), place=exc.place, remedy=self._hint(exc.name, scope)) from None
        except RecursionError:
            if self._stack.names:
                raise recursion(dict.fromkeys(self._stack.names[-10:]), place) from None
            raise TemplateError("the value contains itself, or is nested too deeply", place=place) from None
        except MemoryError:
            raise TemplateError("there is not enough memory for the result", place=place) from None
        except jinja2.TemplateError as exc:
            raise TemplateError(str(exc), place=line_of(exc) or place) from None
        except Exception as exc:
            text = str(exc) or type(exc).__name__
            raise TemplateError(f"error while rendering the template: {text}", place=line_of(exc) or place) from exc

    def _hint(self, name: str, scope: Scope) -> str:
        if not name:
            return ""
        return nearest(name, scope) or f"Define it, or say what to use without it: {{{{ {name} | default(...) }}}}."
