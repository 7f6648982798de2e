"""Fixtures for the variables layer: a Templates without services, and short ways to render."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from hotdesk.place import Place
from hotdesk.settings import Settings
from hotdesk.source import Trusted
from hotdesk.variables.templates import LookupServices, Templates

HERE = Place("site.yml", 3, 7)


async def run_command(command: list[str] | str) -> tuple[int, str, str]:
    """Stands for the control node's agent."""
    text = command if isinstance(command, str) else " ".join(command)
    process = await asyncio.create_subprocess_shell(
        text, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def templates() -> Templates:
    return Templates(
        Settings(), services=LookupServices(run_command=run_command, hosts=lambda pattern: [f"{pattern}-1"])
    )


Render = Callable[..., Awaitable[Any]]


@pytest.fixture
def render(templates: Templates) -> Render:
    async def call(text: str, variables: Mapping[str, Any] | None = None, **more: Any) -> Any:
        return await templates.render(Trusted(text, HERE), {**(variables or {}), **more})

    return call
