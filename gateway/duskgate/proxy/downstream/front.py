"""What the callers' connections of one worker have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from uvicorn.config import Config
from uvicorn.server import ServerState

from duskgate.middleware.asgi import ASGIApp, Scope
from duskgate.proxy.deadlines import Deadlines, Timed
from duskgate.proxy.downstream.framing import DateLine
from duskgate.proxy.downstream.limits import Limits
from duskgate.proxy.downstream.refusals import Refusals


class Connection(Timed, Protocol):
    """A connection that can be asked to end in order."""

    def shutdown(self) -> None: ...

    def abort(self) -> None: ...


class Front:
    """The application, the bounds, and every open connection. ``on_end`` hears of each one that ends.

    ``stopping``: connections that were being taken when the end began are not to last.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        state: ServerState,
        limits: Limits,
        refusals: Refusals,
        tick: float,
    ) -> None:
        """``tick`` is in seconds, see ``Deadlines``. Needs a running event loop."""
        self.app = app
        self.config = config
        self.state = state
        self.limits = limits
        self.refusals = refusals
        self.date = DateLine()
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        self.on_end: Callable[[], None] = lambda: None
        self._deadlines = Deadlines(tick)

    def joined(self, connection: Connection) -> None:
        """A connection began."""
        self.state.connections.add(connection)  # type: ignore[arg-type]
        self._deadlines.add(connection)

    def handed_over(self, connection: Connection) -> None:
        """Another protocol has taken it, which joins in its place."""
        self.state.connections.discard(connection)
        self._deadlines.remove(connection)

    def left(self, connection: Connection) -> None:
        """A connection ended."""
        self.handed_over(connection)
        self.on_end()

    def cut_off(self) -> None:
        """End every connection at once, so that what was under way is counted before the worker ends."""
        for connection in list(self.state.connections):
            connection.abort()  # type: ignore[union-attr]

    def scope_of(self, transport: asyncio.BaseTransport) -> Scope:
        """What the scopes of a connection's requests have in common."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "scheme": "http",
            "root_path": "",
            "client": _address(transport.get_extra_info("peername")),
            "server": _address(transport.get_extra_info("sockname")),
        }


def _address(name: object) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None
