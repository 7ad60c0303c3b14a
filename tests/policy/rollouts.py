"""Plans with one rollout, from v1 to v2, and who is moved by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from duskgate.policy import Plan, Request, decide, request
from duskgate.policy.build import make_routes
from duskgate.policy.decision import Ruled
from tests.policy.world import ms, plan_of

NOW = "2026-12-01"

KNOWN = ("acme", "bank", "ci", "dora")


def rolling(
    rollout: str, *, api: str = "path: '/api/{version}', default: v1", v1: str = "", v2: str = ""
) -> Plan:
    """A plan in YAML's flow style; the consumers are ``KNOWN``, and the rings ``staff`` and ``friends``."""
    consumers = ", ".join(f"{name}: {{match: {{X-User: {name}}}}}" for name in KNOWN)
    return plan_of(f"""
server: {{trusted_proxies: [10.0.0.0/8]}}
flags: {{provider: flagd}}
identity: [{{header: X-User}}]
consumers: {{{consumers}}}
rings: {{staff: [ci], friends: [acme, bank]}}
backends: {{old: {{url: "http://127.0.0.1:9001"}}, new: {{url: "http://127.0.0.1:9002"}}}}
apis:
  accounts:
    {{{api}, versions: {{
      v1: {{backend: old, rollout: {rollout}{v1}}},
      v2: {{backend: new{v2}}},
      v3: {{backend: new}}}}}}
""")


def switched_off(plan: Plan, *, halted: bool = False, paused_at: int | None = None) -> Plan:
    """The plan with its rollout switched at run time."""
    api = plan.apis["accounts"]
    rollout = replace(api.rollouts["v1"], halted=halted, paused_at=paused_at)
    api = replace(api, rollouts=MappingProxyType({**api.rollouts, "v1": rollout}))
    return replace(plan, apis=MappingProxyType({"accounts": api}), routes=make_routes([api]))


def facts(caller: str | None, target: str = "/api/users", headers: Sequence[tuple[str, str]] = ()) -> Request:
    """A request of a known consumer, of anybody else, or (``None``) of nobody in particular."""
    asked = request("GET", target, headers)
    if caller is None:
        return asked
    return asked._replace(consumer=caller if caller in KNOWN else None, caller=caller, key=caller.encode())


def decided(
    plan: Plan, asked: Request, at: str | int = NOW, flags: Mapping[str, bool] | None = None
) -> Ruled:
    decision = decide(plan, asked, flags or {}, ms(at) if isinstance(at, str) else at)
    assert isinstance(decision, Ruled), decision
    return decision


def moved(plan: Plan, caller: str | None, at: str | int = NOW, **more: bool) -> bool:
    """Whether a caller who names no version gets v2. ``more``: flags."""
    return decided(plan, facts(caller), at, more).rule.version == "v2"
