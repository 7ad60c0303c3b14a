"""Whose address it is: through proxies that are believed, and never by what anybody can make up."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.addresses import (
    LONGEST,
    MOST_HOPS,
    REMEMBERED,
    Peers,
    caller_address,
    network_of,
    parsed,
)
from duskgate.policy.request import Header
from tests.policy.world import rule

PEERS = Peers([ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8")])
XFF = b"x-forwarded-for"
FORWARDED = b"forwarded"

PARSED = [
    ("192.0.2.1", "192.0.2.1"),
    (" 192.0.2.1 ", "192.0.2.1"),
    ("192.0.2.1:8080", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:8080", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("", None),
    ("unknown", None),
    ("_hidden", None),
    ("192.0.2.256", None),
    ("192.0.2.1:", None),
    ("1" * (LONGEST + 1), None),
]


@pytest.mark.parametrize(("text", "address"), PARSED)
def test_addresses_as_proxies_write_them(text: str, address: str | None) -> None:
    assert parsed(text) == (ipaddress.ip_address(address) if address is not None else None)


CASES: list[tuple[str, str, list[Header], bytes, str | None]] = [
    ("the peer itself", "192.0.2.1", [], XFF, "192.0.2.1"),
    ("a stranger's word", "192.0.2.1", [(XFF, b"198.51.100.7")], XFF, "192.0.2.1"),
    ("a proxy's word", "10.0.0.1", [(XFF, b"198.51.100.7")], XFF, "198.51.100.7"),
    ("what the caller made up", "10.0.0.1", [(XFF, b"203.0.113.9, 198.51.100.7")], XFF, "198.51.100.7"),
    ("two proxies", "10.0.0.1", [(XFF, b"1.1.1.1, 198.51.100.7, 10.0.0.2")], XFF, "198.51.100.7"),
    ("a line each", "10.0.0.1", [(XFF, b"1.1.1.1"), (XFF, b"198.51.100.7")], XFF, "198.51.100.7"),
    ("several lines", "10.0.0.1", [(XFF, b"198.51.100.7"), (XFF, b"10.0.0.2")], XFF, "198.51.100.7"),
    ("a proxy calls", "10.0.0.1", [], XFF, "10.0.0.1"),
    ("proxies alone", "10.0.0.1", [(XFF, b"10.0.0.3, 10.0.0.2")], XFF, "10.0.0.3"),
    ("with a port", "fd00::1", [(XFF, b"[2001:db8::7]:4711")], XFF, "2001:db8::7"),
    ("no address", "10.0.0.1", [(XFF, b"198.51.100.7, unknown")], XFF, None),
    ("an empty one", "10.0.0.1", [(XFF, b"198.51.100.7,")], XFF, None),
    ("another header", "10.0.0.1", [(XFF, b"1.1.1.1"), (b"x-real-ip", b"2.2.2.2")], b"x-real-ip", "2.2.2.2"),
    ("RFC 7239", "10.0.0.1", [(FORWARDED, b"for=1.1.1.1, for=192.0.2.60;by=b")], FORWARDED, "192.0.2.60"),
    ("its quotes", "10.0.0.1", [(FORWARDED, b'proto=http;For="[2001:db8:cafe::17]:4711"')], FORWARDED,
     "2001:db8:cafe::17"),
    ("without for", "10.0.0.1", [(FORWARDED, b"for=1.1.1.1, by=203.0.113.43")], FORWARDED, None),
    ("a Unix socket", "", [(XFF, b"198.51.100.7")], XFF, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "headers", "header", "address"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_callers_address(peer: str, headers: list[Header], header: bytes, address: str | None) -> None:
    found = caller_address(PEERS, peer, headers, header)
    assert (str(found) if found is not None else None) == address


def test_not_more_hops_are_looked_at_than_anybody_has() -> None:
    long = b"192.0.2.1" + b", 10.0.0.2" * (2 * MOST_HOPS)
    assert caller_address(PEERS, "10.0.0.1", [(XFF, long)], XFF) is None


@rule
@given(st.lists(st.binary(max_size=80), max_size=4), st.ip_addresses(v=4))
def test_a_caller_cannot_make_up_an_address(lines: list[bytes], own: ipaddress.IPv4Address) -> None:
    """Whatever stands in the header already, the address that the proxy adds is the caller's."""
    headers = [(XFF, line) for line in lines]
    headers.append((XFF, f"{own}".encode()))
    found = caller_address(PEERS, "10.0.0.1", headers, XFF)
    if own in ipaddress.ip_network("10.0.0.0/8"):
        return  # it is a proxy of ours that calls, and what it was told by others is believed
    assert found == own


def test_without_proxies_nobody_is_believed() -> None:
    assert not Peers().trusts("10.0.0.1")
    assert caller_address(Peers(), "10.0.0.1", [(XFF, b"1.1.1.1")], XFF) == ipaddress.ip_address("10.0.0.1")


def test_peers_kept_in_mind_are_bounded() -> None:
    peers = Peers([ipaddress.ip_network("10.0.0.0/8")])
    for number in range(REMEMBERED + 10):
        text = str(ipaddress.ip_address(9 * 2**24 + 2**24 - REMEMBERED + number))
        assert peers.trusts(text) == text.startswith("10.")
    assert len(peers._known) <= REMEMBERED


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", b"192.0.2.0/24"), ("2001:db8:1:2:3:4:5:6", b"2001:db8:1:2::/64")],
)
def test_the_network_of_an_address(address: str, network: bytes) -> None:
    assert network_of(ipaddress.ip_address(address), 24, 64) == network
