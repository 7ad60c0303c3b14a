"""What a flag's rule may look at besides who calls."""

from __future__ import annotations

from duskgate.policy.plan import WHOLE, Plan
from duskgate.policy.request import Request
from duskgate.policy.route import Route

OWN = ("targetingKey", "consumer", "api", "endpoint")
"""What every flag is told of; no header takes one of these names."""


def flag_attributes(plan: Plan, bound: Route, request: Request) -> dict[str, str]:
    """The attributes of a request; one whose header is not there is left out.

    ``endpoint`` is the template that the path falls under, the same for every version, since which version
    it will be is what flags are asked for.
    """
    fields = request.fields
    attributes = {
        name: fields[key].decode("utf-8", "replace") for name, key in plan.flag_headers if key in fields
    }
    attributes["api"] = bound.api.name
    attributes["endpoint"] = _endpoint(bound, request.method)
    attributes["consumer"] = request.consumer or ""
    return attributes


def _endpoint(bound: Route, method: str) -> str:
    endpoints = bound.api.endpoints
    rules = endpoints.find(bound.rest, method.upper()) if endpoints is not None else None
    return next(iter(rules.values())).endpoint if rules else WHOLE
