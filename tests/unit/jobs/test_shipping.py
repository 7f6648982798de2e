"""What travels to the target is one text that needs nothing but Python 3.8."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hotdesk.actions import on_target
from hotdesk.actions.on_target import facts, files
from hotdesk.jobs import on_target as jobs_on_target
from hotdesk.jobs.shipping import bundle

HALVES = [
    f"{package.__name__}.{name}"
    for package in (on_target, jobs_on_target)
    for _, name, _ in pkgutil.iter_modules(package.__path__)
]
OLDEST = Path.home() / ".pyenv/versions/3.8.18/bin/python"


def source(name: str) -> str:
    return inspect.getsource(bundle(importlib.import_module(name)))


@pytest.mark.parametrize("name", HALVES)
def test_a_bundle_needs_the_standard_library_alone(name: str) -> None:
    """No bundle imports anything that is not in the standard library."""
    imported = set()
    for node in ast.walk(ast.parse(source(name), feature_version=(3, 8))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names


def test_a_bundle_has_what_its_module_imports() -> None:
    """What is imported of the folder stands in the text, before it is used, once."""
    text = source("hotdesk.actions.on_target.files")
    assert text.count("\ndef adjust(") == 1
    assert text.index("class Refused") < text.index("\ndef adjust(") < text.index("def set_state(")
    assert bundle(files) is bundle(files)


def old_python() -> str:
    """The oldest Python we promise, or a skip that names it."""
    for candidate in (OLDEST, shutil.which("python3.8")):
        if candidate and Path(candidate).exists():
            return str(candidate)
    if os.environ.get("CI") == "true":
        pytest.fail("needs Python 3.8")
    pytest.skip("needs Python 3.8")


RUN = """
import json, sys
request = json.load(sys.stdin)
module = type(sys)("half")
sys.modules["half"] = module
exec(compile(request["source"], "half", "exec"), module.__dict__)
print(json.dumps(getattr(module, request["function"])(**request["arguments"])))
"""


def there(module: str, function: str, **arguments: object) -> dict[str, object]:
    """Run a half in a fresh interpreter of the oldest Python."""
    request = {"source": source(f"{on_target.__name__}.{module}"), "function": function, "arguments": arguments}
    done = subprocess.run(
        [old_python(), "-I", "-c", RUN], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_files_work_on_the_oldest_python(tmp_path: Path) -> None:
    """A directory is made by Python 3.8."""
    path = str(tmp_path / "a/b")
    answer = there("files", "set_state", path=path, state="directory", attributes={"mode": "u=rwx,go="})
    assert (answer["changed"], answer["mode"]) == (True, "0700")


def test_lines_and_stat_work_on_the_oldest_python(tmp_path: Path) -> None:
    """A line is added and the file looked at by Python 3.8."""
    path = str(tmp_path / "x")
    assert there("lines", "set_line", path=path, options={"line": "a", "create": True}, attributes={})["changed"]
    assert there("inspecting", "look", path=path)["stat"]["size"] == 2  # type: ignore[index]


def test_facts_are_gathered_on_the_oldest_python() -> None:
    """All facts come without a warning from Python 3.8."""
    answer = there("facts", "gather")
    assert answer["warnings"] == []
    assert answer["ansible_facts"]["ansible_python_version"].startswith("3.8")  # type: ignore[index]
    assert facts.chosen(["!all", "!min"]) == []
