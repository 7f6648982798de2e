"""The same tasks under ansible-playbook and here: the same outcome, no key less, the same files."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hotdesk.errors import ArgumentError
from hotdesk.results import failure

if TYPE_CHECKING:
    from tests.unit.actions.builtin.conftest import RunResult

pytestmark = pytest.mark.ansible
BIN = Path(sys.executable).parent

TASKS: list[tuple[str, dict[str, Any]]] = [
    ("file", {"path": "d/e", "state": "directory", "mode": "0750"}),
    ("file", {"path": "d/e", "state": "directory", "mode": "0750"}),
    ("file", {"path": "d", "state": "directory", "mode": "u=rwX,go=rX", "recurse": True}),
    ("file", {"path": "touched", "state": "touch", "mode": "a=r,u+w"}),
    ("file", {"path": "touched", "state": "touch", "modification_time": "preserve", "access_time": "preserve"}),
    ("file", {"path": "ln", "src": "BASE/touched", "state": "link"}),
    ("file", {"path": "ln", "src": "BASE/touched", "state": "link"}),
    ("file", {"path": "ln", "src": "BASE/d", "state": "link"}),
    ("file", {"path": "hard", "src": "BASE/touched", "state": "hard"}),
    ("file", {"path": "hard", "src": "BASE/touched", "state": "hard"}),
    ("file", {"path": "touched", "mode": "u+x,g-r,o="}),
    ("file", {"path": "touched", "state": "directory"}),
    ("file", {"path": "nope", "state": "file"}),
    ("file", {"path": "ln2", "src": "nonexist", "state": "link"}),
    ("file", {"path": "ln2", "src": "nonexist", "state": "link", "force": True, "follow": False}),
    ("file", {"path": "ln", "state": "absent"}),
    ("file", {"path": "ln", "state": "absent"}),
    ("copy", {"content": "one\ntwo\n", "dest": "c1", "mode": "0644"}),
    ("copy", {"content": "one\ntwo\n", "dest": "c1"}),
    ("copy", {"content": "one\ntwo\n", "dest": "c1", "mode": "0600"}),
    ("copy", {"content": "other\n", "dest": "c1", "force": False}),
    ("copy", {"content": {"a": 1, "b": [1, 2]}, "dest": "c2"}),
    ("copy", {"src": "BASE/in/tree", "dest": "dst"}),
    ("copy", {"src": "BASE/in/tree", "dest": "dst"}),
    ("copy", {"src": "BASE/in/tree/", "dest": "dst2", "directory_mode": "0711"}),
    ("copy", {"src": "BASE/in/tree/a", "dest": "new/", "mode": "preserve"}),
    ("copy", {"src": "BASE/in/tree/a", "dest": "rs", "remote_src": True}),
    ("copy", {"src": "BASE/in/tree", "dest": "rsd", "remote_src": True}),
    ("copy", {"src": "BASE/in/tree", "dest": "rsd", "remote_src": True}),
    ("copy", {"src": "BASE/in/tree/a", "dest": "nodir/x"}),
    ("copy", {"content": "x", "dest": "v", "validate": "false %s"}),
    ("copy", {"content": "x", "dest": "d"}),
    ("lineinfile", {"path": "c1", "line": "three"}),
    ("lineinfile", {"path": "c1", "line": "three"}),
    ("lineinfile", {"path": "c1", "regexp": "^o(.)e", "line": "1\\1", "backrefs": True}),
    ("lineinfile", {"path": "c1", "regexp": "^t", "line": "X"}),
    ("lineinfile", {"path": "c1", "line": "top", "insertbefore": "BOF"}),
    ("lineinfile", {"path": "c1", "line": "mid", "insertafter": "^1"}),
    ("lineinfile", {"path": "c1", "regexp": "^X", "state": "absent"}),
    ("lineinfile", {"path": "c9", "line": "x"}),
    ("lineinfile", {"path": "c9", "line": "x", "create": True, "mode": "0600"}),
    ("stat", {"path": "c1"}),
    ("stat", {"path": "d"}),
    ("stat", {"path": "ln2"}),
    ("stat", {"path": "nope"}),
    ("slurp", {"src": "c1"}),
    ("slurp", {"src": "nope"}),
    ("command", {"cmd": "echo hi"}),
    ("command", {"cmd": "false"}),
    ("command", {"cmd": "no-such-program"}),
    ("command", {"cmd": "echo hi", "creates": "BASE"}),
    ("command", {"cmd": "echo hi", "chdir": "/nonexistent"}),
    ("shell", {"cmd": "echo out; echo err >&2; exit 3"}),
    ("wait_for", {"path": "c1", "search_regex": "t(o)p"}),
    ("wait_for", {"path": "nope", "timeout": 0}),
    ("fetch", {"src": "c1", "dest": "fetched"}),
    ("fetch", {"src": "c1", "dest": "fetched"}),
    ("fetch", {"src": "nope", "dest": "fetched"}),
    ("ping", {}),
    ("set_stats", {"data": {"a": 1}}),
    ("group_by", {"key": "k_1", "parents": ["p"]}),
    ("validate_argument_spec", {"argument_spec": {"a": {"type": "int"}}, "provided_arguments": {"a": "x"}}),
]
PATHS = ("path", "dest", "src")
NOT_COMPARED = {"exception", "invocation", "diff", "warnings", "deprecations"}
"""Tracebacks and the like. (A diff is in our result only when it was asked for.)"""


def absolute(args: dict[str, Any], base: Path) -> dict[str, Any]:
    """Relative paths below ``base``; ``nonexist`` stays, it is what a link points to."""
    full = dict(args)
    for name, value in args.items():
        if isinstance(value, str) and value.startswith("BASE"):
            full[name] = str(base) + value[4:]
        elif name in PATHS and isinstance(value, str) and not value.startswith("/") and value != "nonexist":
            full[name] = f"{base}/{value}"
    return full


def prepared(base: Path) -> Path:
    (base / "in/tree/deep").mkdir(parents=True)
    (base / "in/tree/a").write_text("a")
    (base / "in/tree/deep/b").write_text("b")
    return base


async def by_ansible(base: Path) -> list[dict[str, Any]]:
    """The registered results of all tasks under ansible-playbook."""
    tasks: list[dict[str, Any]] = []
    for number, (action, args) in enumerate(TASKS):
        tasks.append({action: absolute(args, base), "register": f"r{number}", "ignore_errors": True})
    names = ", ".join(f"r{number}" for number in range(len(TASKS)))
    tasks.append({"copy": {"dest": f"{base}/../results.json", "content": "{{ [" + names + "] | to_json }}"}})
    play = [{"hosts": "vega", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (base.parent / "play.yml").write_text(yaml.safe_dump(play))
    process = await asyncio.create_subprocess_exec(
        *(BIN / "ansible-playbook", "-i", "vega,", "play.yml", "-e", f"ansible_python_interpreter={sys.executable}"),
        cwd=base.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "ANSIBLE_PIPELINING": "1", "HOME": str(base.parent)},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    results: list[dict[str, Any]] = json.loads((base.parent / "results.json").read_text())
    return results


def files(base: Path) -> dict[str, tuple[str, str]]:
    """What stands below ``base``: type and mode, content or where a link points to."""
    found = {}
    for path in sorted(base.rglob("*")):
        name = str(path.relative_to(base)).replace(str(base.parent)[1:], "PARENT")
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()).replace(str(base), "BASE"))
        else:
            found[name] = (stat.filemode(path.stat().st_mode), path.read_text() if path.is_file() else "")
    return found


@pytest.mark.slow
async def test_results_and_files_are_ansibles(result: RunResult, tmp_path: Path) -> None:
    """Every task gives the same changed, failed and skipped and every key, and leaves the same files."""
    if not (BIN / "ansible-playbook").exists():
        pytest.fail("needs ansible-playbook") if os.environ.get("CI") == "true" else pytest.skip(
            "needs ansible-playbook"
        )
    theirs, ours = prepared(tmp_path / "theirs/base"), prepared(tmp_path / "ours/base")
    expected = await by_ansible(theirs)
    wrong = []
    for (action, args), want in zip(TASKS, expected, strict=True):
        try:
            got = (await result(action, _diff=False, **absolute(args, ours))).registered()
        except ArgumentError as problem:
            got = failure(problem.message).registered()
        states = {name: (want.get(name, False), got.get(name, False)) for name in ("changed", "failed", "skipped")}
        missing = set(want) - set(got) - NOT_COMPARED
        if action == "stat":
            missing |= set(want["stat"]) ^ set(got["stat"])
        if any(one != other for one, other in states.values()) or missing:
            wrong.append(f"{action} {args}: {states} missing={missing} {want.get('msg')!r} {got.get('msg')!r}")
    assert not wrong, "\n".join(wrong)
    assert files(ours) == files(theirs)
