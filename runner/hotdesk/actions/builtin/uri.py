"""ansible.builtin.uri: a request to a web service, made by the target."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action, Call
from hotdesk.actions.carrying import carried
from hotdesk.actions.option_types import as_boolean
from hotdesk.errors import ArgumentError
from hotdesk.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping


class Uri(Action):
    """Ask a web service."""

    name = "ansible.builtin.uri"
    unchecked = True
    background = True
    check_mode = "partial"
    DOCUMENTATION = """
short_description: A request to a web service
description:
  - Files of the control node that are sent (O(src), parts of a form) are on the target only for as long as the request takes.
  - Everything else is the module's of ansible-core; C(ansible-doc uri) has all options.
attributes:
  check_mode: {support: none}
  diff_mode: {support: none}
options:
  url: {description: The address., type: str, required: true}
  method: {description: The HTTP method., type: str, default: GET}
  body: {description: What to send., type: raw}
  body_format: {description: What O(body) is., type: str, choices: [form-urlencoded, json, raw, form-multipart], default: raw}
  src: {description: A file with what to send., type: path}
  remote_src: {description: The files are on the target., type: bool, default: false}
  status_code: {description: The status that is a success., type: list, elements: int, default: [200]}
  return_content: {description: Return what came back., type: bool, default: false}
"""

    async def run(self, call: Call) -> Result:
        args = dict(call.args)
        form = args.get("body_format") == "form-multipart"
        if call.check:
            return Result(skipped=True, data={"msg": "This action (uri) does not support check mode."})
        async with AsyncExitStack() as stack:
            if not as_boolean(args.get("remote_src", False)):
                if args.get("src"):
                    args["src"] = await stack.enter_async_context(carried(call, call.find_file(str(args["src"]))))
                elif form:
                    args["body"] = await _with_files(call, args.get("body"), stack)
            return await call.run_module(call, "uri", args)


async def _with_files(call: Call, body: Any, stack: AsyncExitStack) -> Mapping[str, Any]:
    """The parts of a form, those that name a file with its path on the target."""
    if not isinstance(body, dict):
        raise ArgumentError(f"body must be mapping, cannot be type {type(body).__name__}", place=call.task.place)
    parts: dict[str, Any] = {}
    for name, part in body.items():
        if isinstance(part, dict) and part.get("filename") and not part.get("content"):
            part = {
                **part,
                "filename": await stack.enter_async_context(carried(call, call.find_file(str(part["filename"])))),
            }
        parts[name] = part
    return parts
