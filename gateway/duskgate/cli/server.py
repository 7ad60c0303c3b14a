"""The process model: granian's, with a drain that load balancers can follow and a way to cut it short.

Granian starts the workers, watches over them and replaces them. What a worker runs is a server of our own,
or, where HTTP/2 is wanted, granian's.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from duskgate.cli.logs import SERVER_LOG
from duskgate.config.models import Server as Settings
from duskgate.middleware.asgi import ASGIApp
from duskgate.proxy.downstream.refusals import Refusals
from duskgate.proxy.downstream.server import FrontServer
from duskgate.proxy.run_dir import DRAINING

MOST_HEAD_BYTES = 128 * 1024
"""Larger request heads are refused with 431 by the server."""

PING_MS = 30_000
"""A client of HTTP/2 that answers no ping, sent after such a silence, for 20 s more is gone."""

AFTER_DRAIN = 20
"""Seconds a worker has after its drain: to end copies and WebSockets, and for the ledger's last flush."""

SHORTEST_LIFETIME = 60
"""Seconds; granian recycles no worker that is younger."""


class DrainingServer(MPServer):
    """Takes SIGTERM and SIGINT in three steps.

    At once the gateway is not ready any more; after ``server.drain_delay`` it takes no new connections and
    lets what is under way end, for ``server.drain_timeout`` at the most. A second signal ends everything.
    """

    def __init__(self, settings: Settings, run_dir: Path, after_drain: int = 0) -> None:
        """``after_drain``: seconds that a worker may live on after ``server.drain_timeout``."""
        super().__init__(
            "duskgate",
            address=settings.listen.host,
            port=settings.listen.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            backpressure=settings.max_connections,
            loop=Loops.uvloop,
            http=HTTPModes.auto,
            http1_settings=HTTP1Settings(max_buffer_size=MOST_HEAD_BYTES),
            http2_settings=HTTP2Settings(max_headers_size=MOST_HEAD_BYTES, keep_alive_interval=PING_MS),
            log_level=LogLevels.warning,
            log_dictconfig=SERVER_LOG,
            respawn_failed_workers=True,
            workers_kill_timeout=_drain(settings) + after_drain,
            workers_lifetime=_seconds(settings.max_worker_age),
            workers_max_rss=_mebibytes(settings.max_worker_memory),
        )
        self._delay = settings.drain_delay / 1000
        self._mark = run_dir / DRAINING
        self._asked = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """The first signal begins the drain, the second ends it."""
        if self._asked:
            for worker in self.wrks:
                worker.kill()  # type: ignore[no-untyped-call]
            self._stop()
            return
        self._asked = True
        self._mark.touch()
        timer = threading.Timer(self._delay, self._stop)
        timer.daemon = True
        timer.start()

    def _stop(self) -> None:
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]


LoadApp = Callable[[], ASGIApp]
"""Makes the application, in the worker's process. It is sent there, so it must be one that pickles."""


class SharedSocketServer(DrainingServer):
    """The same with workers that serve HTTP/1.1 by ``duskgate.proxy.downstream``.

    They accept from one socket, which stays open while workers come and go: no connection is lost with one.
    """

    def __init__(
        self, settings: Settings, run_dir: Path, listening: socket.socket, clock_shift: int = 0
    ) -> None:
        """``clock_shift``: how far ahead of the machine's clock it is here, in ms; for staging."""
        super().__init__(settings, run_dir, AFTER_DRAIN)
        self._settings = settings
        self._listening = listening
        self._clock_shift = clock_shift

    def _init_shared_socket(self) -> None:
        given: Any = self._listening
        self._ssp, self._shd, self._sso = given, None, None  # what every worker is given

    def _drop_shared_socket(self) -> None:
        """It is closed by whoever opened it."""

    def run(self, load: LoadApp) -> None:
        """Serve until told to stop."""
        loader: Any = Serving(load, self._settings, self._clock_shift)
        self.serve(spawn_target=_serve_worker, target_loader=loader, wrap_loader=False)


class Serving:
    """Makes a worker's server, in its process."""

    def __init__(self, load: LoadApp, settings: Settings, clock_shift: int) -> None:
        self._load = load
        self._settings = settings
        self._clock_shift = clock_shift

    def __call__(self) -> FrontServer:
        return FrontServer(
            self._load(),
            max_connections=self._settings.max_connections,
            refusals=Refusals(self._settings.problem_types, self._clock_shift),
            drain_seconds=_drain(self._settings),
        )


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator]
def _serve_worker(
    number: int,
    server: FrontServer,
    sockets: tuple[socket.socket, None],
    ipc: None,
    loop: asyncio.AbstractEventLoop,
    *settings: object,
) -> None:
    """What a worker's process runs. ``settings`` are those of granian's own server."""
    loop.run_until_complete(server.serve([sockets[0]]))


def _drain(settings: Settings) -> int:
    return max(1, settings.drain_timeout // 1000)


def _seconds(span: int | None) -> int | None:
    return None if span is None else max(SHORTEST_LIFETIME, span // 1000)


def _mebibytes(size: int | None) -> int | None:
    return None if size is None else max(1, size // 2**20)
