"""What every part of the loader needs: the settings, the catalogue of actions, file reading, warnings, templates of static names."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hotdesk.errors import IncludeError, PlaybookError, VariableError
from hotdesk.place import Place
from hotdesk.playbook.keywords import KEYWORDS, is_identifier, is_template
from hotdesk.results import EMPTY
from hotdesk.source import Map, Seq, load_yaml_file, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hotdesk.playbook.model import Block, RoleUse, Task
    from hotdesk.settings import Settings

    RenderStatic = Callable[[str, Mapping[str, Any]], Any]
    """(text, variables) -> value; raises TemplateError or UndefinedError. The values of ``variables`` are raw."""

_ids: Iterator[int] = itertools.count(1)


class Groups(Protocol):
    """The action groups (``actions.groups.Groups``)."""

    def resolve(self, written: str, place: Place | None) -> str:
        """The full name of a group. Raises PlaybookError when there is none."""

    def faults(self, group: str) -> list[str]:
        """What is to be warned about in the group of that full name."""


class Actions(Protocol):
    """The catalogue of actions and collections, as far as the loader needs it (``actions.registry.ActionNames``)."""

    @property
    def groups(self) -> Groups: ...

    def resolve(self, written: str, collections: Sequence[str] = ()) -> str | None:
        """The fully qualified name of what the user wrote; None when nothing has that name."""

    def known(self) -> Iterable[str]:
        """Every right spelling, for the nearest one."""

    def removed(self, written: str) -> str:
        """What its collection says of a name that it has no more; empty when it says nothing."""

    def refusal(self, fqcn: str) -> str:
        """Why a known action cannot be run; empty when it can."""

    def check_static(self, task: Task) -> None:
        """Check what is known of the arguments without a host. Raises PlaybookError."""

    def role_path(self, name: str, collections: Sequence[str] = ()) -> tuple[str, Path] | None:
        """(namespace.collection, folder) of a collection's role."""

    def playbook_path(self, name: str) -> tuple[str, Path] | None:
        """(namespace.collection, file) of a collection's playbook."""


@dataclass(slots=True)
class PlayScope:
    """What is collected while one play is loaded, and the variables its static names may use."""

    variables: Mapping[str, Any] = EMPTY
    extra_vars: Mapping[str, Any] = EMPTY
    uses: list[RoleUse] = field(default_factory=list)
    handlers: list[Task | Block] = field(default_factory=list)


class Context:
    """One per Loader. Files are read again only when they have changed on disk."""

    def __init__(
        self,
        settings: Settings,
        actions: Actions,
        decrypt: Callable[[bytes, Place], bytes] | None = None,
        render_static: RenderStatic | None = None,
        take_plugins: Callable[[Path], None] | None = None,
    ) -> None:
        self.take_plugins = take_plugins or (lambda _folder: None)
        self.settings = settings
        self.actions = actions
        self.warnings: list[tuple[str, Place | None]] = []
        self.loading: list[object] = []
        """The files and roles being read right now, outermost first: one that is met again loops for ever."""
        self.role_sources: dict[tuple[Any, ...], Any] = {}
        self._decrypt = decrypt
        self._render = render_static
        self._files: dict[Path, tuple[tuple[int, int, int], Any]] = {}

    def warn(self, text: str, place: Place | None = None) -> None:
        if (text, place) not in self.warnings:
            self.warnings.append((text, place))

    def read(self, path: Path, *, error: type[PlaybookError | VariableError] = PlaybookError) -> Any:
        """The YAML document in ``path``. Raises ``error``."""
        try:
            state = path.stat()
        except OSError:
            return load_yaml_file(path, error=error)
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, load_yaml_file(path, error=error, warn=self._duplicate, decrypt=self._decrypt))
            self._files[path] = known
        return known[1]

    def _duplicate(self, text: str, place: Place) -> None:
        """``duplicate_dict_key``: warn, error or ignore."""
        if self.settings.duplicate_dict_key == "error":
            raise PlaybookError(text, place=place)
        if self.settings.duplicate_dict_key == "warn":
            self.warn(text, place)

    def read_list(self, path: Path, what: str) -> Seq:
        """As ``read``, for a file that must hold a list (an empty file is an empty list)."""
        data = self.read(path)
        if data is None:
            return Seq()
        if not isinstance(data, Seq):
            raise IncludeError(f"{what} must be a list, this is not one", place=place_of(data) or _file(path))
        return data

    def read_map(self, path: Path, what: str) -> Map:
        """As ``read``, for a file that must hold a mapping (an empty file is an empty mapping)."""
        data = self.read(path)
        if data is None:
            return Map()
        if not isinstance(data, Map):
            raise PlaybookError(f"{what} must be a mapping, this is not one", place=place_of(data) or _file(path))
        return data

    def static(self, text: Any, variables: Mapping[str, Any], what: str, place: Place | None) -> Any:
        """``text`` rendered with what is known before the run. Raises PlaybookError naming ``what``."""
        if not is_template(text):
            return text
        where = place_of(text) or place
        remedy = (
            "A static name may use extra vars and the play's vars, not facts or inventory variables; include_* may."
        )
        if self._render is None:
            raise PlaybookError(f"{what} is a template, and nothing here can render it", place=where, remedy=remedy)
        try:
            return self._render(text, variables)
        except VariableError as problem:
            raise PlaybookError(f"{what} cannot be rendered: {problem.message}", place=where, remedy=remedy) from None

    def check_variables(self, values: Any, place: Place | None) -> None:
        """``vars:`` is a mapping (or a list of them) of valid names; a keyword's name is worth a warning."""
        for one in values if isinstance(values, Seq) else (values,):
            if one is None:
                continue
            if not isinstance(one, dict):
                raise PlaybookError("'vars' must be a mapping", place=place_of(values) or place)
            for name in one:
                if not is_identifier(name):
                    raise PlaybookError(
                        f"{name!r} is not a valid variable name", place=place_of(name) or place,
                        remedy="Use letters, digits and underscores, and do not begin with a digit.")  # fmt: skip
                if name in KEYWORDS:
                    self.warn(f"the variable {str(name)!r} has the name of a keyword", place_of(name))


def place_of_key(values: Map, key: str) -> Place | None:
    """Where ``key`` stands in ``values``; the mapping's own place when that is not known."""
    return next((place_of(one) for one in values if one == key), None) or values.place


def next_id() -> str:
    """A task's id, unique within the process."""
    return f"task-{next(_ids)}"


def _file(path: Path) -> Place:
    return Place(str(path), 1)
