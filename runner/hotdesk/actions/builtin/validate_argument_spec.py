"""ansible.builtin.validate_argument_spec: are a role's variables what its argument spec says?"""

from __future__ import annotations

from typing import Any

from hotdesk.actions.arguments import spec_from, validate
from hotdesk.actions.base import Action, Call
from hotdesk.errors import ArgumentError
from hotdesk.results import Result


class ValidateArgumentSpec(Action):
    """Check values against an argument spec. Roles with meta/argument_specs.yml get this before their first task."""

    name = "ansible.builtin.validate_argument_spec"
    needs_machine = False
    DOCUMENTATION = """
short_description: Check variables against an argument spec
description:
  - Every option of the spec is looked for in O(provided_arguments), then among the variables of the host.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  argument_spec: {description: "Options by name, with type, required, choices and so on.", type: dict, required: true}
  provided_arguments: {description: Values that go before the variables of the host., type: dict, default: {}}
  validate_args_context: {description: "What is being checked, for the result.", type: dict, default: {}}
"""

    async def run(self, call: Call) -> Result:
        options: dict[str, Any] = dict(call.args["argument_spec"])
        context = dict(call.args.get("validate_args_context") or {})
        provided: dict[str, Any] = {}
        for name in options:
            if name in call.variables:
                provided[name] = call.variables[name]
        provided |= dict(call.args.get("provided_arguments") or {})
        try:
            spec = spec_from(options)
        except (ValueError, TypeError, AttributeError) as exc:
            raise ArgumentError(f"the argument spec is not right: {exc}", place=call.task.place) from exc
        _, problems = validate(spec, provided)
        data: dict[str, Any] = {"validate_args_context": context}
        if problems:
            data |= {
                "msg": "Validation of arguments failed:\n" + "\n".join(problems),
                "argument_spec_data": options,
                "argument_errors": problems,
            }
            return Result(failed=True, data=data)
        return Result(data={**data, "msg": "The arg spec validation passed"})
