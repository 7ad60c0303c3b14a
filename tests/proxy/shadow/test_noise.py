"""Telling a version's own noise from what the other one does differently."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.proxy.shadow.compare import Difference, Kind
from duskgate.proxy.shadow.noise import (
    HALVED_AT,
    MOST_FIELDS,
    RECHECKED,
    Count,
    Noise,
    Place,
    Standing,
    Verdict,
    explains,
    first_look,
    second_look,
)

HERE: Place = ("accounts", "v1", "v2", "*")
ELSEWHERE: Place = ("accounts", "v1", "v2", "/users/{id}")


def one(field: str, kind: str = "changed") -> Difference:
    return Difference(field, Kind(kind))


EXPLAINED = [
    ("the same", one("$.a"), one("$.a"), True),
    ("another field", one("$.a"), one("$.b"), False),
    ("another kind", one("$.a"), one("$.a", "type"), False),
    ("type and value", one("$.a", "type"), one("$.a"), False),
    ("it comes and goes", one("$.a", "missing"), one("$.a", "added"), True),
    ("it goes, and is other", one("$.a", "missing"), one("$.a"), False),
    ("what is below", one("$.a", "missing"), one("$.a.b"), False),
    ("items come and go", one("$.a[*]", "added"), one("$.a[*].id"), True),
    ("items come and go, plain ones", one("$.a[*]", "missing"), one("$.a[*]"), True),
    ("items come and go in another list", one("$.a[*]", "added"), one("$.ab[*].id"), False),
    ("items come and go, and their lists", one("$.a[*]", "added"), one("$.a[*][*]"), True),
    ("an item is other", one("$.a[*]"), one("$.a[*].id"), False),
]


@pytest.mark.parametrize(
    ("own", "found", "yes"), [case[1:] for case in EXPLAINED], ids=[c[0] for c in EXPLAINED]
)
def test_what_explains_what(own: Difference, found: Difference, yes: bool) -> None:
    assert explains(own, found) is yes


STANDINGS = [
    (Count(), Standing.OPEN),
    (Count(2, 2), Standing.OPEN),
    (Count(3, 3), Standing.NOISE),
    (Count(10, 3), Standing.NOISE),
    (Count(11, 3), Standing.OPEN),
    (Count(19, 0), Standing.OPEN),
    (Count(20, 0), Standing.REAL),
    (Count(20, 1), Standing.REAL),
    (Count(20, 2), Standing.OPEN),
]


@pytest.mark.parametrize(("count", "standing"), STANDINGS)
def test_standing(count: Count, standing: Standing) -> None:
    assert count.standing is standing


@given(st.lists(st.tuples(st.booleans()), max_size=500))
def test_counts_stay_small_and_sound(seen: list[tuple[bool]]) -> None:
    total = Count()
    for (explained,) in seen:
        total = total.plus(Count(1, int(explained)))
        assert 0 <= total.explained <= total.suspected <= HALVED_AT


def dice_of(seed: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)  # noqa: S311


class Version:
    """Whatever answers with some fields, each from a function of its own."""

    def __init__(self, **fields: Callable[[], Any]) -> None:
        self._fields = fields

    def answer(self) -> dict[str, Any]:
        return {name: make() for name, make in self._fields.items()}


def between(old: dict[str, Any], new: dict[str, Any]) -> tuple[Difference, ...]:
    return tuple(one(f"$.{name}") for name in old if old[name] != new[name])


class Watch:
    """Two versions under comparison, as the gateway does it; ``seconds``: how often v1 was asked again."""

    def __init__(self, old: Version, new: Version, seed: int) -> None:
        self.old, self.new = old, new
        self.noise = Noise()
        self.chance = dice_of(seed)
        self.seconds = 0
        self.reported: list[set[str]] = []

    def sample(self) -> None:
        first, other = self.old.answer(), self.new.answer()
        found = between(first, other)
        judged = first_look(self.noise, HERE, found, self.chance.random())
        if judged.verdict is Verdict.DOUBTFUL:
            self.seconds += 1
            judged = second_look(self.noise, HERE, found, between(first, self.old.answer()))
        assert judged.verdict in (Verdict.EQUAL, Verdict.DIFFERENT)
        self.reported.append({found.field for found in judged.differences})


def clock() -> Callable[[], int]:
    """A time that is another one at each look."""
    now = iter(range(10**9))
    return lambda: next(now)


SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_and_times_are_never_reported(seed: int) -> None:
    dice = dice_of(seed)
    version = Version(id=lambda: dice.getrandbits(64), at=clock(), name=lambda: "ada")
    watch = Watch(version, version, seed)
    for _ in range(500):
        watch.sample()
    assert watch.reported == [set()] * 500
    assert watch.seconds < 500 * 3 * RECHECKED  # it is known soon, and then asked about seldom


@pytest.mark.parametrize("seed", SEEDS)
def test_a_time_that_changes_seldom_is_not_reported_either(seed: int) -> None:
    """Whatever has changed by the second version's answer has changed by the first one's second answer."""
    tick = clock()
    version = Version(at=lambda: tick() // 50)
    watch = Watch(version, version, seed)
    for _ in range(2000):
        watch.sample()
    assert watch.reported == [set()] * 2000


@pytest.mark.parametrize("seed", SEEDS)
def test_a_real_difference_is_reported_every_time_beside_noise(seed: int) -> None:
    dice, tick = dice_of(seed), clock()
    old = Version(id=lambda: dice.getrandbits(64), at=tick, age=lambda: 36)
    new = Version(id=lambda: dice.getrandbits(64), at=tick, age=lambda: 37)
    watch = Watch(old, new, seed)
    for _ in range(500):
        watch.sample()
    assert watch.reported == [{"$.age"}] * 500
    assert watch.seconds < 100


@pytest.mark.parametrize("seed", SEEDS)
def test_a_real_difference_is_reported_though_the_data_changes_now_and_then(seed: int) -> None:
    dice = dice_of(seed)
    balance = [0]

    def moving() -> int:
        balance[0] += dice.random() < 0.02
        return balance[0]

    watch = Watch(Version(balance=moving), Version(balance=lambda: moving() + 1000), seed)
    for _ in range(500):
        watch.sample()
    assert sum(found == {"$.balance"} for found in watch.reported) > 450


@pytest.mark.parametrize("seed", SEEDS)
def test_a_coin_is_known_for_noise_soon(seed: int) -> None:
    dice = dice_of(seed)
    version = Version(coin=lambda: dice.random() < 0.5)
    watch = Watch(version, version, seed)
    for _ in range(500):
        watch.sample()
    assert sum(map(bool, watch.reported[100:])) <= 5


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_that_becomes_a_difference_is_reported_again(seed: int) -> None:
    tick = clock()
    watch = Watch(Version(at=tick), Version(at=tick), seed)
    for _ in range(300):
        watch.sample()
    watch.old, watch.new = Version(at=lambda: 0), Version(at=lambda: 1)
    for _ in range(3000):
        watch.sample()
    assert watch.reported[-100:] == [{"$.at"}] * 100


@pytest.mark.parametrize("seed", SEEDS)
def test_a_difference_that_becomes_noise_is_reported_no_more(seed: int) -> None:
    watch = Watch(Version(at=lambda: 0), Version(at=lambda: 1), seed)
    for _ in range(300):
        watch.sample()
    tick = clock()
    watch.old = watch.new = Version(at=tick)
    for _ in range(3000):
        watch.sample()
    assert watch.reported[-100:] == [set()] * 100


def test_two_statuses_of_the_old_version_leave_it_undecided() -> None:
    noise = Noise()
    assert second_look(noise, HERE, (one("$.a"),), (one("status"),)).verdict is Verdict.UNDECIDED
    assert noise.learnt() == []
    assert second_look(noise, HERE, (one("status"),), (one("status"),)).verdict is Verdict.EQUAL


def test_places_are_apart_and_bounded() -> None:
    noise = Noise()
    for number in range(3):
        noise.learn(HERE, [one(f"$.a{number}x") for number in range(900)], [one("$.a1x")])
        assert len(noise.learnt()) == MOST_FIELDS, number
    assert noise.standing(HERE, one("$.a1x")) is Standing.NOISE
    assert noise.standing(ELSEWHERE, one("$.a1x")) is Standing.OPEN


def test_what_others_know_replaces_what_was_learnt() -> None:
    noise = Noise()
    noise.learn(HERE, [one("$.a")], [])
    noise.learn(ELSEWHERE, [one("$.a")], [])
    noise.know(HERE, {("$.b", "changed"): Count(5, 5)})
    assert noise.standing(HERE, one("$.b")) is Standing.NOISE
    assert [place for place, _, _ in noise.learnt()] == [ELSEWHERE]
