"""A rule is gone through once for a caller, unless it looks at more than the caller."""

import json
from pathlib import Path
from typing import Any

import pytest

from duskgate.flags import FlagsFile
from duskgate.flags.evaluate import MOST_REMEMBERED
from duskgate.flags.reads import ANYTHING, reads
from duskgate.policy.identify import Who

TABLE: list[tuple[str, Any, set[str]]] = [
    ("no rule", None, set()),
    ("the caller", {"in": [{"var": "targetingKey"}, ["a"]]}, {"targetingKey"}),
    ("the consumer, with a default", {"==": [{"var": ["consumer", ""]}, "acme"]}, {"consumer"}),
    ("a default that looks", {"var": ["consumer", {"var": "api"}]}, {"consumer", "api"}),
    ("a share", {"fractional": [["on", 5], ["off", 95]]}, {"targetingKey"}),
    ("a share of something", {"fractional": [{"var": "team"}, ["on", 5]]}, {"targetingKey", "team"}),
    ("the flag itself", {"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, {"targetingKey"}),
    ("the time", {">": [{"var": "$flagd.timestamp"}, 5]}, {"$flagd.timestamp"}),
    ("everything", {"var": ""}, {ANYTHING}),
    ("a name that is worked out", {"var": {"cat": ["a", "pi"]}}, {ANYTHING}),
    ("a part", {"var": "team.name"}, {"team"}),
    ("what is missing", {"missing": ["country"]}, {ANYTHING}),
    ("deep", {"if": [{"and": [{"var": "api"}, {"!": {"var": "endpoint"}}]}, "on"]}, {"api", "endpoint"}),
]


@pytest.mark.parametrize(("rule", "looks"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_what_a_rule_looks_at(rule: Any, looks: set[str]) -> None:
    assert reads(rule) == looks


def flag(rule: Any) -> dict[str, Any]:
    variants = {"on": True, "off": False}
    return {"state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": rule}


def write(path: Path, name: str) -> None:
    personal = {"if": [{"$ref": "named"}, "on", "off"]}
    by_country = {"if": [{"==": [{"var": "country"}, "NO"]}, "on", "off"]}
    named = {"==": [{"var": "targetingKey"}, name]}
    document = {"flags": {"p": flag(personal), "c": flag(by_country)}, "$evaluators": {"named": named}}
    path.write_text(json.dumps(document))


class Asked:
    """The attributes, and how often they were wanted: a rule that is gone through wants them."""

    def __init__(self) -> None:
        self.times = 0
        self.country = "NO"

    def __call__(self) -> dict[str, str]:
        self.times += 1
        return {"country": self.country}


@pytest.fixture
def flags(tmp_path: Path) -> FlagsFile:
    write(tmp_path / "flags.json", "alice")
    return FlagsFile(tmp_path / "flags.json")


ALICE = Who(None, "~1", "alice")


def test_what_is_about_the_caller_alone_is_worked_out_once(flags: FlagsFile) -> None:
    asked = Asked()
    told: list[tuple[str, str]] = []
    for _ in range(3):
        assert flags.flags.evaluate(("p",), ALICE, asked, lambda *one: told.append(one)) == {"p": True}
    assert asked.times == 1
    assert told == [("p", "on")] * 3


def test_what_is_about_the_request_is_worked_out_each_time(flags: FlagsFile) -> None:
    asked = Asked()
    first = flags.flags.evaluate(("c", "p"), ALICE, asked)
    asked.country = "SE"
    second = flags.flags.evaluate(("c", "p"), ALICE, asked)
    assert (first, second, asked.times) == ({"c": True, "p": True}, {"c": False, "p": True}, 2)


def test_a_new_set_is_worked_out_anew(flags: FlagsFile) -> None:
    assert flags.flags.evaluate(("p",), ALICE, dict) == {"p": True}
    write(flags.path, "bob")
    flags.refresh()
    assert flags.flags.evaluate(("p",), ALICE, dict) == {"p": False}


def test_a_caller_is_not_taken_for_another_who_is_called_the_same(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    rule = {"if": [{"==": [{"var": "consumer"}, "acme"]}, "on", "off"]}
    path.write_text(json.dumps({"flags": {"p": flag(rule)}}))
    flags = FlagsFile(path).flags
    acme, impostor = Who("acme", "acme", "acme"), Who(None, "~1", "acme")
    assert flags.evaluate(("p",), acme, lambda: {"consumer": "acme"}) == {"p": True}
    assert flags.evaluate(("p",), impostor, lambda: {"consumer": ""}) == {"p": False}


def test_callers_who_are_many_or_long_do_not_fill_the_memory(flags: FlagsFile) -> None:
    for number in range(MOST_REMEMBERED + 10):
        flags.flags.evaluate(("p",), Who(None, f"~{number}", f"user-{number}"), dict)
    assert len(flags.flags._remembered) <= MOST_REMEMBERED
    before = len(flags.flags._remembered)
    flags.flags.evaluate(("p",), Who(None, "~x", "x" * 10_000), dict)
    assert len(flags.flags._remembered) == before
