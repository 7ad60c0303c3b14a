"""Comparing answers: what is the same by the rules shows no difference, and what is planted is found."""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duskgate.policy.shadow import Comparison
from duskgate.proxy.shadow.compare import LONGEST_VALUE, MOST_FOUND, Difference, Kind, compare
from duskgate.proxy.shadow.content import Answer, Incomparable

LIMIT = 1 << 20
JSON = {"content-type": "application/json"}
PLAIN = Comparison()

hard = settings(max_examples=300, deadline=None)


def answer(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, JSON | headers, json.dumps(value).encode())


def differing(old: Any, new: Any, comparison: Comparison = PLAIN) -> set[tuple[str, str]]:
    """The field and kind of every difference between two JSON values."""
    found = compare(answer(old), answer(new), comparison, LIMIT)
    return {(one.field, one.kind.value) for one in found}


TABLE: list[tuple[str, Any, Any, set[tuple[str, str]]]] = [
    ("nothing", {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, set()),
    ("order of members", {"a": 1, "b": 2}, {"b": 2, "a": 1}, set()),
    ("text", {"a": "x"}, {"a": "y"}, {("$.a", "changed")}),
    ("number", {"a": 1}, {"a": 2}, {("$.a", "changed")}),
    ("the same number", {"a": 1}, {"a": 1.0}, set()),
    ("large numbers", {"a": 2**53}, {"a": 2**53 + 1}, {("$.a", "changed")}),
    ("number and text", {"a": 1}, {"a": "1"}, {("$.a", "type")}),
    ("number and truth", {"a": 1}, {"a": True}, {("$.a", "type")}),
    ("nought and falsehood", {"a": 0}, {"a": False}, {("$.a", "type")}),
    ("null and missing", {"a": None}, {}, {("$.a", "missing")}),
    ("null and empty", {"a": None}, {"a": ""}, {("$.a", "type")}),
    ("missing", {"a": 1, "b": 2}, {"a": 1}, {("$.b", "missing")}),
    ("added", {"a": 1}, {"a": 1, "b": 2}, {("$.b", "added")}),
    ("renamed", {"user_id": 1}, {"userId": 1}, {("$.user_id", "missing"), ("$.userId", "added")}),
    ("object and list", {"a": {}}, {"a": []}, {("$.a", "type")}),
    ("order of a list", [1, 2], [2, 1], {("$[*]", "changed")}),
    ("shorter list", {"a": [1, 2, 3]}, {"a": [1]}, {("$.a[*]", "missing")}),
    ("longer list", {"a": [1]}, {"a": [1, 2, 3]}, {("$.a[*]", "added")}),
    ("in many items", {"a": [{"b": 1}] * 9}, {"a": [{"b": 2}] * 9}, {("$.a[*].b", "changed")}),
    ("deep", {"a": {"b": [[{"c": 1}]]}}, {"a": {"b": [[{"c": 2}]]}}, {("$.a.b[*][*].c", "changed")}),
    ("the document", 1, 2, {("$", "changed")}),
    ("the document's type", [], {}, {("$", "type")}),
    ("names that are data", {"j@x.y": 1}, {"j@x.y": 2}, {("$.*", "changed")}),
]


@pytest.mark.parametrize(
    ("old", "new", "found"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_fields(old: Any, new: Any, found: set[tuple[str, str]]) -> None:
    assert differing(old, new) == found


def rules(**declared: Any) -> Comparison:
    return Comparison(**declared)


DECLARED: list[tuple[str, Comparison, Any, Any, set[tuple[str, str]]]] = [
    ("ignored", rules(ignore=("$.a",)), {"a": 1, "b": 1}, {"a": 2, "b": 2}, {("$.b", "changed")}),
    ("ignored, with what is below", rules(ignore=("$.a",)), {"a": {"b": 1}}, {"a": [2]}, set()),
    ("ignored, missing", rules(ignore=("$.a",)), {"a": 1}, {}, set()),
    ("ignored, added", rules(ignore=("$.a",)), {}, {"a": 1}, set()),
    (
        "ignored at any depth",
        rules(ignore=("$..at",)),
        [{"at": 1, "x": {"at": 2}}],
        [{"at": 3, "x": {}}],
        set(),
    ),
    ("ignored items", rules(ignore=("$.a[*]",)), {"a": [1]}, {"a": [2, 3]}, set()),
    ("ignored document", rules(ignore=("$",)), [1], {"a": 2}, set()),
    ("within", rules(tolerance=(("$.a", "0.01"),)), {"a": 19.99}, {"a": 20.00}, set()),
    ("beyond", rules(tolerance=(("$.a", "0.01"),)), {"a": 19.99}, {"a": 20.01}, {("$.a", "changed")}),
    ("elsewhere", rules(tolerance=(("$.b", "0.01"),)), {"a": 19.99}, {"a": 20.00}, {("$.a", "changed")}),
    ("a share", rules(tolerance=(("$.a", "1%"),)), {"a": 100}, {"a": 99}, set()),
    ("more than the share", rules(tolerance=(("$.a", "1%"),)), {"a": 100}, {"a": 98}, {("$.a", "changed")}),
    ("no number", rules(tolerance=(("$.a", "1"),)), {"a": "1"}, {"a": "2"}, {("$.a", "changed")}),
    ("truth is no number", rules(tolerance=(("$.a", "1"),)), {"a": 1}, {"a": True}, {("$.a", "type")}),
    ("huge", rules(tolerance=(("$.a", "1%"),)), {"a": 10**400}, {"a": 10**400 + 1}, {("$.a", "changed")}),
    ("unordered", rules(unordered=("$.a",)), {"a": [1, 2, 3]}, {"a": [3, 1, 2]}, set()),
    (
        "unordered, but only there",
        rules(unordered=("$.a",)),
        {"b": [1, 2]},
        {"b": [2, 1]},
        {("$.b[*]", "changed")},
    ),
    ("how often", rules(unordered=("$.a",)), {"a": [1, 1, 2]}, {"a": [1, 2, 2]}, {("$.a[*]", "changed")}),
    ("one less", rules(unordered=("$.a",)), {"a": [1, 2]}, {"a": [2]}, {("$.a[*]", "missing")}),
    ("one more", rules(unordered=("$.a",)), {"a": [2]}, {"a": [1, 2]}, {("$.a[*]", "added")}),
    (
        "one item differs",
        rules(unordered=("$",)),
        [{"id": n, "x": n} for n in range(9)],
        [{"id": n, "x": n or 99} for n in reversed(range(9))],
        {("$[*].x", "changed")},
    ),
    ("truth in a list", rules(unordered=("$",)), [1, 0], [True, False], {("$[*]", "type")}),
    ("unordered in unordered", rules(unordered=("$", "$[*]")), [[1, 2], [3, 4]], [[4, 3], [2, 1]], set()),
    (
        "items with ignored fields",
        rules(unordered=("$",), ignore=("$[*].at",)),
        [{"a": 1, "at": 1}, {"a": 2, "at": 2}],
        [{"a": 2, "at": 3}, {"a": 1}],
        set(),
    ),
    (
        "within, where the nearest is somebody else's",
        rules(unordered=("$",), tolerance=(("$[*]", "1"),)),
        [1, 0],
        [1, 2],
        set(),
    ),
]


@pytest.mark.parametrize(
    ("comparison", "old", "new", "found"), [case[1:] for case in DECLARED], ids=[case[0] for case in DECLARED]
)
def test_declarations(comparison: Comparison, old: Any, new: Any, found: set[tuple[str, str]]) -> None:
    assert differing(old, new, comparison) == found


# heads


def test_another_status_is_the_only_difference() -> None:
    comparison = Comparison(headers=("location",), values=True)
    found = compare(answer({"a": 1}), answer({"b": 1}, 404, location="/x"), comparison, LIMIT)
    assert found == (Difference("status", Kind.CHANGED, "200", "404"),)


def test_chosen_headers_are_compared_and_no_other() -> None:
    comparison = Comparison(headers=("location", "etag", "allow", "age"))
    old = answer(1, location="/a", etag="x", date="1", age="1")
    new = answer(1, location="/b", allow="GET", date="2", age="1")
    assert {(one.field, one.kind.value) for one in compare(old, new, comparison, LIMIT)} == {
        ("header location", "changed"),
        ("header etag", "missing"),
        ("header allow", "added"),
    }


# bodies that are not JSON


def raw(body: bytes, kind: str = "text/plain", **headers: str) -> Answer:
    return Answer(200, {"content-type": kind} | headers, body)


BODIES = [
    ("the same", raw(b"a"), raw(b"a"), set()),
    ("text", raw(b"a"), raw(b"b"), {("body", "changed")}),
    ("as long", raw(b"\x00\x01"), raw(b"\x00\x02"), {("body", "changed")}),
    ("nothing", raw(b""), raw(b""), set()),
    ("JSON and text", raw(b"{}", "application/json"), raw(b"a"), {("body", "type")}),
    ("the same bytes by another name", raw(b"{}", "application/json"), raw(b"{}"), set()),
    ("broken JSON", raw(b"{", "application/json"), raw(b"{]", "application/json"), {("body", "changed")}),
    ("JSON and broken JSON", raw(b"{}", "a/b+json"), raw(b"{", "a/b+json"), {("body", "type")}),
    ("a vendor's JSON", raw(b"[1]", "a/b+json"), raw(b"[ 1 ]", "application/json; charset=utf-8"), set()),
    ("no number", raw(b"[NaN]", "a/b+json"), raw(b"[NaN ]", "a/b+json"), {("body", "changed")}),
    ("too large a number", raw(b"[1e999]", "a/b+json"), raw(b"[1e998]", "a/b+json"), {("body", "changed")}),
    ("too long a number", raw(b"9" * 5000, "a/b+json"), raw(b"8" * 5000, "a/b+json"), {("body", "changed")}),
    ("not UTF-8", raw(b'"\xff"', "a/b+json"), raw(b'"\xfe"', "a/b+json"), {("body", "changed")}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "found"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
def test_bodies(old: Answer, new: Answer, found: set[tuple[str, str]]) -> None:
    assert {(one.field, one.kind.value) for one in compare(old, new, PLAIN, LIMIT)} == found


ENCODED = [
    ("gzip", gzip.compress(b"[1]")),
    ("x-gzip", gzip.compress(b"[1]")),
    ("deflate", zlib.compress(b"[1]")),
    ("identity", b"[1]"),
    ("GZIP", gzip.compress(b"[ 1 ]")),
]


@pytest.mark.parametrize(("coding", "body"), ENCODED)
def test_content_codings_are_undone(coding: str, body: bytes) -> None:
    old = raw(body, "application/json", **{"content-encoding": coding})
    assert compare(old, answer([1]), PLAIN, LIMIT) == ()
    assert [one.field for one in compare(old, answer([2]), PLAIN, LIMIT)] == ["$[*]"]


BOMB = gzip.compress(b" " * 9 * LIMIT)
HOPELESS = [
    ("unknown coding", raw(b"x", **{"content-encoding": "br"}), "encoded"),
    ("two codings", raw(b"x", **{"content-encoding": "gzip, br"}), "encoded"),
    ("not what it says", raw(b"x", **{"content-encoding": "gzip"}), "encoded"),
    ("cut short", raw(gzip.compress(b"x" * 99)[:-9], **{"content-encoding": "gzip"}), "encoded"),
    ("a bomb", raw(BOMB, **{"content-encoding": "gzip"}), "too-large"),
    ("too deep", raw(b"[" * 100_000 + b"]" * 100_000, "application/json"), "too-complex"),
    ("too many", answer([0] * 310_000), "too-complex"),
]


@pytest.mark.parametrize(
    ("bad", "reason"), [case[1:] for case in HOPELESS], ids=[case[0] for case in HOPELESS]
)
def test_what_cannot_be_compared_is_given_up(bad: Answer, reason: str) -> None:
    for old, new in ((bad, answer([1] * 310_000)), (answer([1] * 310_000), bad)):
        with pytest.raises(Incomparable) as error:
            compare(old, new, PLAIN, LIMIT)
        assert error.value.reason == reason


def test_a_deep_document_is_compared_and_its_path_cut() -> None:
    def nested(value: int) -> Any:
        for _ in range(200):
            value = {"a": value}  # type: ignore[assignment]
        return value

    assert differing(nested(1), nested(1)) == set()
    assert differing(nested(1), nested(2)) == {("$" + ".a" * 32, "changed")}


def test_so_many_differences_are_told_and_no_more() -> None:
    old, new = {f"a{n}x": 1 for n in range(900)}, {f"a{n}x": 2 for n in range(900)}
    assert len(differing(old, new)) == MOST_FOUND


def test_large_unordered_lists_with_little_in_common_are_bounded() -> None:
    comparison = rules(unordered=("$",), tolerance=(("$[*].a", "0.1"),))
    old, new = [{"a": n} for n in range(3000)], [{"a": n + 0.5} for n in range(3000)]
    with pytest.raises(Incomparable, match="too-complex"):
        differing(old, new, comparison)


def test_large_unordered_lists_that_are_the_same_are_compared() -> None:
    comparison = rules(unordered=("$",), tolerance=(("$[*].a", "0.1"),))
    old = [{"a": n} for n in range(3000)]
    assert differing(old, old[::-1], comparison) == set()


# examples


def test_values_are_kept_only_if_allowed_and_never_whole() -> None:
    long = "x" * 1000
    old, new = answer({"a": long, "b": 1, "d": "\ud800"}), answer({"a": "y", "c": None, "d": 1})
    for one in compare(old, new, PLAIN, LIMIT):
        assert (one.old, one.new) == (None, None)
    found = {one.field: one for one in compare(old, new, Comparison(values=True), LIMIT)}
    assert found["$.a"].old == json.dumps(long)[:LONGEST_VALUE]
    assert found["$.a"].new == '"y"'
    assert (found["$.b"].old, found["$.b"].new) == ("1", None)
    assert (found["$.c"].old, found["$.c"].new) == (None, "null")
    assert (found["$.d"].old or "").isascii()


# any document

NAMES = st.sampled_from(["id", "name", "at", "items", "tags", "price", "j@x.y"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3)),
    st.text(max_size=6),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=5), st.dictionaries(NAMES, below, max_size=5)),
    max_leaves=25,
)
ALL = Comparison(
    ignore=("$..at",),
    unordered=("$..tags", "$..items"),
    tolerance=(("$..price", "0.5"), ("$..items[*]", "0.5")),
)


def disturbed(value: Any, draw: Any, name: str | None = None, inside: str | None = None) -> Any:
    """A value that ``ALL`` takes for the same: other order, other times, prices and items a little off."""
    if isinstance(value, dict):
        out = {key: disturbed(one, draw, key) for key, one in value.items()}
        out["at"] = draw(st.integers())
        keys = draw(st.permutations(list(out)))
        return {key: out[key] for key in keys if key != "at" or draw(st.booleans())}
    if isinstance(value, list):
        out_list = [disturbed(one, draw, None, name) for one in value]
        return draw(st.permutations(out_list)) if name in ("tags", "items") else out_list
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return value
    if name == "price" or inside == "items":
        return value + draw(st.floats(-0.5, 0.5))
    return float(value) if draw(st.booleans()) else value


@hard
@given(DOCUMENTS, st.data())
def test_what_is_the_same_by_the_rules_shows_no_difference(document: Any, data: st.DataObject) -> None:
    other = disturbed(document, data.draw)
    assert differing(document, other, ALL) == set()
    assert differing(other, document, ALL) == set()


@hard
@given(DOCUMENTS)
def test_a_document_is_itself(document: Any) -> None:
    assert differing(document, copy.deepcopy(document)) == set()


Place = tuple[Any, Any, str]
"""What holds a value, the key or index there, and its field path."""


def places(value: Any, path: str = "$") -> list[Place]:
    found: list[Place] = []
    members: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for key, one in members:
        step = "[*]" if isinstance(value, list) else ".*" if "@" in key else f".{key}"
        found.append((value, key, path + step))
        found += places(one, path + step)
    return found


def other_than(value: Any) -> tuple[Any, str]:
    """Something else, and what kind of difference it makes."""
    if isinstance(value, bool):
        return not value, "changed"
    if isinstance(value, (int, float)):
        return value + 7, "changed"
    if isinstance(value, str):
        return value + "x", "changed"
    return 5, "type"


@hard
@given(DOCUMENTS.filter(places), st.data(), st.sampled_from([PLAIN, ALL]))
def test_any_planted_change_is_found(document: Any, data: st.DataObject, comparison: Comparison) -> None:
    planted = copy.deepcopy(document)
    holder, key, path = data.draw(st.sampled_from(places(planted)))
    if comparison is ALL and (".at" in path or "items" in path or "tags" in path):
        return
    holder[key], kind = other_than(holder[key])
    assert differing(document, planted, comparison) == {(path, kind)}
    back = differing(planted, document, comparison)
    assert back == {(path, kind)}


@hard
@given(DOCUMENTS.filter(places), st.data())
def test_whatever_is_taken_out_is_missing_and_what_is_put_in_is_added(
    document: Any, data: st.DataObject
) -> None:
    planted = copy.deepcopy(document)
    holder, key, path = data.draw(st.sampled_from(places(planted)))
    if isinstance(holder, list):
        key = len(holder) - 1
    del holder[key]
    assert differing(document, planted) == {(path, "missing")}
    assert differing(planted, document) == {(path, "added")}


@hard
@given(DOCUMENTS.filter(places), st.data())
def test_a_change_inside_an_unordered_list_is_found(document: Any, data: st.DataObject) -> None:
    """Where it is found depends on which items are taken for each other; that it is found does not."""
    planted = {"tags": [document, data.draw(DOCUMENTS)]}
    other = copy.deepcopy(planted)
    holder, key, path = data.draw(st.sampled_from(places(other["tags"][0])))
    if ".at" in path or "items" in path:
        return
    holder[key], _ = other_than(holder[key])
    other["tags"].reverse()
    assert differing(planted, other, Comparison(unordered=("$.tags",))) != set()
