"""Who is calling: the first configured way to name a caller for which the request has something."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from duskgate.policy.addresses import Address, caller_address, network_of
from duskgate.policy.callers import ByAddress, ByCertificate, ByHeader, ByToken, Caller
from duskgate.policy.certificates import field_of
from duskgate.policy.plan import Identity
from duskgate.policy.request import ANONYMOUS as ANONYMOUS_LABEL
from duskgate.policy.request import Header


class Who(NamedTuple):
    """One caller.

    ``consumer`` is the known name, if any. ``label`` is what metrics and logs may show: the known name, a
    keyed digest, or "anonymous". ``targeting_key`` is who the caller is for flags: the known name, else the
    value itself where it is no secret, else the digest. ``key`` is what sticky shares go by: the known name,
    else the value itself; it is never shown.
    """

    consumer: str | None
    label: str
    targeting_key: str | None
    key: bytes | None = None


ANONYMOUS = Who(None, ANONYMOUS_LABEL, None)

ReadClaim = Callable[[ByToken, bytes], str | None]
"""Gives the claim that a token in a header's value names the caller by, if the token is good."""


def no_claim(step: ByToken, value: bytes) -> None:
    """A ``ReadClaim`` where no token can be verified."""


def reads_tokens(identity: Identity) -> bool:
    """Whether callers can be named only where tokens can be verified."""
    return any(isinstance(step, ByToken) for step in identity.callers)


def digest(key: bytes, tag: bytes, value: bytes) -> bytes:
    """A keyed digest of an identity (BLAKE2b, RFC 7693), 12 bytes. Without the key it leads nowhere back."""
    return hashlib.blake2b(tag + b"\x00" + value, key=key[:64], digest_size=12).digest()


def identify(
    identity: Identity,
    fields: Mapping[bytes, bytes],
    headers: Sequence[Header] = (),
    peer: str = "",
    claim: ReadClaim = no_claim,
) -> Who:
    """Name the caller of a request from its header fields, and what else is known of it.

    ``headers`` are the fields as lines, and ``peer`` is the address at the other end of the connection.
    """
    for step in identity.callers:
        who = by_step(identity, step, fields, headers, peer, claim)
        if who is not None:
            return who
    return ANONYMOUS


def by_step(
    identity: Identity,
    step: Caller,
    fields: Mapping[bytes, bytes],
    headers: Sequence[Header],
    peer: str,
    claim: ReadClaim,
) -> Who | None:
    """Name the caller in one way; ``None``: the request has nothing for it."""
    match step:
        case ByHeader():
            value = fields.get(step.key)
        case ByToken():
            found = claim(step, fields[step.key]) if step.key in fields else None
            value = found.encode("utf-8", "replace") if found is not None else None
        case ByCertificate():
            value = fields.get(step.key) if identity.peers.trusts(peer) else None
            if value is not None and step.field is not None:
                value = field_of(value, step.field)
        case ByAddress():
            address = caller_address(identity.peers, peer, headers, step.header)
            return _by_address(identity, step, address) if address is not None else None
    return _known_or_not(identity, step, value) if value else None


def _by_address(identity: Identity, step: ByAddress, address: Address) -> Who:
    for network, name in identity.networks:
        if address in network:
            return Who(name, name, name, name.encode())
    return _known_or_not(identity, step, network_of(address, step.prefix, step.prefix6))


def _known_or_not(identity: Identity, step: Caller, value: bytes) -> Who:
    mark = digest(identity.key, step.tag, value)
    name = identity.known.get((step.tag, mark))
    if name is not None:
        return Who(name, name, name, name.encode())
    label = f"~{mark.hex()}"
    return Who(None, label, label if step.secret else value.decode("utf-8", "replace"), value)
