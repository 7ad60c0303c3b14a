"""Flag sets that cannot be used are refused with the flag and the reason."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from duskgate.flags import InvalidFlags, read_flags

VARIANTS = {"on": True, "off": False}


def targeting(rule: Any) -> dict[str, Any]:
    return {"f": {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "off", "targeting": rule}}


TABLE: list[tuple[str, Any, str]] = [
    ("a list", [], "there is no mapping named flags at the top"),
    ("a number", 7, "there is no mapping named flags at the top"),
    ("no flags", {"flag": {}}, "there is no mapping named flags at the top"),
    ("flags are a list", {"flags": ["f"]}, "there is no mapping named flags at the top"),
    ("a flag is a text", {"flags": {"f": "on"}}, "f: takes a mapping"),
    ("no variants", {"flags": {"f": {}}}, "f: has no variants"),
    ("empty variants", {"flags": {"f": {"variants": {}}}}, "f: has no variants"),
    ("variants are a list", {"flags": {"f": {"variants": ["on"]}}}, "f: has no variants"),
    (
        "unknown default",
        {"flags": {"f": {"variants": VARIANTS, "defaultVariant": "maybe"}}},
        "f: the defaultVariant 'maybe' is not among its variants",
    ),
    (
        "a list for a default",
        {"flags": {"f": {"variants": VARIANTS, "defaultVariant": ["on"]}}},
        "f: the defaultVariant ['on'] is not among its variants",
    ),
    ("a rule is a text", {"flags": targeting("on")}, "f: targeting takes a mapping"),
    ("a rule is a list", {"flags": targeting(["on"])}, "f: targeting takes a mapping"),
    ("unknown operator", {"flags": targeting({"no_such": [1, 2]})}, "f: "),
]


SHARED: list[tuple[str, Any, str]] = [
    ("evaluators are a list", [], "$evaluators: takes a mapping"),
    ("a rule that is not there", {"b": {}}, "$ref: there is no 'a' in $evaluators"),
    ("a rule of itself", {"a": {"!": [{"$ref": "a"}]}}, "$evaluators: a refers to itself"),
    (
        "a rule of a rule of itself",
        {"a": {"$ref": "b"}, "b": {"$ref": "a"}},
        "$evaluators: a refers to itself",
    ),
]


@pytest.mark.parametrize(("rules", "reason"), [case[1:] for case in SHARED], ids=[c[0] for c in SHARED])
def test_shared_rules_that_cannot_be_used(rules: Any, reason: str) -> None:
    with pytest.raises(InvalidFlags) as refused:
        read_flags(json.dumps({"flags": targeting({"if": [{"$ref": "a"}, "on"]}), "$evaluators": rules}))
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("document", "reason"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_refused_with_the_reason(document: Any, reason: str) -> None:
    with pytest.raises(InvalidFlags) as refused:
        read_flags(json.dumps(document))
    assert str(refused.value).startswith(reason)


TEXTS = [
    ("not JSON", '{"flags": }', "1:11: not JSON"),
    ("second line", '{"flags": {\n  "f": nope}}', "2:8: not JSON"),
    ("deep", "[" * 100_000, "nested too deeply"),
    ("a number without end", '{"flags": {"f": ' + "9" * 5_000 + "}}", "not JSON"),
]


@pytest.mark.parametrize(("text", "reason"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_text_that_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(InvalidFlags) as refused:
        read_flags(text)
    assert str(refused.value).startswith(reason)


USABLE: list[tuple[str, Any]] = [
    ("no flags at all", {}),
    ("no default", {"f": {"state": "ENABLED", "variants": VARIANTS}}),
    ("null default", {"f": {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": None}}),
    ("empty rule", targeting({})),
    ("a text flag", {"f": {"state": "ENABLED", "variants": {"a": "b"}, "defaultVariant": "a"}}),
]


@pytest.mark.parametrize("flags", [case[1] for case in USABLE], ids=[case[0] for case in USABLE])
def test_these_are_usable(flags: Any) -> None:
    assert read_flags(json.dumps({"flags": flags})) is not None


NAMES = ["if", "in", "fractional", "var", "sem_ver", "starts_with", "==", "$ref", "cat", "map"]
OPERATORS = st.sampled_from(NAMES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(OPERATORS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
FLAG = st.fixed_dictionaries(
    {"variants": st.just(VARIANTS) | JSON},
    optional={
        "state": st.sampled_from(["ENABLED", "DISABLED"]) | JSON,
        "defaultVariant": st.sampled_from(["on", "off"]) | JSON,
        "targeting": st.dictionaries(OPERATORS, JSON, max_size=2) | JSON,
        "metadata": JSON,
    },
)
SETS = st.fixed_dictionaries(
    {"flags": st.dictionaries(st.text(max_size=3), FLAG | JSON, max_size=3) | JSON},
    optional={"$evaluators": st.dictionaries(st.text(max_size=2), JSON, max_size=2) | JSON, "metadata": JSON},
)


@settings(max_examples=300, deadline=None)
@given((SETS | JSON).map(json.dumps) | st.text())
@example('{"flags": {}, "$evaluators": []}')
@example('{"flags": {}, "$evaluators": {"a": {"$ref": "a"}}}')
def test_nothing_else_is_raised(text: str) -> None:
    try:
        core = read_flags(text)
    except InvalidFlags:
        return
    assert core is not None
