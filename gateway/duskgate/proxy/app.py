"""The data plane's stack, outermost room first. This is the whole way of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from duskgate.feed import Feed, FeedMiddleware
from duskgate.middleware import (
    DecisionMiddleware,
    ErrorsMiddleware,
    FlagSource,
    IdentityMiddleware,
    NoticesMiddleware,
    Recorder,
    RefusalMiddleware,
    RehearsalMiddleware,
    RequestCheckMiddleware,
    StagingMiddleware,
    UsageMiddleware,
)
from duskgate.middleware.asgi import ASGIApp
from duskgate.middleware.clock import Clock, shifted, system_clock
from duskgate.policy.identify import ReadClaim, no_claim
from duskgate.policy.plan import Plan
from duskgate.proxy.ending import StreamEnding
from duskgate.proxy.forward import ForwardApp
from duskgate.proxy.headers import RequestHeaders
from duskgate.proxy.shadow.shadows import Shadows
from duskgate.proxy.upstream.protocol import Upstream


def build_app(
    plan: Callable[[], Plan],
    upstreams: Mapping[str, Upstream],
    recorder: Recorder,
    *,
    flags: FlagSource | None = None,
    clock: Clock = system_clock,
    clock_shift: int = 0,
    claim: ReadClaim = no_claim,
    max_request_body: int | None = None,
    end_streams_after_sunset: int | None = None,
    rehearsal_key: bytes = b"",
    feed: Feed | None = None,
    shadows: Shadows | None = None,
) -> ASGIApp:
    """Put the rooms together. ``plan`` gives the plan in force and is asked once a request.

    ``clock_shift``: decide as if it were so many ms later than ``clock`` says, and say so on every answer.
    ``end_streams_after_sunset`` is in ms, ``None`` for never. ``rehearsal_key`` lets callers who have it ask
    about other moments; without one nobody may. ``claim`` verifies tokens. ``feed`` is the notice feed, if
    there is one. Without ``shadows`` no copies are sent.
    """
    now = shifted(clock, clock_shift)
    ending = StreamEnding(end_streams_after_sunset, now)
    headers = RequestHeaders()
    forward: ASGIApp = ForwardApp(upstreams, headers, max_request_body, ending, shadows)
    app: ASGIApp = RefusalMiddleware(forward, now)
    app = DecisionMiddleware(app, flags, now)
    if feed is not None:
        app = FeedMiddleware(app, feed, now)
    app = RequestCheckMiddleware(app, refuse=RefusalMiddleware(forward, now))
    app = IdentityMiddleware(app, plan, claim)
    if rehearsal_key:
        app = RehearsalMiddleware(app, rehearsal_key, clock)  # a signature is good for real time
    app = ErrorsMiddleware(app)
    app = NoticesMiddleware(app)
    app = UsageMiddleware(app, recorder)
    if clock_shift:
        app = StagingMiddleware(app, now)
    return app
