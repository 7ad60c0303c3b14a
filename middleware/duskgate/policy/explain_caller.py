"""Why a caller is who it is, one way to name callers after the other, in words."""

from __future__ import annotations

from collections.abc import Callable

from duskgate.policy.callers import ByAddress, ByCertificate, ByHeader, ByToken, Caller
from duskgate.policy.explain import Step
from duskgate.policy.identify import ANONYMOUS, ReadClaim, Who, by_step
from duskgate.policy.plan import Identity
from duskgate.policy.request import Request

Why = Callable[[ByToken], str]
"""Says what was wrong with the token that was looked at last."""


def explain_caller(
    identity: Identity, request: Request, claim: ReadClaim, why: Why
) -> tuple[Who, list[Step]]:
    """Name the caller, and say what each way found up to the one that did."""
    steps: list[Step] = []
    for step in identity.callers:
        who = by_step(identity, step, request.fields, request.headers, request.peer, claim)
        if who is not None:
            return who, [*steps, Step("identity", f"{_way(step)} names {who.label}")]
        steps.append(Step("identity", f"{_way(step)} names nobody: {_nobody(identity, step, request, why)}"))
    return ANONYMOUS, steps


def _way(step: Caller) -> str:
    if isinstance(step, ByHeader):
        return step.name
    return step.tag.decode() if isinstance(step, ByAddress) else f"{step.tag.decode()} in {step.name}"


def _nobody(identity: Identity, step: Caller, request: Request, why: Why) -> str:
    if isinstance(step, ByAddress):
        return "the address is not known" if request.peer else "no address is given"
    if not request.fields.get(step.key):
        return "it is not there"
    if isinstance(step, ByToken):
        return why(step)
    if isinstance(step, ByCertificate) and not identity.peers.trusts(request.peer):
        return f"{request.peer or 'whoever sent it'} is no trusted proxy"
    return "it holds nothing of the kind"
