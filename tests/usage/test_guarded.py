"""What is counted for guards: requests that reached a backend, of guarded versions, by how they ended."""

from __future__ import annotations

import asyncio

import pytest

from duskgate.middleware.exchange import Exchange
from duskgate.policy.decision import Forward
from duskgate.policy.lifecycle import Phase
from duskgate.usage.instruments import Instruments
from duskgate.usage.recorder import WorkerRecorder
from tests.policy.world import one_api

PLAN = one_api("{path: '/api/{version}', default: v1, versions: {v1: {backend: old}, v2: {backend: new}}}")
GUARDED = frozenset({("accounts", "v2")})


def counted(
    *, version: str = "v2", status: int = 200, failure: str | None = None, at: int | None = None
) -> dict[str, float]:
    """What is counted of one request that reached a backend, by result."""
    instruments = Instruments()

    async def record() -> None:
        recorder = WorkerRecorder(instruments, guarded=lambda: GUARDED)
        rule = PLAN.apis["accounts"].rules[version]
        exchange = Exchange()
        exchange.status, exchange.failure, exchange.at = status, failure, at
        exchange.upstream_seconds = 0.03
        exchange.decision = Forward(rule, Phase.ACTIVE, rule.untold[0], b"/", None, "default")
        recorder.record({}, exchange, 0.04)
        recorder.fold()

    asyncio.run(record())
    return {
        one.labels["result"]: one.value
        for metric in instruments.guarded.collect()
        for one in metric.samples
        if one.name.endswith("_count") and one.value
    }


@pytest.mark.parametrize(
    ("status", "failure", "result"),
    [
        (200, None, "ok"),
        (404, None, "ok"),
        (429, None, "ok"),
        (500, None, "error"),
        (503, None, "error"),
        (502, "backend-unavailable", "error"),
        (504, "backend-timeout", "error"),
        (503, "overloaded", "error"),
        (200, "cut-short", "error"),
        (0, "cancelled", "ok"),
        (101, "ended", "ok"),
        (408, "request-timeout", None),
        (413, "body-too-large", None),
        (500, "internal-error", None),
    ],
)
def test_how_a_request_ended_at_its_backend(status: int, failure: str | None, result: str | None) -> None:
    assert counted(status=status, failure=failure) == ({} if result is None else {result: 1})


def test_rehearsals_and_versions_without_a_guard_are_not_counted() -> None:
    assert counted(at=0) == {}
    assert counted(version="v1") == {}
