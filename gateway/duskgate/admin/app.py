"""The admin server's application: metrics, health, switches. On a port of its own, never the data port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duskgate.admin.counted import Counted
from duskgate.admin.flags import FlagsApi
from duskgate.admin.following import Following
from duskgate.admin.guard import Guard
from duskgate.admin.guards import Guards
from duskgate.admin.health import live_workers
from duskgate.admin.keeper import Keeper
from duskgate.admin.page import Page
from duskgate.admin.switches import SwitchesApi
from duskgate.middleware.clock import Clock, shifted, system_clock
from duskgate.policy.instants import rfc3339
from duskgate.proxy.run_dir import DRAINING


class AdminApp:
    """The pages of the admin port. ``run_dir`` is where the workers leave their counts and marks."""

    def __init__(
        self,
        following: Following,
        keeper: Keeper,
        run_dir: Path,
        clock: Clock = system_clock,
        clock_shift: int = 0,
        guards: Guards | None = None,
    ) -> None:
        """``clock_shift``: how far ahead of ``clock`` it is for this gateway, in ms."""
        self._following = following
        self._keeper = keeper
        self._run_dir = run_dir
        self._clock = shifted(clock, clock_shift)
        self._shift = clock_shift
        self._guards = guards or Guards(following, Counted(run_dir), self._clock)
        self._page = Page(following, keeper, self._guards, clock_shift)

    def build(self) -> Starlette:
        """The ASGI application."""
        guard = Guard(self._following.loaded.document.admin.token or "")
        switches = SwitchesApi(self._following, self._keeper, self._guards, guard, self._clock)
        flags = FlagsApi(self._following, guard, self._clock)
        app = Starlette(
            routes=[
                Route("/metrics", guard.shown(self.metrics)),
                Route("/healthz", self.health),
                Route("/readyz", self.ready),
                *switches.routes(),
                *flags.routes(),
            ]
        )
        app.router.redirect_slashes = False
        return app

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format."""
        live_workers(self._run_dir)
        body = await run_in_threadpool(self._page.text)
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    async def health(self, request: Request) -> Response:
        """200 while this process lives."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """200 while at least one worker serves; 503 before, and from the first signal to stop on."""
        serving = len(live_workers(self._run_dir))
        wanted = self._following.loaded.document.server.workers
        draining = (self._run_dir / DRAINING).exists()
        ready = serving > 0 and not draining
        status = "draining" if draining else "ready" if ready else "not ready"
        body: dict[str, Any] = {"status": status, "workers": serving, "wanted": wanted}
        if self._shift:
            body["clock"] = {"now": rfc3339(self._clock()), "shift_ms": self._shift}
        return JSONResponse(body, 200 if ready else 503)
