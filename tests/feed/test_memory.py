"""What is remembered: a sequence rises when its date moves, and only then."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.feed.endings import Ending, Rehearsal
from duskgate.feed.memory import (
    EMPTY,
    KEPT,
    Memory,
    advanced,
    entries_of,
    forgetful,
    memory_of,
    next_change,
    updated,
)
from duskgate.policy.lifecycle import Phase
from tests.policy.world import ms

NOW = ms("2026-10-05")
SUNSET = "sunset of accounts/v1"

V1 = Ending(
    api="accounts",
    version="v1",
    endpoint=None,
    methods=(),
    url="/api/v1",
    phase=Phase.DEPRECATED,
    announced=ms("2026-09-01"),
    deprecated=ms("2026-10-01"),
    sunset=ms("2027-01-01"),
    enforced=None,
    removed=ms("2027-04-01"),
    guide="https://docs.example.com/migrate",
    contact=None,
    successor=None,
    brownouts=(Rehearsal(ms("2026-12-01"), ms("2026-12-02"), 410, True),),
)
AVATAR = replace(V1, endpoint="/avatar", methods=("GET",), url="/api/v1/avatar", sunset=ms("2026-12-20"))


def sequences(memory: Memory) -> dict[str, int]:
    return {key: kept.sequence for key, kept in memory.dates.items()}


BEFORE = advanced(EMPTY, [V1], NOW)


def test_what_is_new_has_the_sequence_0_and_was_modified_now() -> None:
    assert sequences(BEFORE) == {
        "deprecated of accounts/v1": 0,
        SUNSET: 0,
        "removed of accounts/v1": 0,
        "brownout 1 of accounts/v1": 0,
    }
    assert {kept.modified for kept in BEFORE.dates.values()} == {NOW}
    assert BEFORE.changed == NOW


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({}, []),
        ({"phase": Phase.SUNSET}, []),
        ({"guide": "https://docs.example.com/other", "contact": "mailto:a@b.example"}, []),
        ({"enforced": ms("2027-01-08")}, []),
        ({"announced": ms("2026-09-02")}, []),
        ({"sunset": ms("2027-01-02")}, [SUNSET]),
        ({"sunset": ms("2026-12-31T23:59:59.999")}, [SUNSET]),
        (
            {"deprecated": ms("2026-10-02"), "removed": ms("2027-05-01")},
            ["deprecated of accounts/v1", "removed of accounts/v1"],
        ),
        (
            {"brownouts": (Rehearsal(ms("2026-12-01"), ms("2026-12-03"), 410, True),)},
            ["brownout 1 of accounts/v1"],
        ),
        ({"brownouts": (Rehearsal(ms("2026-12-01"), ms("2026-12-02"), 503, False),)}, []),
    ],
)
def test_only_a_date_that_moves_raises_its_sequence(changes: dict[str, object], moved: list[str]) -> None:
    after = advanced(BEFORE, [replace(V1, **changes)], NOW + 1)  # type: ignore[arg-type]
    assert [key for key, sequence in sequences(after).items() if sequence] == moved
    modified = {key for key, kept in after.dates.items() if kept.modified == NOW + 1}
    assert modified == set(moved)


def test_an_unchanged_memory_is_the_same_object() -> None:
    assert advanced(BEFORE, [V1], NOW + 1) is BEFORE


def test_each_move_counts_also_one_back() -> None:
    memory = BEFORE
    for number, day in enumerate(("2027-01-02", "2027-01-03", "2027-01-01"), 1):
        memory = advanced(memory, [replace(V1, sunset=ms(day))], NOW + number)
        assert (memory.dates[SUNSET].sequence, memory.dates[SUNSET].modified) == (number, NOW + number)


def test_a_date_ahead_that_is_withdrawn_is_cancelled_for_90_days_and_then_forgotten() -> None:
    after = advanced(BEFORE, [replace(V1, removed=None)], NOW + 1)
    gone = after.dates["removed of accounts/v1"]
    assert (gone.sequence, gone.cancelled, gone.at) == (1, NOW + 1, V1.removed)
    assert next_change(after, NOW + 2) == NOW + 1 + KEPT
    later = advanced(after, [replace(V1, removed=None)], NOW + KEPT)
    assert later.dates["removed of accounts/v1"] == gone
    assert "removed of accounts/v1" not in advanced(after, [replace(V1, removed=None)], NOW + 1 + KEPT).dates


def test_a_withdrawn_date_that_comes_back_counts_on() -> None:
    gone = advanced(BEFORE, [], NOW + 1)
    assert {kept.cancelled for key, kept in gone.dates.items() if key == SUNSET} == {NOW + 1}
    back = advanced(gone, [V1], NOW + 2)
    assert (back.dates[SUNSET].sequence, back.dates[SUNSET].cancelled) == (2, None)


def test_a_date_that_has_passed_is_not_cancelled_when_the_yaml_is_cleaned_up() -> None:
    assert advanced(BEFORE, [], ms("2027-04-01")).dates == {}


def test_an_endpoint_has_only_the_dates_that_its_version_has_not() -> None:
    assert [key for key in advanced(EMPTY, [V1, AVATAR], NOW).dates if "avatar" in key] == [
        "sunset of accounts/v1 GET /avatar"
    ]


def test_without_a_memory_nothing_has_moved_and_nobody_knows_when() -> None:
    memory = forgetful([V1])
    assert set(sequences(memory).values()) == {0}
    assert {kept.modified for kept in memory.dates.values()} == {None}
    assert updated(memory, V1, NOW) == V1.deprecated


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, NOW),
        ({"phase": Phase.SUNSET}, NOW),
        ({"guide": None}, NOW + 5),
        ({"sunset": ms("2027-01-02")}, NOW + 5),
        ({"enforced": ms("2027-01-08")}, NOW + 5),
        ({"contact": "mailto:a@b.example"}, NOW + 5),
    ],
)
def test_an_ending_is_updated_when_anything_that_is_said_of_it_changes(
    changes: dict[str, object], expected: int
) -> None:
    ending = replace(V1, **changes)  # type: ignore[arg-type]
    assert updated(advanced(BEFORE, [ending], NOW + 5), ending, NOW + 5) == expected


def test_a_passed_date_is_an_update_unless_a_gate_holds_it() -> None:
    held = replace(V1, enforced=ms("2027-01-08"))
    at = ms("2027-01-02")
    assert updated(BEFORE, V1, at) == V1.sunset
    assert updated(BEFORE, held, at) == NOW


INSTANTS = st.integers(ms("1990-01-01"), ms("2100-01-01"))
DATES = st.fixed_dictionaries({}, optional={"deprecated": INSTANTS, "sunset": INSTANTS, "removed": INSTANTS})


@given(st.lists(st.tuples(st.lists(DATES, max_size=3), st.integers(0, KEPT)), max_size=6))
def test_sequences_never_fall_and_the_file_holds_everything(
    story: list[tuple[list[dict[str, int]], int]],
) -> None:
    memory, now = EMPTY, NOW
    for states, pause in story:
        now += pause
        none = dict.fromkeys(("deprecated", "sunset", "removed"))
        endings = [
            replace(V1, version=f"v{number}", brownouts=(), **{**none, **dates})  # type: ignore[arg-type]
            for number, dates in enumerate(states)
        ]
        after = advanced(memory, endings, now)
        for key, kept in after.dates.items():
            before = memory.dates.get(key)
            if before is None:
                assert kept.sequence == 0
            else:
                same = (before.at, before.cancelled) == (kept.at, kept.cancelled)
                assert kept.sequence == before.sequence + (0 if same else 1)
        sections: dict[str, dict[str, object]] = {}
        for (section, key), value in entries_of(after).items():
            sections.setdefault(section, {})[key] = json.loads(json.dumps(value))
        assert memory_of(sections) == after
        memory = after
