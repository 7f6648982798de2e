"""In the place of ``ansible.plugins.lookup``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from hotdesk.plugins.display import Display, Listener, display, heard_by
from hotdesk.plugins.options import Plugin
from hotdesk.plugins.templar import Files, Templar
from hotdesk.variables.lookups.call import LookupFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hotdesk.variables.lookups.call import LookupCall

__all__ = ["Display", "LookupBase", "display"]


class LookupBase(Plugin):
    """What a lookup derives from. One instance serves one call, in a thread of its own."""

    accept_args_markers = False
    """Undefined terms and options are given to ``run`` (else the call gives undefined without it)."""
    accept_lazy_markers = False
    plugin_type = "lookup"
    _request: LookupCall | None = None

    def __init__(self, loader: Files | None = None, templar: Templar | None = None, **_kwargs: Any) -> None:
        self._loader = loader
        self._templar = templar
        self._display = display

    @classmethod
    @contextmanager
    def for_call(cls, request: LookupCall) -> Iterator[Self]:
        """An instance for one call of the lookup, which is heard meanwhile."""
        templates = request.templates
        base = str(request.variables.get("playbook_dir") or ".")
        made = cls(loader=Files(base, request.read), templar=Templar(templates.render_now, request.variables))
        made._request = request
        made._load_name, made._settings = request.name, templates.settings
        made._directory_of = templates.plugins.collection
        with heard_by(Listener(templates.warn, templates.note, templates.settings.verbosity)):
            yield made

    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """What the plugin does: one result or more for the terms."""
        raise NotImplementedError(f"{self._named()} has no run()")

    def find_file_in_search_path(
        self, myvars: Mapping[str, Any], subdir: str, needle: str, ignore_missing: bool = False
    ) -> str | None:
        """The file ``needle`` below the search path of the task, in ``subdir`` first. None, and a warning unless told not to, without one."""
        request = self._asked()
        try:
            return str(request.find(needle, subdir))
        except LookupFailed as problem:
            if not ignore_missing:
                request.templates.warn(
                    f"Unable to find '{needle}' in expected paths (use -vvvvv to see paths): {problem.message}"
                )
            return None

    def get_basedir(self, variables: Mapping[str, Any]) -> str:
        """The role's folder, else the playbook's."""
        return str(variables.get("role_path") or variables.get("playbook_dir") or ".")

    @staticmethod
    def _flatten(terms: Iterable[Any]) -> list[Any]:
        """One level of lists removed."""
        return [one for term in terms for one in (term if isinstance(term, (list, tuple)) else (term,))]

    @staticmethod
    def _combine(a: Iterable[Any], b: Iterable[Any]) -> list[list[Any]]:
        """Every pair, flattened."""
        later = list(b)
        return [LookupBase._flatten([x, y]) for x in a for y in later]

    @staticmethod
    def _flatten_hash_to_list(terms: Mapping[Any, Any]) -> list[dict[str, Any]]:
        return [{"key": key, "value": value} for key, value in terms.items()]

    def _asked(self) -> LookupCall:
        if self._request is None:
            raise LookupFailed(f"{self._named()} asks for a file before it has been called")
        return self._request
