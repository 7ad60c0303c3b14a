"""The product of a User-Agent: bounded, harmless, and a hint at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.usage.ledger.agents import NO_AGENT, REMEMBERED, Agents
from tests.policy.world import rule

PRODUCTS = [
    (b"curl/8.5.0", "curl"),
    (b"python-requests/2.32.3", "python-requests"),
    (b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla"),
    (b"okhttp", "okhttp"),
    (b"  acme-sync (nightly)", "acme-sync"),
    (b"Acme.Client_2, gzip", "Acme.Client_2"),
    (b"a" * 32 + b"/1", "a" * 32),
    (b"a" * 33 + b"/1", NO_AGENT),
    (b"", NO_AGENT),
    (None, NO_AGENT),
    (b"(comment)", NO_AGENT),
    (b"<script>alert(1)</script>", NO_AGENT),
    (b"\xff\xfe", NO_AGENT),
    (b"jane@example.com", NO_AGENT),
    (b"x" * 100_000, NO_AGENT),
]


@pytest.mark.parametrize(("value", "product"), PRODUCTS)
def test_the_product(value: bytes | None, product: str) -> None:
    agents = Agents()
    assert [agents.product(value), agents.product(value)] == [product, product]


@rule
@given(st.binary(max_size=300))
def test_whatever_is_sent_it_stays_short_and_harmless(value: bytes) -> None:
    found = Agents().product(value)
    assert 0 < len(found) <= 32
    assert found.isascii()
    assert not set(found) & set("<>&\"'/ \\\n\x00")


def test_what_is_kept_in_mind_is_bounded() -> None:
    agents = Agents()
    for number in range(3 * REMEMBERED):
        assert agents.product(b"a%d" % number) == f"a{number}"
    assert len(agents._known) <= REMEMBERED + 1
