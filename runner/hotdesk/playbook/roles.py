"""Roles applied: their dependencies first, then their own tasks, with the keywords of the entry that names them around it all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.playbook.imports import static_variables
from hotdesk.playbook.keywords import FALSE, LEVELS, TRUE, check, is_template, shown
from hotdesk.playbook.model import Block, Role, RoleUse, Task
from hotdesk.playbook.role_files import MAIN, Choice, RoleSource, find_role, read_role
from hotdesk.results import EMPTY
from hotdesk.source import Map, Seq, Trusted, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.place import Place
    from hotdesk.playbook.context import Context
    from hotdesk.playbook.inherit import Inherited
    from hotdesk.playbook.tasks import TaskReader

OPTIONS = (
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "public",
    "allow_duplicates",
    "rolespec_validate",
)
"""Of include_role and import_role, beside the name."""
_GALAXY = frozenset({"src", "version", "scm"})
"""What ansible-galaxy reads in a dependency; it means nothing in a run."""


@frozen
class Applied:
    """A role and its dependencies, ready: implicit blocks (dependencies first), handlers, and every use (dependencies first)."""

    blocks: tuple[Block, ...]
    handlers: tuple[Task | Block, ...]
    use: RoleUse
    uses: tuple[RoleUse, ...]


@frozen(kw_only=True)
class _Entry:
    name: str
    choice: Choice = MAIN
    params: Mapping[str, Any] = EMPTY
    key: tuple[Any, ...] = ()
    public: bool = True
    allow_duplicates: bool | None = None
    validate: bool = True
    from_include: bool = False
    place: Place | None = None


class RoleReader:
    """Applies roles for one Loader; ``tasks`` reads their task files."""

    def __init__(self, context: Context, tasks: TaskReader) -> None:
        self.context = context
        self.tasks = tasks

    def entry(
        self, written: Any, around: Inherited, parents: tuple[RoleUse, ...] = (), *, place: Place | None = None
    ) -> Applied:
        """An entry of ``roles:`` or of a role's ``dependencies``: a name, or a mapping with keywords and params.

        ``place``: of the list it stands in.
        """
        if isinstance(written, int) and not isinstance(written, bool):
            written = Trusted(str(written), place)
        if isinstance(written, str):
            values = Map({"role": written}, place_of(written) or place)
        elif isinstance(written, Map):
            values = written
        else:
            raise PlaybookError(
                f"a role must be a name or a mapping, not {shown(written)}", place=place_of(written) or place
            )
        name = values.get("role", values.get("name", values.get("src")))
        if not isinstance(name, str) or not name:
            raise PlaybookError("this entry names no role", place=values.place, remedy="Add 'role: NAME'.")
        if "," in name and not is_template(name):
            raise PlaybookError(
                f"Invalid old style role requirement: {name}", place=place_of(name) or values.place,
                remedy="'roles' takes a name, or a mapping with 'role: NAME'.")  # fmt: skip
        known = LEVELS["role"]
        keywords = Map(((k, v) for k, v in values.items() if k in known), values.place)
        check(keywords, "role", where=values.place)
        self.context.check_variables(keywords.get("vars"), values.place)
        params = {k: v for k, v in values.items() if k not in known and k not in _GALAXY}
        for key in params:
            if near := nearest(str(key), known):
                self.context.warn(f"{str(key)!r} is taken for a parameter of the role. {near}", place_of(key))
        inside = around.extend(self.tasks.named(keywords, around))
        name = str(self.context.static(name, {**static_variables(inside), **params}, "a role's name", values.place))
        said = {k: v for k, v in keywords.items() if k not in ("role", "name")}
        key = (_frozen(said), _frozen(params), MAIN, False)
        public = not self.context.settings.private_role_vars
        entry = _Entry(
            name=name, params=params, key=key, public=public, place=place_of(values.get("role")) or values.place
        )
        return self._apply(entry, inside, around, parents)

    def imported(self, args: Mapping[str, Any], inside: Inherited, place: Place | None) -> Applied:
        """import_role: ``args`` are rendered; ``inside`` already has the import's own keywords."""
        for option in args:
            if option not in ("name", "role", *OPTIONS):
                raise PlaybookError(
                    f"import_role has no option {str(option)!r}", place=place_of(option) or place,
                    remedy=nearest(str(option), OPTIONS) or "Variables for the role go under 'vars:'.")  # fmt: skip
        return self.named(
            args,
            inside,
            place,
            public=_flag(args, "public", not self.context.settings.private_role_vars),
            from_include=True,
        )

    def named(
        self, args: Mapping[str, Any], inside: Inherited, place: Place | None, *, public: bool, from_include: bool
    ) -> Applied:
        """import_role or include_role of the role that ``args`` names."""
        name = args.get("name") or args.get("role")
        if not isinstance(name, str):
            raise PlaybookError("the role's name is missing", place=place, remedy="Add 'name: ROLE'.")
        choice = Choice(
            **{part: _text(args, f"{part}_from", place) for part in ("tasks", "vars", "defaults", "handlers")}
        )
        entry = _Entry(
            name=name, choice=choice, key=(_frozen(inside.vars), _frozen(inside.include_params), choice, True), public=public,
            allow_duplicates=_flag(args, "allow_duplicates", True), validate=_flag(args, "rolespec_validate", True),
            from_include=from_include, place=place_of(name) or place,
        )  # fmt: skip
        parents = (inside.role, *inside.role.parents) if inside.role else ()
        return self._apply(entry, inside, inside, parents)

    def _apply(self, entry: _Entry, inside: Inherited, near: Inherited, parents: tuple[RoleUse, ...]) -> Applied:
        name, path, collection = find_role(self.context, entry.name, near, entry.place)
        mark = ("role", path, entry.choice.tasks)
        if mark in self.context.loading:
            chain = [one[1].name for one in self.context.loading if isinstance(one, tuple)]
            raise PlaybookError(f"role {name!r} needs itself: {' -> '.join([*chain, path.name])}", place=entry.place)
        source = read_role(self.context, name, path, collection, entry.choice, entry.place)
        role = source.role
        if entry.allow_duplicates is not None:
            role = replace(role, allow_duplicates=entry.allow_duplicates)
        use = RoleUse(
            role=role, params=entry.params, parents=parents, public=entry.public, from_include=entry.from_include,
            key=(str(path), *entry.key),
        )  # fmt: skip
        inside = replace(inside, role=use, collections=role.collections, files=())
        self.context.loading.append(mark)
        try:
            dependencies = [
                self.entry(one, inside, (use, *parents), place=source.dependencies_at) for one in source.dependencies
            ]
            # the two ends of this relation name each other, and both are frozen: the second is set once, here, before anybody sees it
            object.__setattr__(use, "dependencies", tuple(one.use for one in dependencies))
            block, handlers = self._own(source, role, entry, inside)
        finally:
            self.context.loading.pop()
        return Applied(
            blocks=(*(block for one in dependencies for block in one.blocks), block),
            handlers=(*(handler for one in dependencies for handler in one.handlers), *handlers),
            use=use,
            uses=(*(use for one in dependencies for use in one.uses), use),
        )

    def _own(
        self, source: RoleSource, role: Role, entry: _Entry, inside: Inherited
    ) -> tuple[Block, tuple[Task | Block, ...]]:
        """The role's own tasks as its implicit block, and its own handlers."""
        tasks: list[Task | Block] = []
        if entry.validate and role.argument_spec:
            tasks.extend(self._validation(source, role, entry, inside))
        if source.tasks_file:
            tasks.extend(self.tasks.read(source.tasks, replace(inside, files=(source.tasks_file,))))
        handlers: tuple[Task | Block, ...] = ()
        if source.handlers_file:
            around = replace(inside, files=(source.handlers_file,))
            handlers = self.tasks.read(source.handlers, around, handlers=True)
        return Block(tasks=tuple(tasks), place=entry.place, role=inside.role), handlers

    def _validation(self, source: RoleSource, role: Role, entry: _Entry, inside: Inherited) -> tuple[Task | Block, ...]:
        """The task that checks the role's arguments before its first task ("Role argument validation")."""
        spec = role.argument_spec or EMPTY
        name = f"Validating arguments against arg spec '{source.entry_point}'"
        if spec.get("short_description"):
            name += f" - {spec['short_description']}"
        where = place_of(spec) or entry.place
        values = Map(
            {
                "name": Trusted(name, where),
                "ansible.builtin.validate_argument_spec": Map(
                    {
                        "argument_spec": spec.get("options") or Map(),
                        "provided_arguments": Map(entry.params),
                        "validate_args_context": Map(
                            {
                                "type": "role",
                                "name": role.name,
                                "argument_spec_name": source.entry_point,
                                "path": str(role.path),
                            }
                        ),
                    },
                    where,
                ),
                "tags": Seq(["always"]),
            },
            where,
        )
        return self.tasks.read(Seq([values], where), inside)


def _flag(args: Mapping[str, Any], name: str, default: bool) -> bool:
    value = args.get(name)
    if value is None or isinstance(value, bool):
        return default if value is None else value
    if str(value).lower() in TRUE | FALSE:
        return str(value).lower() in TRUE
    raise PlaybookError(f"{name!r} must be true or false, not {shown(value)}", place=place_of(value))


def _text(args: Mapping[str, Any], name: str, place: Place | None) -> str:
    value = args.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PlaybookError(f"Expected a string for {name} but got {shown(value)}", place=place_of(value) or place)
    return str(value)


def _frozen(value: Any) -> Any:
    """A hashable that is equal for equal values."""
    if isinstance(value, dict):
        return tuple(sorted(((str(k), _frozen(v)) for k, v in value.items()), key=lambda pair: pair[0]))
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, str):
        return str(value)
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
