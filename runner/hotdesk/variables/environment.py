"""The Jinja environment: sandboxed, native types, Ansible's rules for attributes, undefined values and concatenation.

Sources: https://jinja.palletsprojects.com/en/stable/sandbox/ and the ansible-core 2.19 porting guide (native types always on).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MappingView
from typing import TYPE_CHECKING, Any, cast

from jinja2 import Template as JinjaTemplate
from jinja2 import nodes
from jinja2.lexer import TokenStream
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import MAX_RANGE, SandboxedEnvironment
from jinja2.utils import generate_lorem_ipsum, missing

from hotdesk.variables import bounds
from hotdesk.variables.blocking import tick
from hotdesk.variables.lazy import DICT_METHODS, LazyMap, LazySeq, Names
from hotdesk.variables.trust import OMIT
from hotdesk.variables.undefined import Missing, Undefined

if TYPE_CHECKING:
    from jinja2.compiler import Frame


def concat(values: Iterable[Any]) -> Any:
    """One value keeps its type; several are joined as text. None and ``omit`` add nothing; no value at all gives None."""
    everything = list(values)
    if len(everything) == 1:
        return everything[0]
    found = [value for value in everything if value is not None and value is not OMIT]
    if len(found) == 1:
        return found[0]
    if not found:
        return None
    texts = [value if type(value) is str else _shown(value) for value in found]
    bounds.check_joined(texts)
    return "".join(texts)


def concat_text(values: Iterable[Any]) -> str | None:
    """For template files: always text, None when nothing is put out. An undefined value carries the line of the generated code that gave it."""
    parts = []
    for value in values:
        try:
            parts.append(value if type(value) is str else "" if value is None or value is OMIT else _shown(value))
        except Missing as exc:
            exc.line = getattr(getattr(values, "gi_frame", None), "f_lineno", 0)
            raise
    bounds.check_joined(parts)
    return "".join(parts) if parts else None


def with_newlines(source: str, result: str, newline: str) -> str:
    """``result`` with at least as many newlines at its end as ``source`` has: Jinja and trim_blocks take some away."""
    wanted, there = (len(text) - len(text.rstrip("\n")) for text in (source, result.replace("\r\n", "\n")))
    return result + newline * (wanted - there) if wanted > there else result


def _shown(value: Any) -> str:
    from hotdesk.variables.trust import plain

    return value if isinstance(value, str) else str(plain(value))


class NativeCode(NativeCodeGenerator):
    """Keeps constants as values: Jinja's own would fold ``{{ 1 }}`` into text and parse it back."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return str(node.as_const(frame.eval_ctx))


class ScopeContext(Context):
    """A context over a lazy mapping: a name is rendered when a template first uses it, nothing is copied."""

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        try:
            return self.parent[key]
        except KeyError:
            return missing

    def get_all(self) -> Any:
        return ChainMap(self.vars, self.parent) if self.vars else self.parent


class Template(JinjaTemplate):
    """Makes contexts without turning the variables into a dict (Jinja's own would render them all)."""

    def new_context(self, vars: Any = None, shared: bool = False, locals: Mapping[str, Any] | None = None) -> Context:
        parent: Any = vars if vars is not None else {}
        if not shared:
            parent = ChainMap(parent, self.globals)
        if locals:
            parent = ChainMap({k: v for k, v in locals.items() if v is not missing}, parent)
        return ScopeContext(self.environment, parent, self.name, self.blocks, globals=self.globals)


class Counted:
    """What a ``{% for %}`` goes through; each turn is counted against the rendering's time."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        for value in self._values:
            tick()
            yield value


def lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:
    """Jinja's, of a size that can be wanted."""
    if n * max > bounds.WIDEST:
        raise bounds.too_large(f"lipsum() of {n:,} paragraphs of up to {max:,} words")
    return generate_lorem_ipsum(n, html, min, max)


def numbers(*bounds_and_step: int) -> range:
    """``range()``, of a length that can be wanted (MAX_RANGE of Jinja's sandbox)."""
    found = range(*bounds_and_step)
    if found[MAX_RANGE:]:  # len() of a longer range may not fit a machine word
        raise bounds.too_large(f"range() gives more than {MAX_RANGE:,} numbers")
    return found


class Environment(SandboxedEnvironment):
    """See the module. ``overlay`` gives variants with other delimiters; all of them share filters, tests and globals."""

    code_generator_class = NativeCode
    context_class = ScopeContext
    template_class = Template
    concat = staticmethod(concat)
    final: Any = staticmethod(concat)
    """Joins the output of a whole template."""
    literal_backslashes = True
    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {"trim_blocks": True}
        super().__init__(
            undefined=Undefined,
            optimized=False,  # folding would call filters such as random or now() once and for ever
            extensions=("jinja2.ext.do", "jinja2.ext.loopcontrols"),
            **{**defaults, **options},
        )
        self.globals.update(lipsum=lipsum, range=numbers)

    def getattr(self, obj: Any, attribute: str) -> Any:
        kind = type(obj)
        if kind is dict or kind is LazyMap:
            if attribute not in DICT_METHODS:
                try:
                    return obj[attribute]
                except KeyError:
                    if attribute[:2] != "__":
                        return Undefined(obj=obj, name=attribute)
        elif isinstance(obj, Names) and attribute not in DICT_METHODS:
            try:
                return obj[attribute]
            except KeyError:
                return Undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) is dict or isinstance(obj, (LazyMap, LazySeq, Names)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return super().getitem(obj, argument)

    def expression(self, source: str) -> nodes.Template:
        """The syntax tree of a template that is just this expression."""
        parser = Parser(self, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            token = parser.stream.current
            parser.fail(f"unexpected {token.value!r} after the end of the expression", token.lineno)
        return nodes.Template([nodes.Output([tree], lineno=1)], lineno=1)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        bounds.check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """``format`` of a text, with widths that can be wanted."""
        found = super().wrap_str_format(value)
        if found is None:
            return None
        form = str(value.__self__)

        def checked(*args: Any, **kwargs: Any) -> Any:
            bounds.check_widths(form, (*args, *kwargs.values()))
            return found(*args, **kwargs)

        return checked

    counted = Counted
    """What the compiled code calls for a loop's values (``compiling.bounded``)."""

    @staticmethod
    def joined(*values: Any) -> str:
        """What the compiled code calls for ``a ~ b``."""
        texts = [value if type(value) is str else str(value) for value in values]
        bounds.check_joined(texts)
        return "".join(texts)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        tick()
        bounds.check_method(__obj, args, kwargs)
        found = super().call(__context, __obj, *args, **kwargs)
        return list(cast("Iterable[Any]", found)) if isinstance(found, MappingView) else found

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        """As Jinja's, but in playbook text a backslash in a string of ``{{ }}`` is a backslash (regex_replace('\\d', ...)).

        In a bare expression it is Jinja's: ``when: text == "a\\n"`` means a newline, as in Ansible.
        """
        source = self.preprocess(source, name, filename)
        tokens = self.lexer.tokeniter(source, name, filename, state)
        if self.literal_backslashes and state is None:
            tokens = _doubled(tokens)
        stream: Any = TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)
        for extension in self.iter_extensions():
            stream = extension.filter_stream(stream)
            if not isinstance(stream, TokenStream):
                stream = TokenStream(stream, name, filename)
        return cast("TokenStream", stream)


def _doubled(tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    inside = False
    for line, kind, text in tokens:
        if kind in ("variable_begin", "variable_end"):
            inside = kind == "variable_begin"
        yield line, kind, text.replace("\\", "\\\\") if inside and kind == "string" else text
