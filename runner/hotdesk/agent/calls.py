"""Functions run in a fork of the warm agent, their items and result streamed back as frames.

The fork is a session of its own, marked like a command, with stdin from the runner (or /dev/null) and stdout and stderr collected
as text. What it makes under a temporary name it notes first (``about_to_make``): killed, it leaves nothing. On the stream ``result``
it sends frames ``{"item": v}``..., then one of ``{"result": v}`` and ``{"error": kind, ...}``.

A module that ``stays`` (the runner's own: it defines functions and does nothing else) is in the agent itself, and so in every later
fork; its calls share one fork where they can (``standby.py``). So does one that is called with ``parts`` (hashes of what was sent before):
its ``ready(parts, sent)`` is called first, in the agent, for what it unpacks and imports.
"""

from __future__ import annotations

import os

from hotdesk.agent import leaving, process
from hotdesk.agent.frames import pack
from hotdesk.agent.note import Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from hotdesk.agent.main import Agent


class Failed(Exception):
    """The task has failed, said by the called code: ``raise Failed("no such table", table="notes")``.

    Called code gets this class as the global ``Failed`` unless it defines one of its own: any exception whose class is named
    ``Failed`` counts, with ``args[0]`` as the message and its attribute ``data`` (a dict), if any, as the data.
    """

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.msg, self.data = msg, data


def start(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    """Fork for a call: {module (its name), hash (None: one of this package), function, args, kwargs, env, stdin, leashed, stays, parts} + payload."""
    ident = header["id"]
    code = None
    if header.get("hash") is not None:
        code = agent.codes[header["hash"]]
        if isinstance(code, bytes):
            _warm(code)
            code = agent.codes[header["hash"]] = compile(code, "<" + header["module"] + ">", "exec", dont_inherit=True)
    if header.get("parts") is not None:
        _stay(header["module"], code).ready(header["parts"], agent.codes)
    kwargs = dict(header["kwargs"])
    if header.get("payload"):
        kwargs["payload"] = body
    marks = _marks(agent, header)
    if header.get("stays"):
        from hotdesk.agent import standby

        _stay(header["module"], code)
        if standby.start(agent, header, kwargs, marks):
            return
    note = Note()

    def child(report: int) -> None:
        os.environ.update(marks)
        perform(report, lambda: _function(header, code, note), header["args"], kwargs)

    started = process.Process(agent, ident, header["task"], agent.mark(ident))
    started.on_exit = lambda status: put_away(agent, note, status)
    started.leashed = bool(header.get("leashed"))
    agent.begin(started, child, stdin=None if header.get("stdin") else agent.null, stdout=None, result=True)


def _warm(source: bytes) -> None:
    """Import here what a module imports at its beginning: in each fork anew it takes longer than what most are called for."""
    for line in source.decode("utf-8", "replace").split("\n"):
        names = line[7:].split(",") if line.startswith("import ") else [line[5:]] if line.startswith("from ") else []
        for name in names:
            try:
                __import__(name.split()[0])
            except Exception:  # the fork says it
                pass


def _stay(name: str, code: Any) -> Any:
    """The module ``name``, in the agent itself."""
    import sys

    if name not in sys.modules:
        module = sys.modules[name] = type(sys)(name)
        module.__dict__["Failed"] = Failed
        try:
            exec(code, module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def release(agent: Agent) -> None:
    """The run has finished: what goes on in the background is told so on its stdin, and is nobody's from now on."""
    for each in [request for request in agent.requests.values() if request.leashed]:
        each.feed(b"k")
        agent.guardian.forget(each.id)
        del agent.requests[each.id]


def _marks(agent: Agent, header: dict[str, Any]) -> dict[str, str]:
    own = {"HOTDESK_RUN": agent.run, "HOTDESK_TASK": header["task"], "HOTDESK_REQUEST": agent.mark(header["id"])}
    return {**(header.get("env") or {}), **own}


def put_away(agent: Agent, note: Note, status: int) -> None:
    """A call that was killed leaves nothing; what a finished one leaves on purpose its task removes, or the agent when it leaves."""
    path = note.take()
    if path and status:
        leaving.remove(path)
    elif path and os.path.lexists(path):
        agent.temporary.add(path)


def _function(header: dict[str, Any], code: Any, note: Note) -> Callable[..., Any]:
    import sys

    name = header["module"]
    if code is None:
        from importlib import import_module

        module = import_module("hotdesk.agent." + name)
    elif header.get("stays") or header.get("parts") is not None:
        module = sys.modules[name]
    else:
        module = sys.modules[name] = type(sys)(name)
        module.__dict__.update(Failed=Failed, about_to_make=note.about_to_make)
        exec(code, module.__dict__)
    return prepared(module, header["function"], note)


def prepared(module: Any, function: str, note: Note) -> Callable[..., Any]:
    """A function of a module, which gets what called code is given unless it has its own."""
    module.__dict__.setdefault("Failed", Failed)
    module.__dict__["about_to_make"] = note.about_to_make
    return getattr(module, function)  # type: ignore[no-any-return]


def perform(report: int, find: Callable[[], Callable[..., Any]], args: list[Any], kwargs: dict[str, Any]) -> None:
    """Call and report; never returns."""
    answer(lambda header: put(report, pack(header)), find, args, kwargs)
    os._exit(0)


def answer(
    write: Callable[[dict[str, Any]], None],
    find: Callable[[], Callable[..., Any]],
    args: list[Any],
    kwargs: dict[str, Any],
) -> None:
    """Call, and ``write`` the items and what it gave or raised."""
    try:
        value = find()(*args, **kwargs)
        if hasattr(value, "send") and hasattr(value, "__next__"):
            while True:
                try:
                    item = next(value)
                except StopIteration as end:
                    value = end.value
                    break
                write({"item": item})
        write({"result": value})
    except BaseException as exc:
        write(error(exc))


def put(report: int, data: bytes) -> None:
    """All of ``data`` into a pipe."""
    left = memoryview(data)
    while left:
        left = left[os.write(report, left) :]


def error(exc: BaseException) -> dict[str, Any]:
    """An exception as fields: error "os", "failed" or "fault"."""
    import traceback

    if isinstance(exc, OSError) and exc.errno is not None:
        return process.os_error(exc)
    if type(exc).__name__ == "Failed":
        return {"error": "failed", "msg": str(exc.args[0] if exc.args else exc), "data": getattr(exc, "data", {})}
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    return {"error": "fault", "msg": "{}: {}".format(type(exc).__name__, exc), "traceback": text}
