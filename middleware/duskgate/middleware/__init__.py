"""Pure ASGI middleware. ``LifecycleMiddleware`` is the whole policy in one for an application of your own."""

from duskgate.middleware.decision import DecisionMiddleware, FlagSource
from duskgate.middleware.errors import ErrorsMiddleware
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.middleware.identity import IdentityMiddleware
from duskgate.middleware.lifecycle import LifecycleMiddleware
from duskgate.middleware.notices import NoticesMiddleware
from duskgate.middleware.refusal import RefusalMiddleware
from duskgate.middleware.rehearsal import RehearsalMiddleware
from duskgate.middleware.request_check import RequestCheckMiddleware
from duskgate.middleware.staging import StagingMiddleware
from duskgate.middleware.usage import Recorder, UsageMiddleware

__all__ = [
    "DecisionMiddleware",
    "ErrorsMiddleware",
    "Exchange",
    "FlagSource",
    "IdentityMiddleware",
    "LifecycleMiddleware",
    "NoticesMiddleware",
    "Recorder",
    "RefusalMiddleware",
    "RehearsalMiddleware",
    "RequestCheckMiddleware",
    "StagingMiddleware",
    "UsageMiddleware",
    "exchange_of",
]
