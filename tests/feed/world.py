"""A gateway with much to hide, asked for its feed in process, at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from duskgate.config import Loaded, loads
from duskgate.control.switches import switches_of
from duskgate.feed import Feed
from duskgate.feed.edition import Edition
from duskgate.feed.memory import EMPTY, Memory
from duskgate.feed.mine import OwnUse
from duskgate.middleware.asgi import Scope
from duskgate.middleware.exchange import Exchange
from duskgate.policy.plan import Plan
from duskgate.policy.switches import switched
from duskgate.proxy.app import build_app
from tests.policy.world import ms

PATH = "/.well-known/api-deprecations"

SAMPLE = """
admin: {token: token-of-the-admin-port}
identity:
  - {header: X-Api-Key, secret: true}
  - {header: X-User-Id}
consumers:
  acme: {match: {X-Api-Key: key-of-acme}, contact: "mailto:reach@acme.example", critical: true}
  globex:
    match: {X-Api-Key: key-of-globex, X-User-Id: user-of-globex}
    contact: mailto:reach@globex.example
backends:
  old-backend: {url: "http://old.internal:9001/base"}
  new-backend: {targets: ["http://one.internal:9002", "http://two.internal:9002"]}
apis:
  accounts:
    path: /api/{version}
    resolve: [path, {header: Api-Version}]
    default: v1
    versions:
      v1:
        backend: old-backend
        rewrite: /hidden-prefix
        lifecycle:
          announced: 2026-09-01
          deprecated: 2026-10-01
          sunset: 2027-01-01
          removed: 2027-04-01
          guide: https://docs.example.com/migrate-to-v2
          contact: mailto:api@example.com
          successor: v2
          brownouts:
            - {from: 2026-12-01T14:00:00Z, for: 1h, exempt: [globex]}
            - {from: 2026-12-08T14:00:00Z, for: 2h, percent: 25, status: 503}
          grace: [{consumer: acme, until: 2027-02-01, owner: owner-of-grace, reason: reason-for-grace}]
          accept: {critical_unseen: 4d, hold_at_most: 3d}
      v2: {backend: new-backend}
    endpoints:
      - path: /users/{id}/avatar
        methods: [GET, DELETE]
        versions: {v1: {lifecycle: {sunset: 2026-12-20, successor_path: "/pictures/{id}"}}}
      - path: /users/{id}/avatar
        methods: [PUT]
        versions:
          v1: {lifecycle: {sunset: 2026-12-24, successor_path: "/pictures/{id}", successor_method: POST}}
      - {path: "/status", versions: {v1: {lifecycle: {inherit: false, guide: "https://docs.example.com/status"}}}}
      - {path: "/same", versions: {v1: {lifecycle: {sunset: 2027-01-01}}}}
  secret-plans:
    path: /plans
    default: v7
    versions:
      v7: {backend: new-backend, lifecycle: {announced: 2030-01-01, sunset: 2031-01-01}}
"""

HOLD = {
    "holds": {"accounts/v1": {"until": "2027-01-15T00:00:00Z", "by": "by-of-hold", "reason": "why-of-hold"}}
}

PRIVATE = (
    *("token-of-the-admin-port", "key-of-acme", "key-of-globex", "user-of-globex", "reach@"),
    *("acme", "globex", "old-backend", "new-backend", ".internal", ":900", "hidden-prefix"),
    *("owner-of-grace", "reason-for-grace", "by-of-hold", "why-of-hold", "secret-plans", "/plans"),
    *("critical", "2027-02-01", "20270201", "1 Feb 2027"),
)
"""Everything in the sample that callers must not learn from the feed."""

TOLD = "2026-10-05"
"""A moment at which v1 is deprecated, and everything else about it ahead."""


def loaded(text: str = SAMPLE) -> Loaded:
    return loads(text, Path("gateway.yaml"), {})


def held(text: str = SAMPLE) -> Plan:
    """The plan with its sunset put off by an operator."""
    return switched(loaded(text).plan, switches_of(HOLD))


def edition(
    text: str = SAMPLE, at: str = TOLD, memory: Memory | None = EMPTY, plan: Plan | None = None
) -> Edition:
    one = loaded(text)
    return Edition.of(one.document.feed, plan or one.plan, memory, ms(at))


@dataclass
class Gateway:
    """The whole stack but the server, without backends. Anything may be changed between two requests."""

    text: str = SAMPLE
    at: str = TOLD
    memory: Memory | None = None
    own_use: OwnUse | None = None
    rehearsal_key: bytes = b""
    plan: Plan = field(init=False)
    outcomes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        one = loaded(self.text)
        self.plan = one.plan
        settings = one.document.feed
        self.feed = Feed(settings, lambda: self.memory, self.own_use) if settings.enabled else None
        self.app = build_app(
            lambda: self.plan,
            {},
            self,
            clock=lambda: ms(self.at),
            feed=self.feed,
            rehearsal_key=self.rehearsal_key,
        )

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        self.outcomes.append(exchange.outcome)

    def get(self, suffix: str = "", method: str = "GET", **headers: str) -> httpx.Response:
        """Ask for something below the feed's path."""
        return self.ask(PATH + suffix, method, headers)

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The same for any path."""
        return self.together((method, path, headers or {}))[0]

    def together(self, *requests: tuple[str, str, Mapping[str, str]]) -> list[httpx.Response]:
        """The answers to several requests at once."""

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
                asked = [client.request(method, path, headers=headers) for method, path, headers in requests]
                return await asyncio.gather(*asked)

        return asyncio.run(ask())
