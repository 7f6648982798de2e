"""The contract of an action: arguments in, an Outcome out. One action, one file of its name in ``builtin/``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from hotdesk.errors import ArgumentError
from hotdesk.frozen import frozen
from hotdesk.paths import exists
from hotdesk.results import EMPTY, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from hotdesk.actions.background import Background
    from hotdesk.connections.base import Endpoint, Escalation
    from hotdesk.inventory.model import Inventory
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.run import JobRun
    from hotdesk.playbook.model import Task
    from hotdesk.settings import Settings
    from hotdesk.source import Decrypt


ARGUMENTS_FROM = 3
"""The verbosity from which results hold ``invocation``, which nothing shows below it."""

# Effects: what an action asks the executor to do to the run's own state. Applied by the executor alone, in order.


@frozen
class SetFacts:
    """set_fact: variables of the host (precedence 19); ``cacheable`` ones are facts too."""

    facts: Mapping[str, Any]
    cacheable: bool = False


@frozen
class IncludeVars:
    """include_vars: precedence 18. Values may be Trusted templates (they are the user's text)."""

    variables: Mapping[str, Any]


@frozen
class AddHost:
    name: str
    groups: tuple[str, ...] = ()
    variables: Mapping[str, Any] = EMPTY


@frozen
class GroupBy:
    key: str
    parents: tuple[str, ...] = ("all",)


@frozen
class SetStats:
    data: Mapping[str, Any]
    per_host: bool = False
    aggregate: bool = True


Effect = SetFacts | IncludeVars | AddHost | GroupBy | SetStats


@frozen
class Outcome:
    """What an action gives back."""

    result: Result
    effects: tuple[Effect, ...] = ()


async def _no_module(call: Call, name: str, _args: Mapping[str, Any], **_options: Any) -> Result:
    raise ArgumentError(f"there is no module {name!r}", place=call.task.place)


async def _no_way(name: str) -> tuple[Endpoint, Escalation | None]:
    raise ArgumentError(f"it is not known how {name} is reached")


@frozen(kw_only=True)
class Call:
    """One execution of an action on one host (one item of a loop): everything it may see."""

    task: Task
    host: str
    args: Mapping[str, Any]
    """Templated, checked against the action's options, aliases resolved, defaults filled in, types converted."""
    given: frozenset[str]
    """Option names the user gave (to tell a default from a choice)."""
    machine: Machine
    """The PC the task works on (the delegate, if any), as the ``become`` user if any."""
    control: Machine
    """The control node, as the user who runs hotdesk."""
    check: bool
    diff: bool
    variables: Mapping[str, Any]
    """All variables of the host for this task; values are rendered when looked up."""
    render: Callable[..., Awaitable[Any]]
    """``await render(value, extra={})``: render the user's text (only Trusted text is rendered)."""
    render_file: Callable[..., Awaitable[str]]
    """``await render_file(text, path, extra={}, **jinja_options)``: render a whole template file of the user to text."""
    search: tuple[Path, ...]
    """Directories for relative files, nearest first; see ``find_file``."""
    settings: Settings
    inventory: Inventory
    become: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    prompt: Callable[..., Awaitable[str]] | None = None
    """``await prompt(text, echo=True, timeout=None, pausing=False)`` asks the person; None when nobody can be asked. ``pausing``: keys are
    taken as they are pressed, Ctrl+C asks whether to go on, and ``timeout`` is how long to wait."""
    background: Background | None = None
    """``async``: the work is to be done in the background (only for actions that say they can be)."""
    async_dir: str = "~/.ansible_async"
    """Where job files are kept on the task's PC."""
    wait_for_connection: Callable[[float, float], Awaitable[None]] | None = None
    """``(timeout, connect_timeout)``: drop the host's link and reconnect until it answers."""
    emit_note: Callable[[str], None] = lambda _text: None
    condition: Callable[[Any], Awaitable[bool]] | None = None
    """``await condition(raw)``: a condition of the user's by the rules of ``when`` (assert's ``that``); None: by way of ``render``."""
    contained: Callable[[Any], Awaitable[Any]] | None = None
    """``await contained(template)``: the list or mapping that it leads to, its elements as the user wrote them; None: by way of ``render``."""
    decrypt: Decrypt | None = None
    """A vars file that is wholly vaulted, as bytes (blocking); its values become known as secrets."""
    machine_for: Callable[[str], Awaitable[Machine]] | None = None
    """``await machine_for(name)``: the Machine of another host of the inventory within this task (same mark and check mode), reached by
    that host's own connection variables, with this task's ``become``. Raises InventoryError (unknown name) or Unreachable."""
    run_module: Callable[..., Awaitable[Result]] = _no_module
    """``await run_module(call, name, args)``: what this action has done its part for, a module that is not ours (``actions.module``);
    ``defaults=False``: without the module_defaults of that module."""
    way_to: Callable[[str], Awaitable[tuple[Endpoint, Escalation | None]]] = _no_way
    """``await way_to(name)``: how another host of the inventory is reached, and as whom this task works there. Nothing is connected."""
    has_module: Callable[[str], bool] = lambda _name: False
    """Is there such a module?"""
    transfers: JobRun | None = None
    """What the sync jobs of a run share: the limit on transfers and the locks. One object for the whole run."""

    def find_file(self, name: str, subdirectory: str = "files") -> Path:
        """The file ``name`` of the playbook's side: for each search directory ``<dir>/<subdirectory>/name`` then ``<dir>/name``.

        Raises ArgumentError naming every place that was tried.
        """
        for directory in self.search:
            for candidate in (directory / subdirectory / name, directory / name):
                if exists(candidate):
                    return candidate
        places = [place for d in self.search for place in (d / subdirectory / name, d / name)]
        tried = "\n\t".join(dict.fromkeys(map(str, places)))
        raise ArgumentError(f"Could not find or access '{name}'\nSearched in:\n\t{tried}", place=self.task.place)


class Action(ABC):
    """An action. Subclasses are stateless; one instance serves all calls.

    ``DOCUMENTATION`` (YAML, in our words, Ansible's documented shape) *is* the argument spec: type, required, default, choices,
    aliases, elements, suboptions; and the ``attributes`` section says how check mode and diff are supported.
    """

    name: ClassVar[str]
    """Fully qualified: ansible.builtin.copy."""
    DOCUMENTATION: ClassVar[str]
    free_form: ClassVar[str | None] = None
    """The option a free-form text goes to (command: ``_raw_params``), None when the action takes only key=value."""
    check_mode: ClassVar[str] = "full"
    """full: ``run`` is called and must not change anything; none: skipped in check mode; partial: called, may skip itself."""
    needs_machine: ClassVar[bool] = True
    """False: never touches the host (debug, set_fact, ...): no connection is made for it."""
    bypass_host_loop: ClassVar[bool] = False
    """True: runs once for all hosts of the batch (add_host, pause)."""
    background: ClassVar[bool] = False
    """True: may be done in the background (``async``): all that it does there is one function, called by ``ask``."""
    unchecked: ClassVar[bool] = False
    """True: ``args`` are rendered, and it checks them itself where it runs."""
    raw_args: ClassVar[bool] = False
    """True: ``args`` are as the user wrote them, neither templated nor checked nor filled with defaults (only a template that is the
    whole mapping has been rendered); the action renders what is text and checks it itself: set_fact, debug (``var``), assert (``that``)."""

    @abstractmethod
    async def run(self, call: Call) -> Outcome | Result:
        """Do it. Raise TaskError (or return ``failure(...)``) to fail; OSErrors of the machine are turned into failures for you."""
