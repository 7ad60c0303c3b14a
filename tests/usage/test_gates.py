"""Judging acceptance gates: every condition met, unmet and unknown; what opens stays open."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from duskgate.policy import Plan
from duskgate.policy.accept import Verdict
from duskgate.policy.plan import Rule
from duskgate.policy.switches import Judged
from duskgate.usage.gates import NO_LEDGER, Served, gates, judge
from tests.policy.world import ms, plan_of

SUNSET = ms("2027-01-01")
DAY = 86_400_000
MET, UNMET, UNKNOWN = Verdict


@dataclass
class Past:
    """A past made up: when it begins, what was served by version, and who called when."""

    begin: int | None = 0
    versions: Mapping[str, Served] = field(default_factory=dict)
    called: Mapping[str, int] = field(default_factory=dict)

    def begins(self) -> int | None:
        return self.begin

    def served(self, api: str, endpoint: str, since: int) -> Mapping[str, Served]:
        return self.versions

    def callers(self, api: str, version: str, endpoint: str, since: int) -> Mapping[str, int]:
        return {name: at for name, at in self.called.items() if at >= since}


def gated(accept: str) -> Plan:
    return plan_of(f"""
identity: [{{header: X-Api-Key}}]
consumers:
  acme: {{match: {{X-Api-Key: a}}, critical: true}}
  beta: {{match: {{X-Api-Key: b}}}}
backends: {{one: {{url: "http://127.0.0.1:9001"}}}}
apis:
  accounts:
    path: /api/{{version}}
    default: v1
    versions:
      v1:
        backend: one
        lifecycle: {{deprecated: 2026-10-01, sunset: 2027-01-01, successor: v2, accept: {accept}}}
      v2: {{backend: one}}
""")


def verdict(
    accept: str, past: Past | None, *, now: int = SUNSET - DAY, told: frozenset[str] = frozenset()
) -> Judged:
    plan = gated(accept)
    ((gate, rule),) = gates(plan)
    return judge(gate, rule, past or NO_LEDGER, plan, told, now)


def share(old: int, new: int) -> Past:
    return Past(versions={"v1": Served(old, 0), "v2": Served(new, 0)})


def errors(old: tuple[int, int], new: tuple[int, int]) -> Past:
    return Past(versions={"v1": Served(*old), "v2": Served(*new)})


JUST = SUNSET - DAY - 1000
CASES = [
    ("{old_share: {below: 1%}}", share(1, 999), MET, "1 of 1000 requests, 0.10%"),
    ("{old_share: {below: 1%}}", share(10, 990), UNMET, "wanted below 1.00%"),
    ("{old_share: {below: 0%}}", share(0, 10), MET, "0 of 10"),
    ("{old_share: {below: 1%}}", share(0, 0), MET, "0 of 0"),
    (
        "{old_share: {below: 1%, over: 1w}}",
        Past(begin=SUNSET - 3 * DAY),
        UNKNOWN,
        "kept only since 2026-12-29",
    ),
    ("{old_share: {below: 1%}}", Past(begin=None), UNKNOWN, "the ledger is empty"),
    ("{old_share: {below: 1%}}", None, UNKNOWN, "there is no ledger"),
    (
        "{critical_unseen: 1d}",
        Past(called={"acme": JUST, "beta": JUST}),
        UNMET,
        "called by acme on 2026-12-30",
    ),
    ("{critical_unseen: 1d}", Past(called={"acme": JUST - DAY, "beta": JUST}), MET, "no critical consumer"),
    ("{successor_errors: {over: 1d}}", errors((100, 1), (100, 1)), MET, "v2 1.00% of 100"),
    ("{successor_errors: {over: 1d}}", errors((100, 0), (100, 1)), UNMET, "v1 0.00% of 100"),
    ("{successor_errors: {over: 1d, tolerance: 1%}}", errors((100, 0), (100, 1)), MET, "1.00% more"),
    ("{successor_errors: {over: 1d}}", errors((100, 0), (0, 0)), UNKNOWN, "nobody called v2"),
    ("{contacts_notified: {}}", Past(called={"beta": JUST, "~12": JUST}), UNMET, "not told yet: beta"),
    ("{contacts_notified: {}}", Past(called={"~12": JUST}), MET, "everybody known"),
]


@pytest.mark.parametrize(("accept", "past", "expected", "said"), CASES)
def test_a_condition_is_judged(accept: str, past: Past | None, expected: Verdict, said: str) -> None:
    judged = verdict(accept, past)
    assert judged.verdict is expected
    assert said in " ".join(judged.reasons)


def test_whoever_is_on_record_as_told_counts_as_told() -> None:
    past = Past(called={"beta": JUST})
    assert verdict("{contacts_notified: {}}", past, told=frozenset({"beta"})).verdict is MET


def test_of_several_conditions_the_worst_counts() -> None:
    both = "{old_share: {below: 1%}, critical_unseen: 1d}"
    past = Past(versions={"v1": Served(0, 0), "v2": Served(9, 0)}, called={"acme": JUST})
    judged = verdict(both, past)
    assert (judged.verdict, len(judged.reasons)) == (UNMET, 1)


@pytest.mark.parametrize(
    ("accept", "past", "now", "opened"),
    [
        ("{critical_unseen: 1d}", Past(), SUNSET - 1, None),
        ("{critical_unseen: 1d}", Past(), SUNSET, SUNSET),
        ("{critical_unseen: 1d}", Past(called={"acme": SUNSET}), SUNSET, None),
        ("{critical_unseen: 1d, unmet: warn}", Past(called={"acme": SUNSET}), SUNSET, SUNSET),
        ("{critical_unseen: 1d}", None, SUNSET, None),
        ("{critical_unseen: 1d, on_unknown: enforce}", None, SUNSET, SUNSET),
    ],
)
def test_a_gate_opens_at_the_sunset_for_good(
    accept: str, past: Past | None, now: int, opened: int | None
) -> None:
    assert verdict(accept, past, now=now).open == opened


def test_an_endpoint_with_the_versions_gate_has_none_of_its_own() -> None:
    plan = plan_of("""
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /x
    default: v1
    versions: {v1: {backend: one, lifecycle: {sunset: 2027-01-01, accept: {critical_unseen: 1d}}}}
    endpoints:
      - {path: /same, versions: {v1: {lifecycle: {deprecated: 2026-06-01}}}}
      - {path: /other, versions: {v1: {lifecycle: {sunset: 2026-12-01}}}}
      - {path: /none, versions: {v1: {lifecycle: {accept: null}}}}
""")
    found: list[tuple[str, Rule]] = [(gate[2], rule) for gate, rule in gates(plan)]
    assert [endpoint for endpoint, _ in found] == ["*", "/other"]


MOVED = """
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    versions: {v1: {backend: one}, v2: {backend: one}}
    endpoints:
      - {path: "/users/{id}/avatar", versions: {v1: {lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01,
          successor: v2, successor_path: "/pictures/{id}",
          accept: {old_share: {below: 10%}, successor_errors: {over: 1d, tolerance: 1%}}}}}}
@there"""
THERE = '      - {path: "/pictures/{number}", versions: {v1: {lifecycle: {sunset: 2027-02-01}}}}\n'


class Places(Past):
    """A past in which every endpoint has its own."""

    def served(self, api: str, endpoint: str, since: int) -> Mapping[str, Served]:
        return {
            "/users/{id}/avatar": {"v1": Served(10, 0), "v2": Served(5, 5)},
            "/pictures/{number}": {"v1": Served(7, 7), "v2": Served(990, 0)},
        }.get(endpoint, {})


@pytest.mark.parametrize(("there", "found"), [(THERE, MET), ("", UNKNOWN)])
def test_a_successor_at_another_path_is_counted_there(there: str, found: Verdict) -> None:
    plan = plan_of(MOVED.replace("@there", there))
    ((gate, rule),) = gates(plan)
    judged = judge(gate, rule, Places(), plan, frozenset(), SUNSET - DAY)
    assert judged.verdict is found
    said = "old_share: 10 of 1000 requests" if there else "old_share: /pictures/{id} of v2 is none of the"
    assert judged.reasons[0].startswith(said)
