"""The admin server's application: /metrics, /healthz, /readyz. On a port of its own, never the data port."""

from __future__ import annotations

import hmac
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duskgate.admin.following import Following
from duskgate.admin.health import live_workers
from duskgate.admin.keeper import Keeper
from duskgate.admin.metrics import page
from duskgate.proxy.run_dir import DRAINING


class AdminApp:
    """The pages of the admin port. ``run_dir`` is where the workers leave their counts and marks."""

    def __init__(self, following: Following, keeper: Keeper, run_dir: Path) -> None:
        self._following = following
        self._keeper = keeper
        self._run_dir = run_dir
        self._token = (following.loaded.document.admin.token or "").encode()

    def build(self) -> Starlette:
        """The ASGI application."""
        app = Starlette(
            routes=[
                Route("/metrics", self.metrics),
                Route("/healthz", self.health),
                Route("/readyz", self.ready),
            ]
        )
        app.router.redirect_slashes = False
        return app

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format. Needs the token, where one is set."""
        if not self._allowed(request):
            headers = {"WWW-Authenticate": 'Bearer realm="duskgate admin"'}
            return JSONResponse({"title": "The admin token is missing or wrong"}, 401, headers)
        live_workers(self._run_dir)
        body = await run_in_threadpool(page, self._following, self._keeper, self._run_dir)
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
        body = {"status": status, "workers": serving, "wanted": wanted}
        return JSONResponse(body, 200 if ready else 503)

    def _allowed(self, request: Request) -> bool:
        if not self._token:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)
