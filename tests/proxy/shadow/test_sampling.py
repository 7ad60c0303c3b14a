"""Which requests are sampled, and how many at once and in a second."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Plan, decide, request
from duskgate.policy.shadow import Comparison, Shadow
from duskgate.proxy.headers import RequestHeaders
from duskgate.proxy.shadow.content import Answer
from duskgate.proxy.shadow.noise import Place, Verdict
from duskgate.proxy.shadow.sampling import BURST_SECONDS, Limits, may_be_copied
from duskgate.proxy.shadow.shadows import Shadows
from duskgate.proxy.shadow.wire import Reply
from duskgate.proxy.upstream.protocol import UpstreamRequest
from tests.policy.world import one_api
from tests.stack import exchange_with

SHADOW = Shadow("v2", 1.0, Comparison(), concurrency=3, rate=100, max_body=1000, timeout=1.0)
ROOM = ("accounts", "v1")


def plan(shadow: str) -> Plan:
    return one_api(
        f"{{path: '/api/{{version}}', default: v1,"
        f" versions: {{v1: {{backend: old, shadow: {{to: v2, {shadow}}}}}, v2: {{backend: new}}}}}}"
    )


DECLARED = plan(
    'idempotent: [{path: /search, methods: [POST]}, {path: "/users/{id}", methods: [PUT, DELETE]}]'
)
MAY = [
    ("GET", "/api/v1/x", True),
    ("HEAD", "/api/v1/x", True),
    ("OPTIONS", "/api/v1/x", True),
    ("TRACE", "/api/v1/x", False),
    ("POST", "/api/v1/x", False),
    ("get", "/api/v1/x", True),
    ("POST", "/api/v1/search", True),
    ("POST", "/api/search", True),
    ("POST", "/api/v1/search/", True),
    ("POST", "/api/v1/search/more", False),
    ("PUT", "/api/v1/search", False),
    ("PUT", "/api/v1/users/7", True),
    ("DELETE", "/api/v1/users/7", True),
    ("PATCH", "/api/v1/users/7", False),
    ("PUT", "/api/v1/users/7%2F8", False),
    ("PUT", "/elsewhere", False),
]


@pytest.mark.parametrize(("method", "target", "may"), MAY, ids=[f"{case[0]} {case[1]}" for case in MAY])
def test_what_may_be_copied(method: str, target: str, may: bool) -> None:
    shadow = DECLARED.apis["accounts"].rules["v1"].shadow
    assert shadow is not None
    asked = request(method, target)
    assert may_be_copied(DECLARED, asked, shadow) is may
    if asked.method not in ("GET", "HEAD", "OPTIONS"):
        assert not may_be_copied(DECLARED, asked, replace(shadow, idempotent=None))
    assert not may_be_copied(DECLARED, request(method, target, [("Duskgate-Shadow", "1")]), shadow)


class Time:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_places_are_limited_and_given_back() -> None:
    limits = Limits(Time())
    assert [limits.enter(ROOM, SHADOW) for _ in range(4)] == [None, None, None, "busy"]
    assert limits.enter(("accounts", "v3"), SHADOW) is None
    limits.leave(ROOM)
    assert [limits.enter(ROOM, SHADOW) for _ in range(2)] == [None, "busy"]


def test_a_rate_is_spread_over_the_second() -> None:
    time = Time()
    limits = Limits(time)
    slow = replace(SHADOW, rate=20, concurrency=256)
    assert [limits.enter(ROOM, slow) for _ in range(4)] == [None, None, "rate", "rate"]
    time.now += 0.06
    assert [limits.enter(ROOM, slow) for _ in range(2)] == [None, "rate"]
    time.now += 10
    assert [limits.enter(ROOM, slow) for _ in range(4)] == [None, None, "rate", "rate"]


@given(st.integers(1, 1000), st.lists(st.floats(0, 0.2), min_size=1, max_size=300))
def test_a_rate_is_never_passed(rate: int, waits: Sequence[float]) -> None:
    time = Time()
    limits = Limits(time)
    shadow = replace(SHADOW, rate=rate, concurrency=10_000)
    entered = 0
    for wait in waits:
        time.now += wait
        entered += limits.enter(ROOM, shadow) is None
    assert 1 <= entered <= max(1, rate * BURST_SECONDS) + sum(waits) * rate + 1e-6


class Heard:
    """An observer that counts."""

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()

    def dropped(self, api: str, version: str, reason: str) -> None:
        self.drops[reason] += 1

    def judged(self, place: Place, verdict: str, kinds: Sequence[str]) -> None: ...

    def took(self, api: str, shadow: str, seconds: float) -> None: ...


class NoJudge:
    """Nothing gets as far as this."""

    async def judge(
        self, place: Place, comparison: Comparison, limit: int, answers: Sequence[Answer]
    ) -> Reply:
        raise AssertionError

    async def note(self, place: Place, comparison: Comparison, outcome: Verdict) -> None:
        raise AssertionError

    async def aclose(self) -> None: ...


async def send(message: Any) -> None: ...


def sampled(of: Plan, chances: Sequence[float], **more: Any) -> tuple[int, Counter[str]]:
    """How many requests are sampled when chance gives these numbers, and why others are dropped."""
    left = iter(chances)
    heard = Heard()
    upstreams: Mapping[str, Any] = {}
    shadows = Shadows(upstreams, RequestHeaders(), NoJudge(), heard, lambda: 0, lambda: next(left))
    asked = request("GET", "/api/v1/x", **more)
    exchange = exchange_with(of, asked, decide(of, asked, {}, 0))

    async def one() -> bool:
        outgoing = UpstreamRequest("GET", b"/api/v1/x", [], None)
        return shadows.beside({}, exchange, outgoing, send) is not send

    async def all_of_them() -> int:
        found = [await asyncio.create_task(one()) for _ in chances]
        await shadows.aclose()
        return sum(found)

    return asyncio.run(all_of_them()), heard.drops


@pytest.mark.parametrize(
    ("share", "chance", "taken"),
    [("10%", 0.0999, 1), ("10%", 0.1, 0), ("0%", 0.0, 0), ("100%", 0.999999, 1), ("0.01%", 0.00009, 1)],
)
def test_a_share_is_drawn(share: str, chance: float, taken: int) -> None:
    assert sampled(plan(f"sample: {share}"), [chance])[0] == taken


def test_a_place_is_free_again_when_its_request_is_over() -> None:
    """Also if it never got an answer: the end of its task is enough."""
    of = plan("sample: 100%, concurrency: 1, rate: 10000")
    assert sampled(of, [0.0] * 20) == (20, {"unanswered": 20})


def test_a_body_that_is_announced_as_large_takes_no_place() -> None:
    of = plan("sample: 100%, max_body: 10")
    assert sampled(of, [0.0], headers=[("Content-Length", "11")]) == (0, {"too-large": 1})
    assert sampled(of, [0.0], headers=[("Content-Length", "10")])[0] == 1
