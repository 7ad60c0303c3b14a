"""One JSON line a request, through the standard library's logging."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from duskgate.middleware.asgi import Scope
from duskgate.middleware.exchange import Exchange
from duskgate.policy.decision import Brownout, Forward, Gone, Removed
from duskgate.policy.instants import rfc3339
from duskgate.policy.request import Request

logger = logging.getLogger("duskgate.access")


class AccessLog:
    """Writes finished requests to the logger ``duskgate.access``.

    The query is left out: it may hold secrets. The caller stands there under its name or keyed digest.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    def __call__(self, scope: Scope, exchange: Exchange, seconds: float, place: tuple[str, ...]) -> None:
        api, endpoint, version, phase = place
        request = exchange.request
        client = scope.get("client")
        line = {
            "time": rfc3339(self._clock()),
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
        if isinstance(exchange.decision, (Forward, Gone, Brownout, Removed)):
            line["chosen_by"] = exchange.decision.chosen_by
        if exchange.upstream_seconds is not None:
            line["upstream_seconds"] = round(exchange.upstream_seconds, 6)
        if exchange.reference is not None:
            line["reference"] = exchange.reference
        logger.info(json.dumps(line))


def _path(request: Request | None, scope: Scope) -> str:
    return request.path.decode("latin-1") if request is not None else str(scope["path"])
