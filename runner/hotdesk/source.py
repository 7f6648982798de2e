"""The user's YAML becomes plain values that remember their place, and that alone may be templates (R6, R7).

``Trusted`` is Ansible 2.19's "trusted as template": text from a playbook, inventory, vars file or the command line.
Everything else, above all what a host sends, is a plain ``str`` and is never rendered. Operations on a Trusted give a plain ``str``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from hotdesk.errors import InputError
from hotdesk.place import Place
from hotdesk.source_depth import MOST_NESTED, check_depth
from hotdesk.source_errors import QUOTE_ALL, diagnose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Warn = Callable[[str, Place], None]
    """Told of what is not an error: a duplicate key."""
    Decrypt = Callable[[bytes, Place], bytes]
    """Whole vault-encrypted file -> its plain bytes; raises VaultError."""

VAULT_HEADER = b"$ANSIBLE_VAULT;"
MOST_ALIASED = 1_000_000
"""Values that the aliases (``*name``) of one document may stand for, those within them included."""
_YAML = "tag:yaml.org,2002:"
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALAR = yaml.ScalarNode
_DEFAULTS = {_SCALAR: _YAML + "str", yaml.SequenceNode: _YAML + "seq", yaml.MappingNode: _YAML + "map"}
_scalars = yaml.constructor.SafeConstructor()
_WORD, _WORDS = 40, 4096
"""Characters of a scalar that is kept in mind, and how many."""


class _Loader(_Fast):  # type: ignore[misc]
    """PyYAML's, whose question what a plain scalar is (four expressions tried on each) is asked once for each text."""

    _known: ClassVar[dict[str, str]] = {}

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is not _SCALAR or not implicit[0]:
            return _DEFAULTS[kind]
        tag = self._known.get(value)
        if tag is None:
            tag = super().resolve(kind, value, implicit)
            if len(value) > _WORD:
                return tag
            if len(self._known) > _WORDS:
                self._known.clear()
            self._known[value] = tag
        return tag

    def descend_resolver(self, *_: Any) -> None:
        """What a node is does not depend here on where it stands."""

    def ascend_resolver(self) -> None:
        """See ``descend_resolver``."""


class Trusted(str):
    """Text the user wrote; may be a template. ``place`` is where it stands (None: the command line)."""

    __slots__ = ("place",)
    place: Place | None

    def __new__(cls, text: str, place: Place | None = None) -> Trusted:
        self = str.__new__(cls, text)
        self.place = place
        return self


class Map(dict[Any, Any]):
    """A YAML mapping that knows its place. Keys are Trusted, so each key knows its own."""

    __slots__ = ("place",)
    place: Place | None

    def __init__(self, items: Any = (), place: Place | None = None) -> None:
        super().__init__(items)
        self.place = place


class Seq(list[Any]):
    """A YAML sequence that knows its place."""

    __slots__ = ("place",)
    place: Place | None

    def __init__(self, items: Any = (), place: Place | None = None) -> None:
        super().__init__(items)
        self.place = place


class Vaulted:
    """A ``!vault`` value, still encrypted; decrypted by ``variables.vault`` when a template first needs it. Never shown."""

    __slots__ = ("ciphertext", "place")

    def __init__(self, ciphertext: str, place: Place | None = None) -> None:
        self.ciphertext = ciphertext
        self.place = place

    def __repr__(self) -> str:
        return "Vaulted(...)"


def place_of(value: object) -> Place | None:
    """Where the user wrote ``value``, if it knows."""
    return getattr(value, "place", None)


def load_yaml(
    text: str, file: str, *, error: type[InputError] = InputError, warn: Warn | None = None, trusted: bool = True
) -> Any:
    """One YAML (1.1, as Ansible reads it) or JSON document as Map, Seq, Trusted, Vaulted and plain scalars; None if it is empty.

    ``file`` names it in places. ``trusted=False`` makes every string a plain ``str``.
    Raises ``error`` with place, usual cause and remedy.
    """
    documents = load_yaml_documents(text, file, error=error, warn=warn, trusted=trusted)
    if len(documents) > 1:
        place = place_of(documents[1]) or Place(file)
        raise error("one YAML document was expected, here a second one starts", place=place, remedy="Remove the '---'.")
    return documents[0] if documents else None


def load_yaml_documents(
    text: str, file: str, *, error: type[InputError] = InputError, warn: Warn | None = None, trusted: bool = True
) -> list[Any]:
    """As ``load_yaml``, for a stream of documents separated by ``---``."""
    build = _Build(file, error, warn)
    try:
        check_depth(text, file, error)
        return [build.value(node, trusted) for node in _compose(text)]
    except yaml.YAMLError as problem:
        if text.lstrip().startswith(("{", "[")) and (found := _as_json(text, trusted)) is not None:
            return [found]
        message, place, remedy = diagnose(text, file, problem)
        raise error(message, place=place, remedy=remedy) from None


def load_yaml_file(
    path: Path,
    *,
    error: type[InputError] = InputError,
    warn: Warn | None = None,
    decrypt: Decrypt | None = None,
    trusted: bool = True,
) -> Any:
    """``load_yaml`` of a file (blocking: call it in a thread). A file that is wholly vault-encrypted goes through ``decrypt``."""
    return load_yaml(read_text(path, error=error, decrypt=decrypt), str(path), error=error, warn=warn, trusted=trusted)


def read_text(path: Path, *, error: type[InputError] = InputError, decrypt: Decrypt | None = None) -> str:
    """The text of a file the user wrote, decrypted when it is vaulted. Raises ``error`` when it cannot be read."""
    place = Place(str(path))
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
        raise error(f"cannot read the file: {getattr(problem, 'strerror', None) or problem}", place=place) from None
    if data.startswith(VAULT_HEADER):
        if decrypt is None:
            raise error("the file is vault-encrypted and no vault password was given", place=place,
                        remedy="Give --vault-password-file or --ask-vault-pass.")  # fmt: skip
        try:
            data = decrypt(data, place)
        except InputError as problem:
            problem.place = problem.place or place
            raise
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise error("the file is not UTF-8 text", place=Place(str(path), line), remedy="Save it as UTF-8.") from None


def _compose(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _as_json(text: str, trusted: bool) -> Any:
    """What YAML cannot read but JSON can (surrogate escapes, for one); values then have no place."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return trust(found) if trusted else found


def trust(value: Any, place: Place | None = None) -> Any:
    """``value`` with every string in it Trusted: for text of the user that did not come as YAML (command line, INI, JSON)."""
    if isinstance(value, str):
        return value if isinstance(value, Trusted) else Trusted(value, place)
    if isinstance(value, dict):
        return Map(((trust(k, place), trust(v, place)) for k, v in value.items()), place)
    if isinstance(value, list):
        return Seq((trust(v, place) for v in value), place)
    return value


class _Build:
    """Nodes -> values, for one stream. ``_made`` holds what anchors share, by the id of the node."""

    def __init__(self, file: str, error: type[InputError], warn: Warn | None) -> None:
        self._file = file
        self._error = error
        self._warn = warn
        self._made: dict[int, Any] = {}
        self._weights: dict[int, int] = {}
        """Values in each collection, those that aliases bring in counted each time."""
        self._count = self._aliased = self._depth = 0

    def value(self, node: Any, trusted: bool) -> Any:
        tag = node.tag
        kind = type(node)
        if kind is _SCALAR:
            if tag == _STR:
                return Trusted(node.value, self._place(node)) if trusted else node.value
            return self._scalar(node, tag, trusted)
        if tag == "!unsafe":
            trusted = False
        elif tag not in _COLLECTIONS:
            raise self._unknown_tag(node)
        return self._collection(node, kind, trusted)

    def _collection(self, node: Any, kind: type, trusted: bool) -> Any:
        key = id(node)
        if key in self._made:
            return self._again(node)
        self._made[key] = _UNFINISHED
        place = self._place(node)
        before = self._count
        self._count += len(node.value) + 1
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise self._error(f"the values are nested more than {MOST_NESTED} deep", place=place)
        made: Any
        if kind is yaml.SequenceNode:
            made = Seq([self.value(item, trusted) for item in node.value], place)
            if node.tag in (_YAML + "omap", _YAML + "pairs"):
                made = Seq(self._ordered(made, node), place)
        else:
            made = Map(self._pairs(node, trusted), place)
            if node.tag == _YAML + "set":
                made = set(made)
        self._depth -= 1
        self._weights[key] = self._count - before
        self._made[key] = made
        return made

    def _again(self, node: Any) -> Any:
        """What an alias stands for: the same object, which counts as often as it is met (a "billion laughs" has few objects)."""
        made = self._made[id(node)]
        if made is _UNFINISHED:
            raise self._error("an anchor refers to itself", place=self._place(node))
        self._count += self._weights[id(node)]
        self._aliased += self._weights[id(node)]
        if self._aliased > MOST_ALIASED:
            message = f"the aliases of this anchor and others stand for more than {MOST_ALIASED:,} values"
            raise self._error(message, place=self._place(node))
        return made

    def _ordered(self, items: Seq, node: Any) -> list[Any]:
        """The (key, value) pairs of ``!!omap`` and ``!!pairs``."""
        if not all(isinstance(item, dict) for item in items):
            tag = node.tag.replace(_YAML, "!!")
            raise self._error(f"{tag} takes a list of 'key: value'", place=self._place(node))
        return [pair for item in items for pair in item.items()]

    def _pairs(self, node: Any, trusted: bool) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            tag = key_node.tag
            if tag == _MERGE:
                for earlier in self._merge(value_node, trusted):
                    merged = {**earlier, **merged}
                continue
            if tag == _STR and type(key_node) is _SCALAR:
                key: Any = Trusted(key_node.value, self._place(key_node)) if trusted else key_node.value
            else:
                key = self._odd_key(key_node, trusted)
            if key in own:
                self._duplicate(key, key_node)
                del own[key]  # so that the key's own place is the last one's too
            own[key] = self.value(value_node, trusted)
        return {**{k: v for k, v in merged.items() if k not in own}, **own} if merged else own

    def _merge(self, node: Any, trusted: bool) -> list[dict[Any, Any]]:
        """What ``<<:`` brings in: a mapping or a sequence of them, the earlier one winning."""
        nodes = node.value if type(node) is yaml.SequenceNode else [node]
        for one in nodes:
            if type(one) is not yaml.MappingNode or one.tag == _YAML + "set":
                raise self._error("'<<' takes a mapping or a list of mappings", place=self._place(one))
        return [self.value(one, trusted) for one in nodes]

    def _odd_key(self, node: Any, trusted: bool) -> Any:
        """A key that is not plain text: true, 42, 2026-01-01; never a collection."""
        if type(node) is not yaml.ScalarNode:
            place = self._place(node)
            if node.flow_style and type(node) is yaml.MappingNode:  # {{ name }} is a mapping in a mapping
                place = Place(self._file, place.line, max(place.column - 1, 1))
                raise self._error("a template without quotes", place=place, remedy=QUOTE_ALL)
            raise self._error("a mapping or list cannot be a key", place=place)
        return self.value(node, trusted)

    def _duplicate(self, key: Any, node: Any) -> None:
        if self._warn:
            self._warn(f"Found duplicate mapping key {str(key)!r}: the last one counts", self._place(node))

    def _scalar(self, node: Any, tag: str, trusted: bool) -> Any:
        if tag == "!unsafe":
            return str(node.value)
        if tag in ("!vault", "!vault-encrypted"):
            return Vaulted(node.value, self._place(node))
        if tag in (_YAML + "value", _YAML + "merge"):  # a lone '=' or '<<' as a value is text
            return Trusted(node.value, self._place(node)) if trusted else node.value
        construct = _SCALARS.get(tag)
        if construct is None:
            raise self._unknown_tag(node)
        try:
            return construct(_scalars, node)
        except (ValueError, LookupError, AttributeError, OverflowError, yaml.YAMLError):
            written = node.value if len(node.value) <= 60 else node.value[:57] + "..."
            raise self._error(
                f"{written!r} is not {_KINDS[tag.removeprefix(_YAML)]}",
                place=self._place(node),
                remedy="Put quotes around it if it is text.",
            ) from None

    def _unknown_tag(self, node: Any) -> InputError:
        tag = node.tag.replace(_YAML, "!!")
        remedy = "Known are !vault, !unsafe and YAML's own; text that starts with '!' needs quotes."
        return self._error(f"unknown YAML tag {tag!r}", place=self._place(node), remedy=remedy)

    def _place(self, node: Any) -> Place:
        mark = node.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1)


_UNFINISHED = object()
_STR, _MERGE = _YAML + "str", _YAML + "merge"
_COLLECTIONS = {_YAML + name for name in ("map", "seq", "omap", "pairs", "set")}
_KINDS = {
    "null": "null", "bool": "true or false", "int": "a whole number that can be read", "float": "a number", "timestamp": "a date or time",
    "binary": "binary data in base64",
}  # fmt: skip
_SCALARS: dict[str, Callable[[Any, Any], Any]] = {
    _YAML + "null": lambda make, node: make.construct_yaml_null(node),
    _YAML + "bool": lambda make, node: make.construct_yaml_bool(node),
    _YAML + "int": lambda make, node: make.construct_yaml_int(node),
    _YAML + "float": lambda make, node: make.construct_yaml_float(node),
    _YAML + "timestamp": lambda make, node: make.construct_yaml_timestamp(node),
    _YAML + "binary": lambda make, node: make.construct_yaml_binary(node),
}
