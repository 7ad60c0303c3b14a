"""A clock that is set, back or forward, across any number of phases: an answer depends on its time alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from duskgate.middleware import LifecycleMiddleware
from duskgate.middleware.clock import shifted
from duskgate.policy.plan import Plan
from tests.policy.world import ACCOUNTS, ms, one_api, plan_of, rule

PLAN = plan_of(ACCOUNTS)
SHARED = one_api(
    "{path: '/api/{version}', default: v1, versions: {v1: {backend: old, lifecycle: {deprecated: 2026-10-01,"
    " sunset: 2027-01-01, brownouts: [{from: 2026-11-01, for: 30d, ramp: [{after: 0s, percent: 10},"
    " {after: 10d, percent: 60}]}]}}, v2: {backend: new}}}"
)

INSTANTS = {
    **dict.fromkeys(("2026-08-01", "2026-08-31T23:59:59.999", "2026-09-01", "2026-10-01"), 200),
    **dict.fromkeys(("2026-12-01T13:59:59.999", "2026-12-01T15:00:00", "2026-12-31T23:59:59.999"), 200),
    **dict.fromkeys(("2026-12-01T14:00:00", "2026-12-01T14:59:59.999"), 410),
    **dict.fromkeys(("2027-01-01", "2027-01-31", "2027-02-01", "2027-03-31T23:59:59.999"), 410),
    **dict.fromkeys(("2027-04-01", "2099-01-01", "9999-12-31T23:59:59.999"), 404),
}
"""Moments around every date of ``PLAN``, and how an unknown caller is answered then."""

Answer = tuple[int, list[tuple[str, str]], Any]


class Service:
    """An application under a plan, and its clock, which anybody may set."""

    def __init__(self, plan: Plan, shift: int = 0) -> None:
        self.now = 0
        clock = shifted(lambda: self.now, shift)
        app = LifecycleMiddleware(PlainTextResponse("served"), plan, clock=clock)
        self._transport = httpx.ASGITransport(app)

    def answers(self, instants: Sequence[int], key: str) -> list[Answer]:
        """What is answered at each of the instants (ms), one after the other."""

        async def ask() -> list[Answer]:
            found = []
            async with httpx.AsyncClient(transport=self._transport, base_url="http://gw.example") as client:
                for self.now in instants:
                    answer = await client.get("/api/v1/users/7", headers={"X-Api-Key": key})
                    found.append((answer.status_code, answer.headers.multi_items(), _content(answer)))
            return found

        return asyncio.run(ask())


def _content(answer: httpx.Response) -> Any:
    """The body, but for the reference, which is new in each."""
    if answer.headers["content-type"] != "application/problem+json":
        return answer.text
    return {**json.loads(answer.text), "reference": ""}


moments = st.sampled_from([ms(text) for text in INSTANTS]) | st.integers(ms("2026-08-01"), ms("2027-06-01"))
sequences = st.lists(moments, min_size=2, max_size=8)
callers = st.sampled_from(["demo-acme", "a", *(f"caller-{number}" for number in range(5))])


@pytest.mark.parametrize("plan", [PLAN, SHARED], ids=["grace and removal", "a growing share"])
@given(instants=sequences, key=callers)
@rule
def test_what_came_before_does_not_matter(plan: Plan, instants: list[int], key: str) -> None:
    stepped = Service(plan).answers(instants, key)
    assert stepped == [Service(plan).answers([instant], key)[0] for instant in instants]


@given(instants=sequences, shift=st.integers(-(10**12), 10**12))
@rule
def test_a_shifted_clock_is_that_time_and_nothing_else(instants: list[int], shift: int) -> None:
    elsewhere = [instant - shift for instant in instants]
    assert Service(PLAN, shift).answers(elsewhere, "a") == Service(PLAN).answers(instants, "a")


@pytest.mark.parametrize("order", [1, -1], ids=["forward", "back"])
def test_steps_across_every_phase(order: int) -> None:
    steps = list(INSTANTS.items())[::order]
    answers = Service(PLAN).answers([ms(text) for text, _ in steps], "a")
    assert [status for status, _, _ in answers] == [status for _, status in steps]


def test_a_step_back_across_the_sunset_puts_the_version_back() -> None:
    sunset = ms("2027-01-01")
    answers = Service(PLAN).answers([sunset - 1, sunset, sunset - 1, ms("2027-04-01"), sunset - 1], "a")
    assert [status for status, _, _ in answers] == [200, 410, 200, 404, 200]
    assert answers[0] == answers[2] == answers[4]
