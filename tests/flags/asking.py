"""Asking the flags of a configuration as a worker does, with every answer and every word about it kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from duskgate.config import loads
from duskgate.flags import GatewayFlags
from duskgate.policy.identify import Who

T = TypeVar("T")

YAML = """
flags: @flags
backends: {b: {url: "http://127.0.0.1:1"}}
apis: {a: {path: /a, default: v1, versions: {v1: {backend: b, rollout: {to: v2, flag: f}}, v2: {backend: b}}}}
"""


def who(name: str) -> Who:
    """A caller named by a header that is no secret."""
    return Who(None, f"~{name}", name)


class Asking:
    """The flags of a section, and what came of each question."""

    def __init__(self, section: str, folder: Path, deadline: float | None = None) -> None:
        loaded = loads(YAML.replace("@flags", section), folder / "gateway.yaml", {})
        self.health: list[bool] = []
        flags = GatewayFlags.open(loaded, self.health.append, deadline=deadline)
        assert flags is not None
        self.flags = flags
        self._waiting: set[asyncio.Future[object]] = set()

    async def ask(self, name: str, flag: str = "f", **attributes: str) -> tuple[bool, str]:
        """A flag's value for a caller, and the variant that was told."""
        heard: list[str] = []
        found = self.flags.evaluate(
            (flag,), who(name), lambda: attributes, lambda _, variant: heard.append(variant)
        )
        values = found if isinstance(found, dict) else await found
        (variant,) = heard
        return values[flag], variant

    def at_once(self, name: str) -> bool:
        """Whether the answer is there without waiting."""
        found = self.flags.evaluate(("f",), who(name), dict)
        if isinstance(found, dict):
            return True
        self._waiting.add(asyncio.ensure_future(_taken(found)))
        return False

    async def until(self, wanted: tuple[bool, str], name: str) -> None:
        """Ask until it is answered so."""
        async with asyncio.timeout(30):
            while await self.ask(name) != wanted:  # noqa: ASYNC110  it is the provider that changes
                await asyncio.sleep(0.01)


async def _taken(found: Awaitable[object]) -> None:
    await found


def run(
    section: str, folder: Path, story: Callable[[Asking], Awaitable[T]], deadline: float | None = None
) -> T:
    """Run a story with the flags of a section, from when its provider is set up."""

    async def told() -> T:
        asking = Asking(section, folder, deadline)
        await asking.flags.ready(30)
        try:
            return await story(asking)
        finally:
            await asking.flags.aclose()

    return asyncio.run(told())
