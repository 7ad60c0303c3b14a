"""Why a request is decided as it is, in words."""

import pytest

from duskgate.policy import Forward, request
from duskgate.policy.explain import explain
from tests.policy.world import ACCOUNTS, ms, plan_of

PLAN = plan_of(ACCOUNTS)


def steps(target: str, at: str, *headers: tuple[str, str], consumer: str | None = None) -> dict[str, str]:
    asked = request("GET", target, headers)._replace(consumer=consumer)
    _, found = explain(PLAN, asked, {"use-v3-api": False}, ms(at))
    return {step.rule: step.found for step in found}


def test_every_rule_says_what_it_found() -> None:
    found = steps("/api/users/7", "2026-11-01", ("Api-Version", "v1"))
    assert found["path"] == "names no version"
    assert found["header Api-Version"] == "names v1"
    assert found["version"] == "v1, chosen by header Api-Version"
    assert found["endpoint"] == "none of its own"
    assert found["phase"] == "deprecated at 2026-11-01T00:00:00Z"
    assert found["decision"].startswith("forward to backend old: /api/users/7")


def test_the_dates_are_listed() -> None:
    assert steps("/api/v1", "2026-11-01")["lifecycle"] == (
        "announced 2026-09-01T00:00:00Z, deprecated 2026-10-01T00:00:00Z, "
        "sunset 2027-01-01T00:00:00Z, removed 2027-04-01T00:00:00Z"
    )


DECIDED = [
    ("forward", "/api/v2", "2027-01-01", "forward to backend new: /api/v2"),
    ("brownout", "/api/v1", "2026-12-01T14:00:00", "410, brownout until 2026-12-01T15:00:00Z"),
    ("sunset", "/api/v1", "2027-01-01", "410, the sunset has come"),
    ("removed", "/api/v1", "2027-04-01", "404, removed"),
]


@pytest.mark.parametrize(("target", "at", "text"), [c[1:] for c in DECIDED], ids=[c[0] for c in DECIDED])
def test_the_decision_is_the_last_word(target: str, at: str, text: str) -> None:
    assert steps(target, at)["decision"] == text


REFUSED = [
    ("no api", "/x", "route", "404, no api at this path"),
    ("unknown version", "/api/v9", "route", "404, 'v9' in the path is unknown; there are v1, v2, v3"),
    ("conflict", "/api/v1?api-version=v2", "route", "400, path names v1, query api-version names v2"),
    ("bad path", "/api/../v1", "route", "400, the path holds a dot segment"),
]


@pytest.mark.parametrize(("target", "step", "text"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_refusal_is_explained(target: str, step: str, text: str) -> None:
    assert steps(target, "2026-11-01")[step].startswith(text)


def test_grace_is_explained_with_who_answers_for_it() -> None:
    found = steps("/api/v1", "2027-01-15", consumer="acme")
    assert found["grace"] == "acme until 2027-02-01T00:00:00Z (jane: contract)"


def test_flags_that_were_asked_are_named() -> None:
    _, found = explain(PLAN, request("GET", "/api/users"), {"move-to-v2": True}, 0)
    flags = [step.found for step in found if step.rule == "flag"]
    assert flags == ["use-v2-api is off", "use-v3-api is off", "move-to-v2 is on"]


def test_it_decides_as_well() -> None:
    decision, _ = explain(PLAN, request("GET", "/api/v2"), {}, 0)
    assert isinstance(decision, Forward)
