"""Switching at run time through the admin port: holds, brownouts, rollouts, who was told; its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duskgate.admin.asked import Refused, understood
from duskgate.admin.following import Following
from duskgate.admin.guard import Guard, refusal
from duskgate.admin.guards import Guards
from duskgate.admin.keeper import Keeper
from duskgate.config.models import Positive, Section, Text
from duskgate.config.scalars import Flag, Instant
from duskgate.control.entries import BrokenEntries
from duskgate.control.operations import NotSwitched, Operations
from duskgate.control.switches import entries_in, gate_text
from duskgate.middleware.clock import Clock

LARGEST = 64 * 1024
"""Bytes of the largest body that is read."""


class Asked(Section):
    """What every change says: what for, and who answers for it."""

    target: Text
    by: Text


class Hold(Asked):
    """Put a sunset off until a moment, or for so long from now."""

    until: Instant | None = None
    length: Positive | None = Field(None, alias="for")
    reason: Text


class Brownouts(Asked):
    """Let brownouts be, or call them off."""

    on: Flag
    reason: str = ""


class Notified(Asked):
    """A consumer has been told."""

    consumer: Text


class Halt(Asked):
    """Move nobody any more."""

    reason: Text


class SwitchesApi:
    """The routes below ``/api/switches``."""

    def __init__(
        self, following: Following, keeper: Keeper, guards: Guards, guard: Guard, clock: Clock
    ) -> None:
        """``guards`` are those of rollouts; ``guard`` says who may use the admin port."""
        self._following = following
        self._keeper = keeper
        self._guards = guards
        self._guard = guard
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """Everything that is served."""
        shown, changed = self._guard.shown, self._guard.changed
        at = "/api/switches"
        return [
            Route(at, shown(self.show)),
            Route(f"{at}/audit", shown(self.audit)),
            Route(f"{at}/hold", changed(self.hold), methods=["POST"]),
            Route(f"{at}/release", changed(self.release), methods=["POST"]),
            Route(f"{at}/brownouts", changed(self.brownouts), methods=["POST"]),
            Route(f"{at}/halt", changed(self.halt), methods=["POST"]),
            Route(f"{at}/resume", changed(self.resume), methods=["POST"]),
            Route(f"{at}/notified", changed(self.notified), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Everything that is switched, and how gates and guards stand."""
        gates = [
            {
                "gate": gate_text(one.gate),
                "verdict": one.judged.verdict.value,
                "reasons": list(one.judged.reasons),
                "open": one.judged.open is not None,
                "holding": one.holding,
            }
            for one in self._keeper.standing
        ]
        guards = [
            {
                "rollout": f"{one.api}/{one.version}",
                "to": one.to,
                "verdict": one.judged.verdict.value,
                "reasons": list(one.judged.reasons),
            }
            for one in self._guards.standing
        ]
        return await self._answer(
            lambda: {"switches": self._entries().read(), "gates": gates, "guards": guards}
        )

    async def audit(self, request: Request) -> Response:
        """Every change on record, oldest first."""
        return await self._answer(lambda: {"changes": list(self._entries().audit())})

    async def hold(self, request: Request) -> Response:
        """Put a sunset off."""

        def change(asked: Hold) -> None:
            now = self._clock()
            if (asked.until is None) == (asked.length is None):
                raise NotSwitched("a hold has an end: give until or for")
            until = asked.until if asked.until is not None else now + (asked.length or 0)
            self._operations().hold(asked.target, until, asked.reason, by=asked.by, now=now)

        return await self._change(request, Hold, change)

    async def release(self, request: Request) -> Response:
        """Take a hold away."""

        def change(asked: Asked) -> None:
            self._operations().release(asked.target, by=asked.by, now=self._clock())

        return await self._change(request, Asked, change)

    async def brownouts(self, request: Request) -> Response:
        """Call brownouts off, or let them be."""

        def change(asked: Brownouts) -> None:
            operations, now = self._operations(), self._clock()
            if asked.on:
                operations.brownouts_on(asked.target, by=asked.by, now=now)
            else:
                operations.brownouts_off(asked.target, asked.reason, by=asked.by, now=now)

        return await self._change(request, Brownouts, change)

    async def halt(self, request: Request) -> Response:
        """Stop a rollout."""

        def change(asked: Halt) -> None:
            self._operations().halt(asked.target, asked.reason, by=asked.by, now=self._clock())

        return await self._change(request, Halt, change)

    async def resume(self, request: Request) -> Response:
        """Let a rollout go on."""

        def change(asked: Asked) -> None:
            self._operations().resume(asked.target, by=asked.by, now=self._clock())

        return await self._change(request, Asked, change)

    async def notified(self, request: Request) -> Response:
        """Put on record that a consumer was told."""

        def change(asked: Notified) -> None:
            self._operations().notified(asked.target, asked.consumer, by=asked.by, now=self._clock())

        return await self._change(request, Notified, change)

    def _operations(self) -> Operations:
        return Operations(self._following.loaded.plan, self._entries())

    def _entries(self) -> Any:
        return entries_in(self._following.loaded.state)

    async def _change(self, request: Request, model: type[Any], change: Callable[[Any], None]) -> Response:
        try:
            asked = await understood(request, model, LARGEST)
        except Refused as refused:
            return refused.answer

        def work() -> dict[str, Any]:
            change(asked)
            return {"switches": self._entries().read()}

        return await self._answer(work)

    async def _answer(self, work: Callable[[], dict[str, Any]]) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(work))
        except NotSwitched as error:
            return refusal(409, "Not switched", str(error))
        except BrokenEntries as error:
            return refusal(500, "The switches cannot be read", str(error))
        except OSError as error:
            detail = f"{error.strerror}; server.state names the folder, which must be writable"
            return refusal(500, "The switches cannot be written", detail)
