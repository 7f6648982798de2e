"""Imports go one way: a layer imports only itself and what stands above it here. Late imports and type-checking imports count."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "runner" / "hotdesk"
VOCABULARY = (
    "__init__",
    "frozen",
    "collector",
    "place",
    "errors",
    "shapes",
    "results",
    "events",
    "bus",
    "text",
    "redaction",
    "aio",
    "regex",
    "source_errors",
    "source_depth",
    "source",
    "paths",
    "routing",
    "settings",
    "configuration_types",
    "configuration",
)
LAYERS = (
    *VOCABULARY,
    "inventory",
    "variables",
    "playbook",
    "agent",
    "connections",
    "workers",
    "transfer",
    "jobs",
    "snapshots",
    "actions",
    "plugins",
    "executor",
    "supervise",
    "verify",
    "ui",
    "report",
    "ansible",
    "demo",
    "prepare",
    "fleet",
    "app",
    "cli",
    "__main__",
)
ONLY_VOCABULARY = {"ui", "report"}
"""These see nothing of the engine."""


def layer_of(module: str) -> str:
    """``hotdesk.ui.plain`` -> ``ui``; ``hotdesk`` -> ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(path: Path) -> set[str]:
    """Names of hotdesk's modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "hotdesk")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "hotdesk":
            assert not node.level, f"{path}: relative import"
            found.update(f"hotdesk.{alias.name}" for alias in node.names) if node.module == "hotdesk" else found.add(
                node.module
            )
    return found


def violations(package: Path) -> list[str]:
    """Imports that go the wrong way."""
    wrong = []
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        own = relative.parts[0].removesuffix(".py")
        for module in imported(path):
            other = layer_of(module)
            if other not in LAYERS:
                continue  # a name of the package itself, e.g. ``from hotdesk import __version__``
            down = LAYERS.index(other) > LAYERS.index(own)
            outside = (
                own in ONLY_VOCABULARY
                and other not in VOCABULARY
                and other != own
                and not (own == "ui" and other == "report")
            )
            if down or outside:
                wrong.append(f"{relative} imports {module}")
    return wrong


def test_every_module_has_its_layer() -> None:
    """A new folder or file takes its place in the list above."""
    names = {
        path.name.removesuffix(".py")
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert names <= set(LAYERS), names - set(LAYERS)


def test_imports_go_one_way() -> None:
    """No module imports what stands below it."""
    assert not violations(PACKAGE)


def test_the_agent_imports_nothing_of_hotdesk_but_itself() -> None:
    """It is shipped as it stands; so are the halves of actions that run on a target."""
    for path in (PACKAGE / "agent").glob("*.py"):
        assert all(module.startswith("hotdesk.agent") for module in imported(path)), path
    for path in (PACKAGE / "actions" / "on_target").glob("*.py"):
        assert all(module.startswith("hotdesk.actions.on_target") for module in imported(path)), path


@pytest.mark.parametrize("line", ["from hotdesk.cli import main", "def late():\n    import hotdesk.app"])
def test_a_wrong_import_is_found(tmp_path: Path, line: str) -> None:
    """The check can fail: also for an import inside a function."""
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui" / "plain.py").write_text(line)
    assert violations(tmp_path)
