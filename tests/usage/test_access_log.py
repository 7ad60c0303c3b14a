"""The access log's lines, where tests of whole gateways do not look at them."""

from __future__ import annotations

import json

import pytest

from duskgate.middleware.exchange import Exchange
from duskgate.policy import decide, request
from duskgate.policy.decision import Frozen, Gone, Moved, Removed
from duskgate.policy.switches import Switches, switched
from duskgate.usage.access_log import AccessLog
from tests.policy.world import ms, one_api

PLAN = one_api("""{path: '/api/{version}', default: v1, versions: {v1: {backend: old, lifecycle: {
  deprecated: 2026-10-01, sunset: 2027-01-01, removed: 2027-04-01, redirect: safe, successor: v2,
  freeze: {mode: enforce}}}, v2: {backend: new}}}""")
FROZEN = switched(PLAN, Switches(seen={("accounts", "v1", ms("2026-10-01")): set()}))
REFUSED = [
    (Frozen, "GET", "2026-11-01"),
    (Moved, "GET", "2027-02-01"),
    (Gone, "POST", "2027-02-01"),
    (Removed, "GET", "2027-05-01"),
]


@pytest.mark.parametrize(("kind", "method", "at"), REFUSED)
def test_a_refusal_tells_how_its_version_was_chosen(
    kind: type, method: str, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    exchange.request = request(method, "/api/v1/x")._replace(caller="new")
    exchange.decision = decide(FROZEN, exchange.request, {}, ms(at))
    assert type(exchange.decision) is kind
    with caplog.at_level("INFO", "duskgate.access"):
        AccessLog(lambda: 0)({"method": method}, exchange, 0.1, ("accounts", "*", "v1", "sunset"))
    assert json.loads(caplog.messages[-1])["chosen_by"] == "path"
