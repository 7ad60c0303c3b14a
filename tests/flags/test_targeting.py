"""Who gets which flag: users by name, shares of everybody, and the same answer every time."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from duskgate.flags import FlagsFile
from duskgate.policy.identify import Who


def boolean(targeting: dict[str, Any] | None = None, default: str = "off", **more: Any) -> dict[str, Any]:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": default, **more}
    return flag | ({"targeting": targeting} if targeting is not None else {})


ALICE = {"if": [{"in": [{"var": "targetingKey"}, ["alice", "bob"]]}, "on"]}
SHARE = {"fractional": [["on", 20], ["off", 80]]}

FLAGS = {
    "named": boolean(ALICE),
    "share": boolean(SHARE),
    "other-share": boolean(SHARE),
    "always": boolean(default="on"),
    "disabled": boolean(default="on", state="DISABLED"),
    "by-api": boolean({"if": [{"==": [{"var": "api"}, "accounts"]}, "on", "off"]}),
    "by-consumer": boolean({"if": [{"==": [{"var": "consumer"}, "acme"]}, "on", "off"]}),
    "by-rule": boolean({"if": [{"$ref": "internal"}, "on", "off"]}),
    "by-domain": boolean({"if": [{"ends_with": [{"var": "targetingKey"}, "@example.com"]}, "on", "off"]}),
    "text": {"state": "ENABLED", "variants": {"a": "x"}, "defaultVariant": "a"},
    "number": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
}
EVALUATORS = {
    "internal": {"or": [{"in": [{"var": "targetingKey"}, ["alice"]]}, {"$ref": "odd"}]},
    "odd": {"==": [{"var": "targetingKey"}, 'jos\u00e9 "pep" \\d']},
}


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> FlagsFile:
    path: Path = tmp_path_factory.mktemp("flags") / "flags.json"
    path.write_text(json.dumps({"flags": FLAGS, "$evaluators": EVALUATORS}), encoding="utf-8")
    return FlagsFile(path)


def ask(
    flags: FlagsFile, name: str, key: str | None, **attributes: str
) -> tuple[bool, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    found = flags.flags.evaluate(
        (name,),
        Who(attributes.get("consumer"), "~", key),
        lambda: attributes,
        lambda flag, variant: told.append((flag, variant)),
    )
    return found[name], told


TABLE = [
    ("a user who is named", "named", "alice", {}, True),
    ("another who is", "named", "bob", {}, True),
    ("one who is not", "named", "carol", {}, False),
    ("nobody in particular", "named", None, {}, False),
    ("no rule", "always", "carol", {}, True),
    ("nobody, no rule", "always", None, {}, True),
    ("the api", "by-api", "carol", {"api": "accounts"}, True),
    ("another api", "by-api", "carol", {"api": "orders"}, False),
    ("the consumer", "by-consumer", "carol", {"consumer": "acme"}, True),
    ("no consumer", "by-consumer", "carol", {}, False),
    ("a shared rule", "by-rule", "alice", {}, True),
    ("a shared rule in a shared rule", "by-rule", 'jos\u00e9 "pep" \\d', {}, True),
    ("a shared rule, another user", "by-rule", "bob", {}, False),
    ("the end of a name", "by-domain", "dana@example.com", {}, True),
    ("another end", "by-domain", "dana@example.org", {}, False),
]


@pytest.mark.parametrize(
    ("name", "key", "attributes", "on"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_who_gets_it(
    flags: FlagsFile, name: str, key: str | None, attributes: dict[str, str], on: bool
) -> None:
    assert ask(flags, name, key, **attributes) == (on, [(name, "on" if on else "off")])


OFF = [
    ("unknown", "nope", "error:FLAG_NOT_FOUND"),
    ("a text", "text", "error:TYPE_MISMATCH"),
    ("a number", "number", "error:TYPE_MISMATCH"),
]


@pytest.mark.parametrize(("name", "error"), [case[1:] for case in OFF], ids=[case[0] for case in OFF])
def test_what_cannot_be_evaluated_is_off_and_told(flags: FlagsFile, name: str, error: str) -> None:
    assert ask(flags, name, "alice") == (False, [(name, error)])


def test_a_disabled_flag_is_off(flags: FlagsFile) -> None:
    assert ask(flags, "disabled", "alice")[0] is False


def test_one_that_fails_leaves_the_others_alone(flags: FlagsFile) -> None:
    found = flags.flags.evaluate(("nope", "always", "text"), Who(None, "~", "alice"), dict)
    assert found == {"nope": False, "always": True, "text": False}


KEYS = [f"user-{n}" for n in range(5_000)]


def test_a_share_of_everybody_is_about_that_share(flags: FlagsFile) -> None:
    """20 % of 5,000 is 1,000; four standard deviations are 113."""
    on = Counter(ask(flags, "share", key)[0] for key in KEYS)[True]
    assert abs(on - 1_000) < 113


def test_a_share_is_the_same_people_every_time(flags: FlagsFile) -> None:
    first, second = ([ask(flags, "share", key)[0] for key in KEYS[:500]] for _ in range(2))
    assert first == second


def test_two_flags_do_not_share_their_people(flags: FlagsFile) -> None:
    both = [ask(flags, "share", key)[0] and ask(flags, "other-share", key)[0] for key in KEYS[:2_000]]
    assert 40 < sum(both) < 130
