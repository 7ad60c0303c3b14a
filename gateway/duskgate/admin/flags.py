"""Flags through the admin port: what there are, flipping them for single callers, and the record of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duskgate.admin.asked import Refused, understood
from duskgate.admin.following import Following
from duskgate.admin.guard import Guard, refusal
from duskgate.config.models import Section, Text
from duskgate.control.entries import BrokenEntries
from duskgate.flags import InvalidFlags
from duskgate.flags.operations import FlagOperations, NotFlipped
from duskgate.middleware.clock import Clock

LARGEST = 2**20
"""Bytes of the largest body that is read: some 20,000 callers."""


class Flip(Section):
    """A flag, the callers it is flipped for, and who answers for it."""

    flag: Text
    users: list[Text] = Field(min_length=1)
    by: Text


class FlagsApi:
    """The routes below ``/api/flags``."""

    def __init__(self, following: Following, guard: Guard, clock: Clock) -> None:
        self._following = following
        self._guard = guard
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """Everything that is served."""
        shown, changed = self._guard.shown, self._guard.changed
        at = "/api/flags"
        return [
            Route(at, shown(self.list)),
            Route(f"{at}/show", shown(self.show)),
            Route(f"{at}/audit", shown(self.audit)),
            Route(f"{at}/on", changed(self.on), methods=["POST"]),
            Route(f"{at}/off", changed(self.off), methods=["POST"]),
            Route(f"{at}/clear", changed(self.clear), methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """Every flag in a few words."""
        return await self._answer(lambda flags: {"flags": flags.listed()})

    async def show(self, request: Request) -> Response:
        """The flag that the query names, and everybody it is flipped for."""
        flag = request.query_params.get("flag", "")
        return await self._answer(lambda flags: flags.shown(flag))

    async def audit(self, request: Request) -> Response:
        """Every flip on record, oldest first."""
        return await self._answer(lambda flags: {"changes": list(flags.entries.audit())})

    async def on(self, request: Request) -> Response:
        """Turn a flag on for callers."""
        return await self._change(request, partial(self._flip, on=True))

    async def off(self, request: Request) -> Response:
        """Turn a flag off for callers."""
        return await self._change(request, partial(self._flip, on=False))

    async def clear(self, request: Request) -> Response:
        """Let the flag's rule count again for callers."""
        return await self._change(request, self._clear)

    def _flip(self, flags: FlagOperations, asked: Flip, *, on: bool) -> None:
        flags.flip(asked.flag, asked.users, on, by=asked.by, now=self._clock())

    def _clear(self, flags: FlagOperations, asked: Flip) -> None:
        flags.clear(asked.flag, asked.users, by=asked.by, now=self._clock())

    async def _change(self, request: Request, change: Callable[[FlagOperations, Flip], None]) -> Response:
        try:
            asked = await understood(request, Flip, LARGEST)
        except Refused as refused:
            return refused.answer

        def work(flags: FlagOperations) -> dict[str, Any]:
            change(flags, asked)
            return {"flag": asked.flag, "overrides": len(flags.entries.read().get(asked.flag, {}))}

        return await self._answer(work)

    async def _answer(self, work: Callable[[FlagOperations], dict[str, Any]]) -> Response:
        def answered() -> dict[str, Any]:
            return work(FlagOperations(self._following.loaded))

        try:
            return JSONResponse(await run_in_threadpool(answered))
        except NotFlipped as error:
            return refusal(409, "Not flipped", str(error))
        except (BrokenEntries, InvalidFlags) as error:
            return refusal(500, "The flags cannot be read", str(error))
        except OSError as error:
            detail = f"{error.strerror}; flags.overrides names the file, in a folder that must be writable"
            return refusal(500, "The overrides cannot be written", detail)
