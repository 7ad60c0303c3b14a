"""The gateway that these tests ask: one api with every resolver and dates on its first version."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings

from duskgate.config import loads
from duskgate.policy import Decision, Forward, Header, Plan, decide, request
from duskgate.policy.decision import Ruled
from duskgate.policy.marks import apply

D = TypeVar("D")

rule = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How hard a rule is tried."""

ACCOUNTS = """
flags: {provider: flagd}
identity:
  - {header: X-Api-Key, secret: true}
consumers:
  acme: {match: {X-Api-Key: demo-acme}}
backends:
  old: {url: "http://127.0.0.1:9001"}
  new: {url: "http://127.0.0.1:9002"}
apis:
  accounts:
    path: /api/{version}
    resolve:
      - path
      - {header: Api-Version}
      - {media_type: "application/vnd.acme.{version}+json"}
      - {query: api-version}
      - {host: "{version}.api.example.com"}
      - {flag: use-v2-api, version: v2}
      - {flag: use-v3-api, version: v3}
    default: v1
    versions:
      v1:
        backend: old
        rollout: {to: v2, flag: move-to-v2}
        lifecycle:
          announced: 2026-09-01
          deprecated: 2026-10-01
          sunset: 2027-01-01T00:00:00Z
          removed: 2027-04-01
          guide: https://docs.example.com/migrate-to-v2
          successor: v2
          brownouts: [{from: 2026-12-01T14:00:00Z, for: 1h}]
          grace: [{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}]
      v2: {backend: new}
      v3: {backend: new}
"""

EARLY = "2026-08-01"
"""Before anybody is told anything of ``ACCOUNTS``."""


def ms(text: str) -> int:
    """A date or time (UTC where it names no zone) in milliseconds since the epoch."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def plan_of(text: str) -> Plan:
    return loads(text, Path("gateway.yaml"), {}).plan


def one_api(api: str) -> Plan:
    """A plan with the backends ``old`` and ``new`` and one api, written in YAML's flow style."""
    backends = 'backends: {old: {url: "http://127.0.0.1:9001"}, new: {url: "http://127.0.0.1:9002"}}'
    consumers = "identity: [{header: X-Api-Key}]\nconsumers: {acme: {match: {X-Api-Key: a}}}"
    return plan_of(f"flags: {{provider: flagd}}\n{consumers}\n{backends}\napis: {{accounts: {api}}}\n")


def ask(
    plan: Plan,
    target: str | bytes,
    headers: Sequence[tuple[str, str]] = (),
    *,
    method: str = "GET",
    flags: Mapping[str, bool] | None = None,
    at: str | int = EARLY,
    consumer: str | None = None,
) -> Decision:
    asked = request(method, target, headers)._replace(consumer=consumer)
    return decide(plan, asked, flags or {}, ms(at) if isinstance(at, str) else at)


def forwarded(decision: Decision | None) -> Forward:
    return expect(Forward, decision)


def expect(kind: type[D], decision: object) -> D:
    assert isinstance(decision, kind), decision
    return decision


def answered(decision: Decision, headers: Sequence[Header] = ()) -> list[Header]:
    """The header lines of an answer made under a decision."""
    assert isinstance(decision, Ruled), decision
    return apply(decision.marks, headers, decision.successor)


def values(headers: Sequence[Header], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]
