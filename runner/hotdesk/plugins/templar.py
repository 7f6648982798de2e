"""What plugins know as ``self._templar`` and ``self._loader``: rendering, and files of the control node."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.paths import exists, expanded, is_dir, is_file
from hotdesk.source import Trusted, load_yaml
from hotdesk.variables.trust import is_template, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Templar:
    """Renders for one plugin, in its thread. A text that is not the user's own is no template (R7), also one that the plugin has made."""

    def __init__(self, render: Callable[[Any, Mapping[str, Any]], Any], variables: Mapping[str, Any]) -> None:
        """``render(value, variables)`` is called in the plugin's thread."""
        self._render = render
        self.available_variables = variables

    def template(self, variable: Any, *_args: Any, **_options: Any) -> Any:
        """``variable`` with the templates in it rendered. Raises TemplateError, UndefinedError."""
        return self._render(variable, self.available_variables)

    do_template = template

    def is_template(self, data: Any) -> bool:
        return is_template(data)

    @contextmanager
    def set_temporary_context(self, **context: Any) -> Iterator[None]:
        """``available_variables`` within the context; other keys are of Jinja's syntax, which is the same for all here."""
        before = self.available_variables
        self.available_variables = context.get("available_variables") or before
        try:
            yield
        finally:
            self.available_variables = before


class Files:
    """Ansible's DataLoader, as far as plugins use it."""

    def __init__(self, base: str, decrypted: Callable[[Path], bytes]) -> None:
        """``base``: the playbook's directory, for relative names. ``decrypted`` reads a file that may be vaulted."""
        self._base = Path(base)
        self._decrypted = decrypted

    def get_basedir(self) -> str:
        return str(self._base)

    def path_dwim(self, given: str) -> str:
        return str(self._base / expanded(str(given)))

    def path_dwim_relative(self, path: str, dirname: str, source: str, is_role: bool = False) -> str:
        """The first that is there: ``source`` in ``dirname`` or ``tasks`` of ``path`` (a role or its tasks), in ``dirname`` of the playbook or
        beside it; the last of these when none is."""
        base = Path(self.path_dwim(path))
        role = base.parent if base.name == "tasks" else base
        name = expanded(source)
        places = [role / dirname / name, role / "tasks" / name, self._base / dirname / name, self._base / name]
        return str(next(filter(exists, places), places[-1]))

    def path_exists(self, path: str) -> bool:
        return exists(Path(self.path_dwim(path)))

    def is_file(self, path: str) -> bool:
        return is_file(Path(self.path_dwim(path)))

    def is_directory(self, path: str) -> bool:
        return is_dir(Path(self.path_dwim(path)))

    def list_directory(self, path: str) -> list[str]:
        return sorted(entry.name for entry in Path(self.path_dwim(path)).iterdir())

    def get_text_file_contents(self, file_name: str, encoding: str | None = None) -> str:
        return self._decrypted(Path(self.path_dwim(file_name))).decode(encoding or "utf-8")

    def _get_file_contents(self, file_name: str) -> tuple[bytes, bool]:
        """The content, and whether it may be shown."""
        path = Path(self.path_dwim(file_name))
        return self._decrypted(path), not path.read_bytes().startswith(b"$ANSIBLE_VAULT;")

    def load_from_file(self, file_name: str, *_args: Any, **_options: Any) -> Any:
        """A YAML or JSON file, as plain data."""
        return plain(load_yaml(self.get_text_file_contents(file_name), self.path_dwim(file_name), trusted=False))


def trust_as_template(value: str) -> Trusted:
    """The plugin vouches for ``value``: it may be rendered."""
    return Trusted(value)
