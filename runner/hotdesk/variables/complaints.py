"""What is said about a template that does not work: where it went wrong, and what to do."""

from __future__ import annotations

from typing import Any

from hotdesk.errors import TemplateError
from hotdesk.place import Place


def wrapped(text: str) -> bool:
    text = text.strip()
    return text.startswith(("{{", "{%"))


def line_of(exc: BaseException) -> Place | None:
    """The line of a template *file* that the error came from."""
    found, trace = None, exc.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None and template.filename and template.filename != "<template>":
            found = Place(template.filename, template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return found


def described(value: Any) -> str:
    """A value by its type alone: what it is may be a secret."""
    return f"a value of type {type(value).__name__!r}"


def not_an_expression(expression: Any, what: str, place: Place | None) -> TemplateError:
    if isinstance(expression, str):
        return TemplateError(
            f"the condition of {what!r} is an untrusted template or expression: it does not come from your playbook, inventory or vars files",
            place=place,
            remedy="Only what you wrote yourself is evaluated; compare the value in an expression of your own.",
        )
    return TemplateError(
        f"{what!r} must be an expression or a boolean, not {described(expression)}",
        place=place,
        remedy=f"Write {what}: true or an expression.",
    )


def short(text: str) -> str:
    """A template or expression on one line, in quotes, with no more of it than shows which it is."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 80 else line[:77] + "...")
