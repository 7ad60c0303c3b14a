"""Flags choose for callers who name no version; whoever names one gets that one."""

import pytest

from duskgate.policy import flags_needed, request
from tests.policy.world import ACCOUNTS, ask, forwarded, one_api, plan_of

PLAN = plan_of(ACCOUNTS)

TABLE = [
    ("all off", [], "v1", "default"),
    ("flag on", ["use-v2-api"], "v2", "flag use-v2-api"),
    ("second flag on", ["use-v3-api"], "v3", "flag use-v3-api"),
    ("both on: the first written", ["use-v3-api", "use-v2-api"], "v2", "flag use-v2-api"),
    ("rollout on", ["move-to-v2"], "v2", "rollout flag move-to-v2"),
    ("flag before rollout", ["move-to-v2", "use-v3-api"], "v3", "flag use-v3-api"),
    ("another flag", ["other"], "v1", "default"),
]


@pytest.mark.parametrize(("on", "version", "chosen_by"), [c[1:] for c in TABLE], ids=[c[0] for c in TABLE])
def test_chosen_by_flag(on: list[str], version: str, chosen_by: str) -> None:
    decision = forwarded(ask(PLAN, "/api/users", flags=dict.fromkeys(on, True)))
    assert (decision.rule.version, decision.chosen_by) == (version, chosen_by)


NAMES = [
    ("path", "/api/v1/users", []),
    ("header", "/api/users", [("Api-Version", "v1")]),
    ("media type", "/api/users", [("Accept", "application/vnd.acme.v1+json")]),
    ("query", "/api/users?api-version=v1", []),
    ("host", "/api/users", [("Host", "v1.api.example.com")]),
]


@pytest.mark.parametrize(("target", "headers"), [case[1:] for case in NAMES], ids=[c[0] for c in NAMES])
def test_explicit_beats_flags_and_needs_none(target: str, headers: list[tuple[str, str]]) -> None:
    flags = {"use-v2-api": True, "use-v3-api": True, "move-to-v2": True}
    assert forwarded(ask(PLAN, target, headers, flags=flags)).rule.version == "v1"
    assert flags_needed(PLAN, request("GET", target, headers)) == ()


def test_needed_flags_are_named_in_order() -> None:
    assert flags_needed(PLAN, request("GET", "/api/users")) == ("use-v2-api", "use-v3-api", "move-to-v2")


@pytest.mark.parametrize("target", ["/other", "/api/v9", "/api/../x"])
def test_a_refused_request_needs_no_flags(target: str) -> None:
    assert flags_needed(PLAN, request("GET", target)) == ()


def test_a_flag_is_needed_once_however_often_it_is_written() -> None:
    plan = one_api(
        "{path: /x, resolve: [{flag: f, version: v2}], default: v1,"
        " versions: {v1: {backend: old, rollout: {to: v2, flag: f}}, v2: {backend: new}}}"
    )
    assert flags_needed(plan, request("GET", "/x")) == ("f",)


def test_a_rollout_of_another_version_is_not_asked_for() -> None:
    plan = one_api(
        "{path: /x, default: v1,"
        " versions: {v1: {backend: old}, v2: {backend: new, rollout: {to: v1, flag: f}}}}"
    )
    assert flags_needed(plan, request("GET", "/x")) == ()
