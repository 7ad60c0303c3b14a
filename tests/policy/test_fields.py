"""Field paths: how they are read, what they reach, how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.fields import (
    MOST_STEPS,
    FieldMap,
    FieldPathError,
    Step,
    Trail,
    is_field_name,
    parse_field,
    written,
)

READ = [
    ("$", ()),
    ("$.a", (Step("a"),)),
    ("$.a.b-c", (Step("a"), Step("b-c"))),
    ("$.items[*].id", (Step("items"), Step(None), Step("id"))),
    ("$.*", (Step(None),)),
    ("$..id", (Step("id", deep=True),)),
    ("$..*", (Step(None, deep=True),)),
    ("$.a..['x y'][*]", (Step("a"), Step("x y", deep=True), Step(None))),
    ("$['*']", (Step("*"),)),
    ('$["a.b"].c', (Step("a.b"), Step("c"))),
    ("$.größe", (Step("größe"),)),
]


@pytest.mark.parametrize(("text", "steps"), READ, ids=[case[0] for case in READ])
def test_read(text: str, steps: tuple[Step, ...]) -> None:
    assert parse_field(text) == steps


WRONG = [
    "",
    "a",
    "items[*]",
    "$a",
    "$.",
    "$..",
    "$.a[0]",
    "$.a[]",
    "$.a b",
    "$.[*]",
    "$.['a']",
    "$['a'",
    "$...a",
]
WRONG += ["$.a$", "$.1a", "$" + ".a" * (MOST_STEPS + 1)]


@pytest.mark.parametrize("text", WRONG)
def test_not_read(text: str) -> None:
    with pytest.raises(FieldPathError):
        parse_field(text)


def test_an_index_is_answered_with_the_way_to_write_it() -> None:
    with pytest.raises(FieldPathError, match=r"write \[\*\] for every item"):
        parse_field("$.a[0]")


REACHED = [
    ("$", ["$"]),
    ("$.a", ["$.a"]),
    ("$.a[*]", ["$.a.id", "$.a[*]"]),
    ("$..id", ["$.id", "$.a.id", "$.a[*].id", "$.a[*].a.id"]),
    ("$.*", ["$.id", "$.a"]),
    ("$.a..id", ["$.a.id", "$.a[*].id", "$.a[*].a.id"]),
    ("$.a[*].*.id", ["$.a[*].a.id"]),
    ("$..a.id", ["$.a.id", "$.a[*].a.id"]),
]
PLACES = ["$", "$.id", "$.a", "$.a.id", "$.a[*]", "$.a[*].id", "$.a[*].a", "$.a[*].a.id"]


def reached(text: str, place: str) -> bool:
    found = FieldMap([(parse_field(text), True)])
    for step in parse_field(place):
        found = found.below(step.name)
    assert found.value is None or not found.empty
    return found.value is True


@pytest.mark.parametrize(("text", "places"), REACHED, ids=[case[0] for case in REACHED])
def test_reached(text: str, places: list[str]) -> None:
    assert [place for place in PLACES if reached(text, place)] == places


def test_of_two_declarations_the_last_counts() -> None:
    both = FieldMap([(parse_field("$..a"), 1), (parse_field("$.a"), 2)])
    assert both.below("a").value == 2
    assert both.below("b").below("a").value == 1


FIELD_NAMES = [("id", True), ("created_at", True), ("first-name", True), ("address1", True), ("_x", True)]
FIELD_NAMES += [("deadbeef", True), ("oauth2", True), ("a" * 40, True)]
DATA = ["", "joe@example.com", "user48213", "3", "a b", "größe", "a" * 41, "9f1c2d3e", "2026-01-01", "\ud800"]
DATA += ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "deadbeefdeadbeef1", "a.b", "a\nb"]
FIELD_NAMES += [(name, False) for name in DATA]


@pytest.mark.parametrize(("name", "plain"), FIELD_NAMES)
def test_names_that_may_be_data_are_not_written(name: str, plain: bool) -> None:
    assert is_field_name(name) is plain
    assert written((None, name)) == (f"$.{name}" if plain else "$.*")


def trail(*names: str | None) -> Trail | None:
    found: Trail | None = None
    for name in names:
        found = (found, name)
    return found


def test_written() -> None:
    assert written(None) == "$"
    assert written(trail("items", None, "id")) == "$.items[*].id"
    assert written(trail("a", "joe@example.com", "b")) == "$.a.*.b"


@given(st.lists(st.one_of(st.none(), st.text(max_size=50)), max_size=100))
def test_what_is_written_can_be_read_and_reaches_the_field(names: list[str | None]) -> None:
    found = FieldMap([(parse_field(written(trail(*names))), True)])
    for name in names[:MOST_STEPS]:
        found = found.below(name)
    assert found.value is True
