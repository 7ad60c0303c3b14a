"""A rollout that is stopped: whom it moves, what is said of it, and what stays as it was."""

from __future__ import annotations

import pytest

from duskgate.policy import Forward, Plan
from duskgate.policy.explain import explain
from duskgate.policy.guard import Action, Stop
from duskgate.policy.request import request
from duskgate.policy.switches import Switches, switched
from tests.policy.world import ask, expect, ms, one_api

PLAN = one_api("""{path: '/api/{version}', default: v1, versions: {
  v1: {backend: old, rollout: {to: v2, promote: true, override: {consumers: [acme]},
    steps: [{at: 2026-01-01, percent: 0}, {at: 2026-06-01, percent: 100}]}},
  v2: {backend: new}, v3: {backend: new, rollout: {to: v2, flag: on, promote: true}}}}""")
NOW, SINCE = ms("2026-07-01"), ms("2026-03-01")


def stopped(action: Action, version: str = "v1") -> Plan:
    stop = Stop(action, SINCE, "duskgate", "errors: v2 9%")
    return switched(PLAN, Switches(stops={("accounts", version): stop}))


def version(plan: Plan, path: str, *headers: tuple[str, str], consumer: str | None = None) -> str:
    return expect(
        Forward, ask(plan, path, headers, at=NOW, consumer=consumer, flags={"on": True})
    ).rule.version


@pytest.mark.parametrize(
    ("action", "moved_to"), [(Action.ROLLBACK, "v1"), (Action.PAUSE, "v1"), (Action.ALERT, "v2")]
)
@pytest.mark.parametrize("path", ["/api/users", "/api/v1/users"])
def test_whom_a_stopped_rollout_moves(action: Action, moved_to: str, path: str) -> None:
    assert version(PLAN, path) == "v2"
    assert version(stopped(action), path) == moved_to


def test_nothing_gets_a_caller_past_a_halt_but_naming_the_version() -> None:
    halted = stopped(Action.ROLLBACK)
    always = ("Duskgate-Rollout", "always")
    assert version(PLAN, "/api/users", always, consumer="acme") == "v2"
    assert version(halted, "/api/users", always, consumer="acme") == "v1"
    assert version(halted, "/api/v2/users") == "v2"


def test_a_rollout_by_flag_is_halted_too_and_others_go_on() -> None:
    assert version(PLAN, "/api/v3/users") == "v2"
    assert version(stopped(Action.ROLLBACK, "v3"), "/api/v3/users") == "v3"
    assert version(stopped(Action.ROLLBACK, "v3"), "/api/users") == "v2"


@pytest.mark.parametrize(
    ("action", "rule", "said"),
    [
        (Action.ROLLBACK, "halted", "nobody is moved (duskgate, 2026-03-01T00:00:00Z: errors: v2 9%)"),
        (Action.PAUSE, "paused", "since 2026-03-01T00:00:00Z: no later step counts (duskgate, "),
        (Action.ALERT, "guard", "tripped, and only said so (duskgate, 2026-03-01T00:00:00Z: errors"),
    ],
)
def test_explain_says_that_it_is_stopped_and_why(action: Action, rule: str, said: str) -> None:
    _, steps = explain(stopped(action), request("GET", "/api/users", []), {}, NOW)
    assert any(step.rule == rule and step.found.startswith(said) for step in steps), steps


def test_what_is_not_stopped_is_shared_with_the_plan_as_it_was() -> None:
    plan = stopped(Action.ROLLBACK)
    assert plan.apis["accounts"].rules is PLAN.apis["accounts"].rules
    assert plan.apis["accounts"].rollouts["v3"] is PLAN.apis["accounts"].rollouts["v3"]
    nowhere = Switches(stops={("orders", "v1"): Stop(Action.ROLLBACK, SINCE, "jane", "no reason")})
    assert switched(PLAN, nowhere) is PLAN
