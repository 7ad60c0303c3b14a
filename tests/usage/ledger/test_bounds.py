"""Whatever is sent, a worker counts so much apart and no more, and totals stay exact."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.usage.ledger.bounds import (
    MOST_AGENTS,
    NEW_AGENTS,
    OTHER,
    ROWS_OF_A_CONSUMER,
    STAYS_HOURS,
    Bounds,
    Familiar,
)
from duskgate.usage.ledger.buffer import Buffer
from duskgate.usage.ledger.tables import HOUR
from duskgate.usage.ledger.tally import Tally
from tests.policy.world import rule
from tests.usage.ledger.world import KEY, NOON

PLACE = ("accounts", "*", "v1", "active")


def placed(consumers: int, hours: list[list[str]]) -> list[set[str]]:
    """Which names have a place in each hour."""
    familiar = Familiar(consumers, 10 * consumers)
    return [{name for name in names if familiar.has(name, hour)} for hour, names in enumerate(hours) if names]


CASES = [
    ("so many new ones an hour", [["a", "b", "c"]], [{"a", "b"}]),
    ("as many again in the next", [["a", "b"], ["c", "d", "e"]], [{"a", "b"}, {"c", "d"}]),
    ("who comes back keeps its place", [["a"], ["x", "y", "z", "a"]], [{"a"}, {"x", "y", "a"}]),
    (
        "who was seen once is forgotten after an hour",
        [["a"], [], ["b"], ["x", "y", "a"]],
        [{"a"}, {"b"}, {"x", "y"}],
    ),
    (
        "who was seen in two hours stays for a day",
        [["a"], ["a"], *([[]] * (STAYS_HOURS - 1)), ["x", "y", "a"]],
        [{"a"}, {"a"}, {"x", "y", "a"}],
    ),
    (
        "and no longer",
        [["a"], ["a"], *([[]] * STAYS_HOURS), ["x", "y", "a"]],
        [{"a"}, {"a"}, {"x", "y"}],
    ),
]


@pytest.mark.parametrize(("hours", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_has_a_place(hours: list[list[str]], expected: list[set[str]]) -> None:
    assert placed(2, hours) == expected


def test_a_flood_over_many_hours_stays_bounded() -> None:
    familiar = Familiar(100, 300)
    given_places = set()
    for hour in range(50):
        for number in range(1_000):
            name = f"~{hour // 2}-{number}"  # each comes back once
            if familiar.has(name, hour):
                given_places.add(name)
        assert len(familiar._seen) <= 300
    assert len(given_places) <= 50 * 100


@rule
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 400), st.integers(0, 5), st.sampled_from(["acme", "anonymous"])
        ),
        max_size=300,
    )
)
def test_totals_are_exact_and_known_consumers_keep_their_names(
    requests: list[tuple[int, int, int, str]],
) -> None:
    bounds, found, sent = Bounds(3), Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    rows = set()
    for hour, caller, agent, known in sorted(requests, key=lambda one: one[0]):
        consumer = f"~{caller}" if caller % 3 else known
        key = KEY._replace(consumer=consumer, agent=f"a{agent}")
        bounded = bounds.bounded(hour * HOUR, key)
        assert bounded._replace(consumer="", agent="") == key._replace(consumer="", agent="")
        assert bounded.consumer == (consumer if not consumer.startswith("~") else bounded.consumer)
        assert bounded.consumer in (consumer, OTHER)
        sent[hour, consumer if consumer[0] != "~" else "unknown"] += 1
        found[hour, bounded.consumer if bounded.consumer in ("acme", "anonymous") else "unknown"] += 1
        rows.add((hour, bounded))
    assert found == sent
    for hour in range(4):
        unknown = {key.consumer for at, key in rows if at == hour} - {"acme", "anonymous", OTHER}
        assert len(unknown) <= 3 + 3 * hour


def test_an_attacker_who_varies_everything_gets_so_many_rows() -> None:
    bounds = Bounds(50)
    rows = {
        bounds.bounded(NOON, KEY._replace(consumer=f"~{number}", agent=f"a{number % 977}", endpoint=f"/{at}"))
        for number in range(5_000)
        for at in range(4)
    }
    assert len(rows) <= 50 * ROWS_OF_A_CONSUMER + 4
    assert len({key.agent for key in rows}) <= NEW_AGENTS + 1 <= MOST_AGENTS


def test_one_known_consumer_with_made_up_agents_gets_so_many_rows() -> None:
    bounds = Bounds(2)
    rows = {bounds.bounded(NOON, KEY._replace(agent=f"a{number}")) for number in range(5_000)}
    assert {key.consumer for key in rows} == {"acme"}
    assert len(rows) <= 2 * ROWS_OF_A_CONSUMER + 1


def test_a_full_buffer_drops_what_is_new_and_says_how_much() -> None:
    buffer = Buffer(2)
    for number, consumer in ((1, "a"), (2, "b"), (4, "c"), (8, "a"), (16, "d")):
        buffer.add(NOON, KEY._replace(consumer=consumer), number, NOON, NOON)
    assert (buffer.waiting(), buffer.dropped(), buffer.dropped()) == (11, 20, 0)
    assert {key.consumer: count for _, key, count, _, _ in buffer.take(10)} == {"a": 9, "b": 2}
    assert buffer.waiting() == 0


def test_the_oldest_rows_are_taken_first_and_only_once() -> None:
    buffer = Buffer(10)
    for number in range(5):
        buffer.add(NOON, KEY._replace(consumer=str(number)), 1, NOON, NOON)
    assert [row[1].consumer for row in buffer.take(3)] == ["0", "1", "2"]
    assert buffer.waiting() == 2
    assert [row[1].consumer for row in buffer.take(3)] == ["3", "4"]
    assert buffer.take(3) == []


def test_a_tally_keeps_the_hours_apart_to_the_millisecond() -> None:
    now = [NOON + HOUR - 2]
    buffer = Buffer(10)
    tally = Tally(buffer, Bounds(10), lambda: now[0])
    for step in (0, 1, 1, 5, -7):  # a clock may be set back
        now[0] += step
        tally.add(PLACE, "forwarded", 204, "acme", b"curl/8")
    tally.fold()
    assert buffer.take(10) == [
        (NOON, KEY, 3, NOON + HOUR - 2, NOON + HOUR - 1),
        (NOON + HOUR, KEY, 2, NOON + HOUR, NOON + HOUR + 5),
    ]


@pytest.mark.parametrize(
    ("status", "code"), [(100, "1xx"), (200, "2xx"), (304, "3xx"), (410, "4xx"), (599, "5xx"), (0, "none")]
)
def test_statuses_are_counted_by_class(status: int, code: str) -> None:
    buffer = Buffer(10)
    tally = Tally(buffer, Bounds(10), lambda: NOON)
    tally.add(PLACE, "forwarded", status, "acme", None)
    tally.fold()
    ((_, key, *_),) = buffer.take(10)
    assert (key.code, key.agent) == (code, "none")
