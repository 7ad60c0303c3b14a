"""A small OFREP service on loopback that can be told what to answer, and to be silent."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Ofrep:
    """The service. ``on`` are the callers each flag is on for; ``asked`` is all that it was asked."""

    def __init__(self) -> None:
        self.on: dict[str, set[str]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[str | None] = []
        self.silent = False
        self.status: int | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def evaluate(self, request: Request) -> Response:
        """https://openfeature.dev/specification/appendix-c, one flag."""
        flag, context = request.path_params["flag"], (await request.json())["context"]
        self.asked.append((flag, context))
        self.headers.append(request.headers.get("authorization"))
        while self.silent:  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.02)
        if self.status is not None:
            return JSONResponse({"errorCode": "GENERAL", "errorDetails": "a bad day"}, self.status)
        if flag not in self.on:
            return JSONResponse({"errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such flag"}, 404)
        on = context.get("targetingKey") in self.on[flag]
        answer = {"key": flag, "value": on, "variant": "yes" if on else "no", "reason": "TARGETING_MATCH"}
        return JSONResponse(answer)


@contextmanager
def ofrep(port: int = 0) -> Iterator[Ofrep]:
    """The service, from when it listens until the block ends."""
    one = Ofrep()
    app = Starlette(routes=[Route("/ofrep/v1/evaluate/flags/{flag}", one.evaluate, methods=["POST"])])
    settings = uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    one.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one.silent = False
        server.should_exit = True
        thread.join()
