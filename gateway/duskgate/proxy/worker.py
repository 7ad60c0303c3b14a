"""One worker: loads the configuration, builds the stack, and keeps both current while it lives."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from duskgate.feed import Feed
from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.clock import system_clock
from duskgate.proxy.app import build_app
from duskgate.proxy.headers import RequestHeaders
from duskgate.proxy.parent import parent_gone
from duskgate.proxy.run_dir import LABELS, WORKERS
from duskgate.proxy.shadow.process import ComparerProcess
from duskgate.proxy.shadow.shadows import Shadows
from duskgate.proxy.state import State
from duskgate.proxy.upstream.websocket import CLOSE_SECONDS
from duskgate.usage.access_log import AccessLog
from duskgate.usage.instruments import Instruments
from duskgate.usage.open_ledger import Ledger, open_ledger
from duskgate.usage.open_reader import open_reader
from duskgate.usage.recorder import WorkerRecorder
from duskgate.usage.shadows import ShadowMetrics
from duskgate.usage.shared_names import SharedNames

FLAGS_SECONDS = 3.0
"""How long a worker that starts waits for a provider of flags, before it serves without."""


class Worker:
    """The ASGI application a server runs: the stack, and the lifespan around it."""

    def __init__(self, config: Path, run_dir: Path | None = None, clock_shift: int = 0) -> None:
        """``clock_shift``: how far ahead of the machine's clock it is here, in ms; for staging."""
        self.config = config
        self.run_dir = run_dir
        self.clock_shift = clock_shift
        self.stack: ASGIApp = _starting
        self._relays: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.stack(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._relays.add(task)
            task.add_done_callback(self._relays.discard)
        await self.stack(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            state, recorder, ledger, shadows = self._start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await asyncio.to_thread(state.tokens.wait)
        loop = asyncio.get_running_loop()
        if state.flags is not None:
            await state.flags.ready(FLAGS_SECONDS)
        watching = [loop.create_task(state.watch()), loop.create_task(_follow_parent())]
        _spare_the_collector()
        self._mark(ready=True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._mark(ready=False)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        if self._relays:  # granian cuts WebSockets without waiting: tell the backends, and count them
            await asyncio.wait(self._relays, timeout=CLOSE_SECONDS)
        if shadows is not None:
            await shadows.aclose()
        state.tokens.close()
        await state.upstreams.aclose()
        if state.flags is not None:
            await state.flags.aclose()
        recorder.fold()
        if ledger is not None:
            await asyncio.to_thread(ledger.close)
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> tuple[State, WorkerRecorder, Ledger | None, Shadows | None]:
        instruments = Instruments()
        state = State(self.config, instruments, self.run_dir)
        server, admin = state.current.loaded.document.server, state.current.loaded.document.admin
        # what happens at another time is no use on record
        ledger = open_ledger(state.current.loaded, instruments) if not self.clock_shift else None
        log = AccessLog(system_clock) if server.access_log else None
        names = SharedNames(self.run_dir / LABELS if self.run_dir is not None else None)
        recorder = WorkerRecorder(instruments, log, ledger, names, lambda: state.plan().guarded)
        shadows = self._shadows(state, instruments)
        self.stack = build_app(
            state.plan,
            state.upstreams,
            recorder,
            flags=state.flags,
            clock_shift=self.clock_shift,
            claim=state.tokens.claim,
            max_request_body=server.max_request_body,
            end_streams_after_sunset=server.end_streams_after_sunset,
            feed=_feed(state),
            rehearsal_key=(admin.token or "").encode() if server.rehearsal else b"",
            shadows=shadows,
        )
        return state, recorder, ledger, shadows

    def _shadows(self, state: State, instruments: Instruments) -> Shadows | None:
        """What sends copies; nothing in staging, whose results would stand among the real ones."""
        if self.clock_shift:
            return None
        loaded = state.current.loaded
        comparer = ComparerProcess(loaded.state.absolute())
        return Shadows(state.upstreams, RequestHeaders(), comparer, ShadowMetrics(instruments), system_clock)

    def _mark(self, *, ready: bool) -> None:
        if self.run_dir is None:
            return
        mark = self.run_dir / WORKERS / str(os.getpid())
        if ready:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
            mark_process_dead(os.getpid(), str(self.run_dir))  # type: ignore[no-untyped-call]


def _feed(state: State) -> Feed | None:
    """The notice feed, if one is wanted. Callers see their own use where a ledger is kept."""
    loaded = state.current.loaded
    if not loaded.document.feed.enabled:
        return None
    return Feed(loaded.document.feed, lambda: state.feed_memory.memory, open_reader(loaded))


def _spare_the_collector() -> None:
    """What is loaded by now stays for good: looking through it again and again would be wasted."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def _follow_parent() -> None:
    """Stop with the supervisor, also when it was killed: nobody would count or reload without it."""
    await parent_gone()
    os.kill(os.getpid(), signal.SIGTERM)


async def _starting(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the server sent a request before the lifespan started")
