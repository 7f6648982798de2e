"""A task's work in the background of a PC: watched, bounded, its result kept in a job file as Ansible's ``async_status`` expects it.

``start`` is the watcher. It is the agent's child like every call and is ended with the agent, and with it all that it has started, unless
the agent says on its stdin that the run has finished: from then on it goes on by itself (``poll: 0``).
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time

from hotdesk.actions.on_target.hidden import noted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator, Mapping, Tuple

RELEASED = b"k"
"""What the agent writes to the watcher's stdin when the run has finished."""
GRACE = 2.0
"""Seconds between TERM and KILL for work that took too long."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def start(
    directory: str, number: int, limit: float, work: Mapping[str, Any], *, leashed: bool
) -> Generator[Mapping[str, Any], None, Mapping[str, Any]]:
    """Begin ``work`` ({source, function, kwargs}, or ``resident``, a module that is there, for source); yield what is known; return its result.

    ``leashed``: the runner does not wait; stdin is the agent's leash, and the result is in the job file alone.
    """
    jid = "j%d.%d" % (number, os.getpid())
    path = os.path.join(os.path.expanduser(directory), jid)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    known = {"ansible_job_id": jid, "started": True, "results_file": path}
    if not leashed:
        noted(path)
    keep(path, dict(known, finished=False))
    _control(PR_SET_CHILD_SUBREAPER, 1)
    if leashed:
        _control(PR_SET_PDEATHSIG, 0)  # our own way to end is better: with all that we have started
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
    signal.signal(signal.SIGTERM, _stop)
    try:
        child, answers = _begin(
            work
        )  # before it is told, so that quick work is done when the next task asks, as playbooks expect
        yield dict(known, finished=False)
        found = _watch(child, answers, limit, leashed)
    except _Stopped:
        found = {"failed": True, "msg": "the run that had started this job was stopped before it was finished"}
        keep(path, dict(found, **dict(known, finished=True)))  # before the agent's KILL ends us, too
        _end_all()
    keep(path, dict(found, **dict(known, finished=True)))
    if leashed:
        os._exit(0)
    os.unlink(path)
    return dict(found, **dict(known, finished=True))


class _Stopped(Exception):
    """The run is over before the work is."""


def _stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _begin(work: Mapping[str, Any]) -> Tuple[int, int]:
    """Do the work in a child: (its pid, where its answer is to be read)."""
    code = None if "resident" in work else compile(work["source"], "<work>", "exec", dont_inherit=True)
    answers, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answers)
        _perform(work, code, theirs)
    os.close(theirs)
    return child, answers


def _watch(child: int, answers: int, limit: float, leashed: bool) -> dict[str, Any]:
    """The child's answer."""
    said, deadline = b"", time.monotonic() + limit
    heard = [answers, 0] if leashed else [answers]
    while True:
        ready = select.select(heard, [], [], max(0.0, deadline - time.monotonic()))[0]
        if not ready:
            _end_all()
            return {"failed": True, "msg": "async task did not complete within the requested time - %gs" % limit}
        if 0 in ready:
            heard.remove(0)
            if os.read(0, 1) != RELEASED:
                raise _Stopped
        if answers in ready:
            more = os.read(answers, 1 << 16)
            said += more
            if not more:
                break
    os.waitpid(child, 0)
    return dict(json.loads(said)) if said else {"failed": True, "msg": "the work ended without a word"}


def _perform(work: Mapping[str, Any], code: Any, report: int) -> None:
    """In the child: call the function and report what it gives. Never returns."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        given = {"Failed": _Failed, "about_to_make": lambda _path: None}
        if "resident" in work:
            module = sys.modules[work["resident"]]
            module.__dict__.update(given)
        else:
            module = type(sys)("hotdesk_background_work")
            module.__dict__.update(given)
            sys.modules[module.__name__] = module
            exec(code, module.__dict__)
        found = getattr(module, work["function"])(**work["kwargs"])
    except _Failed as no:
        found = dict(no.data, failed=True, msg=str(no))
    except OSError as exc:
        found = {"failed": True, "msg": "%s: %r" % (exc.strerror, exc.filename) if exc.filename else str(exc)}
    except BaseException as exc:
        found = {"failed": True, "msg": "%s: %s" % (type(exc).__name__, exc)}
    try:
        with os.fdopen(report, "wb") as stream:
            stream.write(json.dumps(found).encode("utf-8", "surrogatepass"))
    finally:
        os._exit(0)


class _Failed(Exception):
    """What called code raises to fail (see the agent's calls)."""

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.data = data


def _end_all() -> None:
    """End everything that we have started: TERM, the grace, KILL, until none is left. All of it is below us: we are its reaper."""
    deadline = time.monotonic() + GRACE
    asked: set[int] = set()
    while True:
        _reap()
        found = _below(os.getpid())
        if not found or time.monotonic() > deadline + GRACE:
            return
        late = time.monotonic() > deadline
        for pid in found:
            if late or pid not in asked:
                asked.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except OSError:
                    pass
        time.sleep(0.02)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except OSError:
        pass


def _below(ancestor: int) -> list[int]:
    """The pids of all descendants, as /proc/PID/stat has them (proc(5))."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as stream:
                    parents[int(name)] = int(stream.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                pass
    found, fresh = [], [ancestor]
    while fresh:
        fresh = [pid for pid, parent in parents.items() if parent in fresh]
        found += fresh
    return found


def _control(option: int, value: int) -> None:
    """prctl(2), where there is one."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def keep(path: str, found: Mapping[str, Any]) -> None:
    """Write a job file whole: whoever reads it meanwhile reads the one before."""
    part = "%s.tmp" % path
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(json.dumps(found).encode("utf-8", "surrogatepass"))
    os.rename(part, path)


def run(
    argv: list[str], shown: Any, cwd: str | None, env: Mapping[str, str], stdin: str | None, strip: bool
) -> dict[str, Any]:
    """The work of command and shell: a program to its end, as their result has it; ``shown`` is its ``cmd``."""
    import datetime

    began = datetime.datetime.now()
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=dict(os.environ, **env),
            input=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
    except OSError as exc:
        msg = "Error executing command: %s: %r" % (exc.strerror or exc, argv[0])
        return {"failed": True, "msg": msg, "cmd": shown, "rc": exc.errno or 1, "stdout": "", "stderr": ""}
    ended = datetime.datetime.now()
    found: dict[str, Any] = {
        "cmd": shown,
        "rc": done.returncode if done.returncode >= 0 else 128 - done.returncode,
        "changed": True,
        "failed": done.returncode != 0,
        "msg": "non-zero return code" if done.returncode else "",
        "start": str(began),
        "end": str(ended),
        "delta": str(ended - began),
    }
    for name, raw in (("stdout", done.stdout), ("stderr", done.stderr)):
        text = raw.decode("utf-8", "replace")
        found[name] = text.rstrip("\r\n") if strip else text
        found[name + "_lines"] = found[name].splitlines()
    return found


def status(directory: str, jid: str) -> dict[str, Any]:
    """What a job file says; ``finished`` 1 and ``failed`` for one that there is not."""
    path = os.path.join(os.path.expanduser(directory), jid)
    known = {"ansible_job_id": jid, "results_file": path}
    try:
        with open(path, encoding="utf-8", errors="surrogatepass") as stream:
            text = stream.read()
    except FileNotFoundError:
        return dict(known, failed=True, msg="could not find job", started=True, finished=True)
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError
    except ValueError:
        return dict(known, failed=True, msg="Could not parse job output: %s" % text[:1000], started=True, finished=True)
    silent: dict[str, Any] = {"stdout": "", "stderr": "", "stdout_lines": [], "stderr_lines": []}
    started, finished = (bool(found.get(name, True)) for name in ("started", "finished"))
    return dict(silent, **dict(found, **dict(known, started=started, finished=finished)))


def forget(directory: str, jid: str) -> dict[str, Any]:
    """Remove a job file."""
    path = os.path.join(os.path.expanduser(directory), jid)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    return {"ansible_job_id": jid, "erased": path}
