"""Where a request comes from: whose word is taken for it, and what their word is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from duskgate.policy.request import Header

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

REMEMBERED = 4096
"""Peers kept in mind, so that networks are not looked through for every request."""

MOST_HOPS = 32
"""Addresses looked at in one request; nobody has so many proxies of their own."""

LONGEST = 64
"""Characters of the longest text that can be an address, its port and brackets included."""

FORWARDED = b"forwarded"
_FOR = re.compile(rb'(?:^|;)\s*for\s*=\s*"?([^;"]*)"?', re.IGNORECASE)
_PORT = re.compile(r"^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$")


class Peers:
    """The peers that are believed: proxies of ours."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._known: dict[str, bool] = {}

    def trusts(self, peer: str) -> bool:
        """Whether the other end of a connection is believed."""
        if not self._networks:
            return False
        known = self._known.get(peer)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            address = parsed(peer)
            known = self._known[peer] = address is not None and self.includes(address)
        return known

    def includes(self, address: Address) -> bool:
        """Whether an address is one of theirs."""
        return any(address in network for network in self._networks)


def parsed(text: str) -> Address | None:
    """An address as proxies write it: perhaps with brackets, a port, or a zone."""
    text = text.strip()
    if len(text) > LONGEST:
        return None
    match = _PORT.match(text)
    bare = (match[1] or match[2]) if match is not None else text
    try:
        address = ipaddress.ip_address(bare.split("%", 1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def caller_address(peers: Peers, peer: str, headers: Sequence[Header], header: bytes) -> Address | None:
    """The address that a request comes from, seen through the proxies that are believed.

    ``header``: ``x-forwarded-for`` or its like, or ``forwarded`` (RFC 7239), read from its end up to the
    first address that is no proxy's; what stands before that anybody may have made up. ``None``: not known.
    """
    address = parsed(peer)
    if not peers.trusts(peer):
        return address
    for number, text in enumerate(_hops(headers, header)):
        address = parsed(text)
        if address is None or number >= MOST_HOPS:
            return None
        if not peers.includes(address):
            return address
    return address


def _hops(headers: Sequence[Header], header: bytes) -> Iterator[str]:
    """What the hops before the last said they were asked from, the nearest first."""
    for name, value in reversed(headers):
        if name != header:
            continue
        rest: bytes = value
        while rest:
            rest, _, item = rest.rpartition(b",")
            if header == FORWARDED:
                match = _FOR.search(item.strip())
                item = match[1] if match is not None else b""
            yield item.decode("latin-1")


def network_of(address: Address, prefix: int, prefix6: int) -> bytes:
    """The network that an address lies in, as text."""
    bits = prefix if address.version == 4 else prefix6
    return str(ipaddress.ip_network((address, bits), strict=False)).encode()
