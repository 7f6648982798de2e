"""Rules that a reader could forget and a test does not: who may start processes and tasks, what is never switched off."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.matrix.cells import CELLS

PACKAGE = Path(__file__).parents[2] / "runner" / "hotdesk"
ON_TARGET = ("agent", "on_target")
"""Parts that run on a PC, outside the event loop."""

TASKS = {"create_task", "ensure_future", "gather", "run_in_executor", "to_thread", "new_event_loop"}
TASKS_ALLOWED = {"aio.py"}
PROCESSES = {
    "Popen",
    "check_call",
    "check_output",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "system",
    "popen",
}
MOST_LINES, MOST_FUNCTION = 400, 60


def sources() -> list[Path]:
    """Every file of the runner that runs on the control node."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not set(ON_TARGET) & set(path.parts)]


def calls(path: Path) -> list[tuple[str, str, int]]:
    """(object, method, line) of every call in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            target = node.func
            if isinstance(target, ast.Attribute):
                found.append((ast.unparse(target.value), target.attr, node.lineno))
            elif isinstance(target, ast.Name):
                found.append(("", target.id, node.lineno))
    return found


def test_concurrency_lives_in_task_groups() -> None:
    """No bare create_task, gather or executor outside aio.py; a TaskGroup's own create_task is what is wanted."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} {owner}.{name}"
        for path in sources()
        if path.name not in TASKS_ALLOWED
        for owner, name, line in calls(path)
        if name in TASKS and not (name == "create_task" and "group" in owner.lower())
    ]
    assert not wrong


def test_the_runner_starts_no_process_itself() -> None:
    """Commands are started by an agent; the local connection starts the control node's, ``hotdesk vault`` the person's editor."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} {owner}.{name}"
        for path in sources()
        if path.relative_to(PACKAGE).parts[:2] not in {("connections", "local.py"), ("cli", "editing.py")}
        and path.relative_to(PACKAGE).parts[0] != "demo"
        for owner, name, line in calls(path)
        if name in PROCESSES or (owner == "subprocess" and name == "run") or (owner == "os" and name.startswith(STARTS))
    ]
    assert not wrong


STARTS = ("spawn", "posix_spawn", "fork", "exec")


def test_nothing_sleeps_on_the_loop() -> None:
    """time.sleep has no place on the control node."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sources()
        for owner, name, line in calls(path)
        if (owner, name) == ("time", "sleep")
    ]
    assert not wrong


def test_cancellation_is_never_swallowed() -> None:
    """No ``suppress(CancelledError)`` and no bare except."""
    wrong = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} bare except")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("suppress")
                and "CancelledError" in ast.unparse(node)
            ):
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} suppress(CancelledError)")
    assert not wrong


def test_errors_leave_groups_by_except_alone() -> None:
    """What is raised in an ``except*`` comes out wrapped in a group up to Python 3.11.3 (Debian 12's; python/cpython#103590)."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.TryStar)
    ]
    assert not wrong


def test_files_and_functions_stay_short() -> None:
    """A file that grows too long is missing a noun."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        if (count := len(text.splitlines())) > MOST_LINES:
            wrong.append(f"{path.relative_to(PACKAGE)}: {count} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION:
                    wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}: {length} lines")
    assert not wrong


def test_every_module_says_what_it_is() -> None:
    """Each file begins with a docstring."""
    written = [path for path in PACKAGE.rglob("*.py") if path.read_text().strip()]
    assert not [
        str(path.relative_to(PACKAGE)) for path in written if not ast.get_docstring(ast.parse(path.read_text()))
    ]


def test_a_test_is_a_sentence() -> None:
    """Each test function has a docstring."""
    silent = []
    for path in (PACKAGE.parents[1] / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{path.name}:{node.lineno} {node.name}")
    assert not silent


def missing_checks(text: str) -> list[str]:
    """The tests and the matrix's cells that a page names and that are not there."""
    cells = {cell.name for cell in CELLS if not cell.senseless}
    wrong = []
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        path = PACKAGE.parents[1] / file
        tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        if name not in {node.name for node in tree.body if isinstance(node, functions)}:
            wrong.append(f"{file}::{name}")
    for row in re.findall(r"\bcells? ((?:`[\w-]+/[\w-]+`(?:, | and )?)+)", text):
        wrong += [name for name in re.findall(r"`(.+?)`", row) if name not in cells]
    return wrong


def test_every_check_has_its_test() -> None:
    """docs/checks.md names for each check the test that shows it; a row without one, or with one that has gone, is no check."""
    page = (PACKAGE.parents[1] / "docs" / "checks.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]
    assert len(rows) > 40
    assert [row for row in rows if "tests/" not in row and "cell" not in row] == []
    assert missing_checks(page) == []


def test_a_check_without_its_test_is_seen() -> None:
    """A file, a function, a cell of the matrix."""
    text = "`tests/no.py::test_a`, `tests/unit/test_rules.py::test_gone`, cells `SIGINT/command`, `SIGINT/nothing`"
    assert missing_checks(text) == ["tests/no.py::test_a", "tests/unit/test_rules.py::test_gone", "SIGINT/nothing"]


@pytest.mark.parametrize("text", ["import asyncio\nasyncio.gather()", "asyncio.create_task(x)"])
def test_a_broken_rule_is_seen(text: str, tmp_path: Path) -> None:
    """The call finder finds what it is asked for."""
    (tmp_path / "x.py").write_text(text)
    assert any(name in TASKS for _, name, _ in calls(tmp_path / "x.py"))


KEEPS = {"modules.py"}
"""It is in the agent for good, and each of its calls in a fork of its own."""


def test_halves_on_targets_keep_nothing_between_calls() -> None:
    """Their calls share a process (``agent.standby``): no ``global``, no cache, no container that waits to be filled."""
    wrong = [
        f"{path.name}:{getattr(node, 'lineno', 0)}"
        for path in sorted(PACKAGE.glob("actions/on_target/*.py"))
        for tree in [ast.parse(path.read_text())]
        for node in ast.walk(tree)
        if path.name not in KEEPS and _keeps(node, tree)
    ]
    assert not wrong


def _keeps(node: ast.AST, tree: ast.Module) -> bool:
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return node in tree.body and _is_empty(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr in ("cache", "lru_cache")
    return isinstance(node, ast.Global) or (isinstance(node, ast.Name) and node.id in ("cache", "lru_cache"))


def _is_empty(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in ("dict", "list", "set") and not value.args
    return isinstance(value, ast.Dict | ast.List) and not ast.unparse(value).strip("[]{}")
