"""Sticky shares: the same callers stay in, more never means others."""

import xxhash
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.shares import BUCKETS, Share
from tests.policy.world import rule

KEYS = st.text(max_size=40)
PARTS = st.integers(0, BUCKETS)


def share(*parts: int, seed: int = 7) -> Share:
    """A share whose steps begin at 0, 1, 2 ..."""
    return Share(seed, tuple(range(len(parts))), parts, xxhash.xxh64_intdigest)


@rule
@given(KEYS, st.lists(PARTS, min_size=1, max_size=5).map(sorted))
def test_a_share_that_grows_lets_nobody_out(key: str, parts: list[int]) -> None:
    growing = share(*parts)
    seen = [growing.has(key, now) for now in range(len(parts))]
    assert seen == sorted(seen)


@rule
@given(KEYS, PARTS, PARTS)
def test_a_lower_share_is_a_part_of_a_higher_one(key: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert share(high).has(key, 0) or not share(low).has(key, 0)


@rule
@given(KEYS)
def test_all_and_none_are_everybody_and_nobody(key: str) -> None:
    assert share(BUCKETS).has(key, 0)
    assert not share(0).has(key, 0)
    assert not share(BUCKETS).has(key, -1)


def test_shares_are_as_large_as_they_say() -> None:
    inside = sum(share(500).has(f"user-{number}", 0) for number in range(20_000))
    assert abs(inside / 20_000 - 0.05) < 0.005


def test_the_bucket_is_the_documented_one() -> None:
    assert share(1, seed=0).bucket("acme") == xxhash.xxh64_intdigest(b"acme", 0) % 10_000


def test_another_seed_divides_the_callers_otherwise() -> None:
    keys = [f"user-{number}" for number in range(1000)]
    first = {key for key in keys if share(5000, seed=1).has(key, 0)}
    second = {key for key in keys if share(5000, seed=2).has(key, 0)}
    assert 150 < len(first & second) < 350
