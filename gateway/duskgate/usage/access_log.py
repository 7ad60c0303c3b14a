"""One JSON line a request, through the standard library's logging."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TextIO

from duskgate.middleware.asgi import Scope
from duskgate.middleware.exchange import Exchange
from duskgate.policy.decision import Ruled
from duskgate.policy.instants import rfc3339
from duskgate.policy.request import Request

logger = logging.getLogger("duskgate.access")


_json = json.JSONEncoder().encode


class HeldBackHandler(logging.StreamHandler[TextIO]):
    """Holds lines back until ``write_out``: a system call for each would cost more than making the line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._held: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._held.append(self.format(record))

    def write_out(self) -> None:
        """Write everything held back, in one call."""
        if self._held:
            held, self._held = self._held, []
            self.stream.write("\n".join(held) + "\n")
            self.stream.flush()

    def close(self) -> None:
        self.write_out()
        super().close()


class AccessLog:
    """Writes finished requests to the logger ``duskgate.access``, in batches: see ``flush``.

    The query is left out: it may hold secrets. The caller stands there under its name or keyed digest.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._second = 0
        self._stamp = ""

    def __call__(self, scope: Scope, exchange: Exchange, seconds: float, place: tuple[str, ...]) -> None:
        api, endpoint, version, phase = place
        request = exchange.request
        client = scope.get("client")
        line = {
            "time": self._time(),
            "client": client[0] if client else None,
            "method": scope.get("method", "GET"),
            "path": _path(request, scope),
            "status": exchange.status,
            "seconds": round(seconds, 6),
            "api": api,
            "endpoint": endpoint,
            "version": version,
            "phase": phase,
            "outcome": exchange.outcome,
            "consumer": exchange.who.label,
        }
        if isinstance(exchange.decision, Ruled):
            line["chosen_by"] = exchange.decision.chosen_by
        if exchange.upstream_seconds is not None:
            line["upstream_seconds"] = round(exchange.upstream_seconds, 6)
        if exchange.reference is not None:
            line["reference"] = exchange.reference
        logger.info(_json(line))

    def _time(self) -> str:
        """Now, formatted once for each second; the milliseconds are put in."""
        now = self._clock()
        second, thousandths = divmod(now, 1000)
        if second != self._second:
            self._second, self._stamp = second, rfc3339(second * 1000)[:-1]
        return f"{self._stamp}.{thousandths:03d}Z"

    def flush(self) -> None:
        """Write out what the handlers hold back."""
        for handler in logger.handlers:
            if isinstance(handler, HeldBackHandler):
                handler.write_out()


def _path(request: Request | None, scope: Scope) -> str:
    return request.path.decode("latin-1") if request is not None else str(scope["path"])
