"""The pure core: what a request is for, which version it gets, and what its caller is told.

Standard library only. Reads no clock, does no I/O, never awaits: see docs/life-of-a-request.md.
"""

from duskgate.policy.decide import conclude, decide, flags_for, flags_needed
from duskgate.policy.decision import (
    BadRequest,
    Brownout,
    Decision,
    Forward,
    Frozen,
    Gone,
    Moved,
    NotFound,
    Removed,
    Ruled,
    UnknownVersion,
    VersionConflict,
)
from duskgate.policy.lifecycle import Grace, Lifecycle, Phase, Window
from duskgate.policy.plan import Plan
from duskgate.policy.request import Header, Request, request
from duskgate.policy.route import Route, route

__all__ = [
    "BadRequest",
    "Brownout",
    "Decision",
    "Forward",
    "Frozen",
    "Gone",
    "Grace",
    "Header",
    "Lifecycle",
    "Moved",
    "NotFound",
    "Phase",
    "Plan",
    "Removed",
    "Request",
    "Route",
    "Ruled",
    "UnknownVersion",
    "VersionConflict",
    "Window",
    "conclude",
    "decide",
    "flags_for",
    "flags_needed",
    "request",
    "route",
]
