"""Ansible modules on the target: what a module imports comes from memory, in a fork of the agent that has imported most of it already.

``ready`` works in the agent itself, before the fork; ``run`` and ``run_file`` are the fork, which ends as a module's process ends: what it
printed is its result. Source of the contract: Ansible's "Module architecture" page (developing modules: program flow).
"""

from __future__ import annotations

import gc
import importlib
import marshal
import os
import sys
import zlib
from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER
from typing import Any, Mapping, Sequence

from hotdesk.actions.on_target.hidden import hidden_directory

JUNK = "Module invocation had junk after the JSON data: "
RESPAWN = "ansible.module_utils.common.respawn"


class Part:
    """Sources that were sent together: those of one module, or those that every module needs."""

    def __init__(self, data: bytes) -> None:
        sent = marshal.loads(data)
        self.raw: bytes = sent.get("raw", b"")
        """A module that is no Python module of Ansible's: its file."""
        self.files: dict[str, tuple[bool, str]] = sent.get("files", {})
        """Module's name -> (is a package, hash of its source)."""
        self.early: list[str] = sent.get("early", [])
        """What the agent imports itself."""
        self._sources: bytes | dict[str, bytes] = sent.get("sources", b"")
        self._codes: dict[str, bytes] = {}
        self._compiled: dict[str, Any] = {}
        if sent.get("magic") == MAGIC_NUMBER:
            self._codes = marshal.loads(zlib.decompress(sent["codes"]))

    def sources(self) -> dict[str, bytes]:
        if isinstance(self._sources, bytes):
            self._sources = dict(marshal.loads(zlib.decompress(self._sources)))
        return self._sources

    def code(self, name: str, path: str) -> Any:
        """Code that was compiled by the runner is used when this Python is of its version."""
        if name not in self._compiled:
            if name in self._codes:
                self._compiled[name] = marshal.loads(self._codes.pop(name))
            else:
                self._compiled[name] = compile(self.sources()[name], path, "exec", dont_inherit=True)
        return self._compiled[name]


class Memory:
    """Imports the files of some parts, and runs before every other importer."""

    def __init__(self, parts: Sequence[Part], place: str) -> None:
        self.place = place
        self.part = {name: part for part in parts for name in part.files}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        part = self.part.get(name)
        if part is None:
            return None
        spec = ModuleSpec(name, self, origin=self.path(name), is_package=part.files[name][0])  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual kind."""

    def exec_module(self, module: Any) -> None:
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> Any:
        return self.part[name].code(name, self.path(name))

    def get_source(self, name: str) -> str:
        return self.part[name].sources()[name].decode("utf-8", "replace")

    def is_package(self, name: str) -> bool:
        return self.part[name].files[name][0]

    def member(self, name: str) -> str:
        """The path of a module below a root."""
        return name.replace(".", "/") + ("/__init__.py" if self.is_package(name) else ".py")

    def path(self, name: str) -> str:
        return os.path.join(self.place, self.member(name))


_PARTS: dict[str, Part] = {}
_IMPORTED: dict[str, str] = {}
"""What the agent has imported -> the hash of its source."""
_PLACE = "<hotdesk>"
"""Stands in ``__file__`` for a folder that is not there."""
_site_is_ready = False


def ready(parts: Sequence[str], sent: dict[str, bytes]) -> None:
    """In the agent: unpack what is new of ``parts`` (hashes; ``sent`` has their content) and import what every call of it will need."""
    fresh = [digest for digest in parts if digest not in _PARTS]
    for digest in fresh:
        _PARTS[digest] = Part(sent.pop(digest))
    names = [name for digest in fresh for name in _PARTS[digest].early if name not in sys.modules]
    if names:
        _import_early(names, Memory([_PARTS[digest] for digest in parts], _PLACE))


def _import_early(names: Sequence[str], memory: Memory) -> None:
    """Nothing that is imported can read or write the agent's channel, and one that fails will fail again, in the fork that needs it."""
    kept = [os.dup(fd) for fd in (0, 1, 2)]
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        _make_site()
        sys.meta_path.insert(0, memory)
        for name in names:
            try:
                importlib.import_module(name)
            except BaseException:
                sys.modules.pop(name, None)
        sys.meta_path.remove(memory)
    finally:
        sys.stdout.flush()
        for fd, copy in enumerate(kept):
            os.dup2(copy, fd)
            os.close(copy)
        os.close(null)
    gc.freeze()  # else the first collection in each fork writes to, and so copies, every page of what is there
    for name, part in memory.part.items():
        if name in sys.modules:
            _IMPORTED.setdefault(name, part.files[name][1])


def _make_site() -> None:
    """The agent runs without ``site``; modules look for Python packages of the target where every Python finds them."""
    global _site_is_ready
    if _site_is_ready:
        return
    _site_is_ready = True
    import site

    site.main()
    own = site.getusersitepackages()
    if os.path.isdir(own) and own not in sys.path:
        site.addsitedir(own)


def run(parts: Sequence[str], module: str, profile: str, parameters: dict[str, Any], tmp: str) -> None:
    """In the fork: the Python module ``module`` as ``__main__``. Never returns."""
    code, folder = 1, None
    try:
        _be_plain()
        folder = _folder(tmp)
        memory = _enter([_PARTS[digest] for digest in parts])
        archive = Archive(memory, folder or tmp)
        if RESPAWN in memory.part:
            importlib.import_module(RESPAWN).__dict__["_ANSIBLE_PARENT_PATH"] = archive
        code = _loaded(module, profile, dict(parameters, _ansible_tmpdir=folder), archive)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _leave(code, folder)


def get_ready(parts: Sequence[str]) -> None:
    """In the fork: nothing more than ``ready`` has done in the agent."""
    os._exit(0)


def collect(function: str, kwargs: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """``run`` or ``run_file`` in a child of this process, to its end: the answer that it printed, as the file of an asynchronous job has it.

    As with Ansible's, what it wrote to stderr is in it, and a warning of what it printed behind the answer.
    """
    import json
    import tempfile

    os.environ.update(environment)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            (run if function == "run" else run_file)(**kwargs)
        status = os.waitpid(child, 0)[1]
        printed, errors = (_text(stream) for stream in (out, err))
    lines = printed.splitlines()
    starts = [at for at, line in enumerate(lines) if line.lstrip().startswith("{")]
    ends = [at for at, line in enumerate(lines) if line.rstrip().endswith("}")]
    try:
        found = dict(json.loads("\n".join(lines[starts[0] : ends[-1] + 1])))
        junk = "\n".join(lines[ends[-1] + 1 :])
        if junk.strip():
            said = found.get("warnings") or []
            found["warnings"] = (said if isinstance(said, list) else [said]) + [JUNK + junk]
        return dict(found, stderr=errors) if errors else found
    except (IndexError, ValueError, TypeError) as problem:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        msg = "Module result deserialization failed: %s" % (problem if starts else "No start of json char found")
        return {"failed": True, "msg": msg, "module_stdout": printed, "module_stderr": errors, "rc": code}


def _text(stream: Any) -> str:
    stream.seek(0)
    text: str = stream.read().decode("utf-8", "replace")
    return text


def _loaded(module: str, profile: str, parameters: Mapping[str, Any], archive: Archive) -> int:
    import json

    loader = importlib.import_module("ansible.module_utils._internal._ansiballz._loader")
    text = json.dumps({"ANSIBLE_MODULE_ARGS": parameters}).encode("ascii")
    try:
        loader.run_module(json_params=text, profile=profile, module_fqn=module, modlib_path=archive, extensions={})
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write("%s\n" % end.code)
        return 1
    return 0


def _enter(parts: Sequence[Part]) -> Memory:
    """Imports work from here on. What the agent has imported is forgotten if this module has another text of any of it."""
    memory = Memory(parts, _PLACE)
    if any(_IMPORTED.get(name, part.files[name][1]) != part.files[name][1] for name, part in memory.part.items()):
        for name in list(sys.modules):
            if name.partition(".")[0] in ("ansible", "ansible_collections"):
                del sys.modules[name]
    sys.meta_path.insert(0, memory)
    return memory


def _be_plain() -> None:
    """As a Python that was just started to run a program: ``environment:`` may tell it where to look, and a pipe that breaks is an error."""
    import signal

    _make_site()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.argv = [""]
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    try:
        os.getcwd()
    except OSError:
        os.chdir("/")


def _folder(tmp: str) -> str | None:
    """A directory for the module's own temporary files, below ``tmp`` or (empty) where the system has its own; None where there can be none
    (it then looks for a place itself)."""
    import tempfile

    folder = os.path.expanduser(os.path.expandvars(tmp)) or tempfile.gettempdir()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return hidden_directory(folder, "ansible-tmp-")
    except OSError:
        return None


def _leave(code: int, folder: str | None) -> None:
    """Everything that Python does when a program ends."""
    try:
        import atexit
        import threading

        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        code = code or 120  # as Python, when the last output could not be written
    finally:
        _remove(folder)
        os._exit(code)


def _remove(folder: str | None) -> None:
    if folder is None:
        return
    try:
        os.rmdir(folder)
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


class Archive(str):
    """The path of a zip file with all that a module imports, for one that starts itself again under another Python: written when it is asked for."""

    memory: Memory

    def __new__(cls, memory: Memory, folder: str) -> Archive:
        made = super().__new__(cls, os.path.join(folder, "module.zip"))
        made.memory = memory
        return made

    def written(self) -> str:
        path = str.__str__(self)
        if not os.path.exists(path):
            import zipfile

            with zipfile.ZipFile(path, "w") as made:
                for part in {id(part): part for part in self.memory.part.values()}.values():
                    for name, text in part.sources().items():
                        if self.memory.part[name] is part:
                            made.writestr(zipfile.ZipInfo(self.memory.member(name)), text)
        return path

    def __repr__(self) -> str:
        return repr(self.written())

    def __str__(self) -> str:
        return self.written()

    def __format__(self, spec: str) -> str:
        return format(self.written(), spec)


def run_file(
    parts: Sequence[str],
    name: str,
    words: Sequence[str],
    arguments: str | None,
    replaced: Sequence[Sequence[bytes]],
    tmp: str,
) -> None:
    """In the fork: a module that is a program of its own, started with ``words`` before its path and a file of ``arguments`` behind it."""
    import subprocess
    import tempfile

    code, folder = 1, None
    try:
        folder = _folder(tmp) or hidden_directory(tempfile.gettempdir(), "ansible-tmp-")
        content = _PARTS[parts[0]].raw
        for old, new in replaced:
            content = content.replace(old, new)
        command = [*words, _file(folder, name, _in_place(content, folder), 0o700)]
        if arguments is not None:
            command.append(
                _file(folder, "args", _in_place(arguments.encode("utf-8", "surrogateescape"), folder), 0o600)
            )
        try:
            code = subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()
            code = code if code >= 0 else 128 - code
        except FileNotFoundError:
            code = 127
            os.write(2, ("%s: not found\n" % command[0]).encode("utf-8", "replace"))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _leave(code, folder)


def _in_place(content: bytes, folder: str) -> bytes:
    return content.replace(b"@HOTDESK_TMPDIR@", os.fsencode(folder) + b"/")


def _file(folder: str, name: str, content: bytes, mode: int) -> str:
    path = os.path.join(folder, name)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    return path
