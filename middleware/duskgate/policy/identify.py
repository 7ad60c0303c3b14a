"""Who is calling: the first configured header that is present names the caller."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from duskgate.policy.plan import Identity
from duskgate.policy.request import ANONYMOUS as ANONYMOUS_LABEL


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


def digest(key: bytes, header: bytes, value: bytes) -> bytes:
    """A keyed digest of an identity (BLAKE2b, RFC 7693), 12 bytes. Without the key it leads nowhere back."""
    return hashlib.blake2b(header + b"\x00" + value, key=key[:64], digest_size=12).digest()


def identify(identity: Identity, fields: Mapping[bytes, bytes]) -> Who:
    """Name the caller of a request from its header fields."""
    for caller in identity.callers:
        value = fields.get(caller.key)
        if value:
            mark = digest(identity.key, caller.key, value)
            name = identity.known.get((caller.key, mark))
            if name is not None:
                return Who(name, name, name, name.encode())
            label = f"~{mark.hex()}"
            target = label if caller.secret else value.decode("utf-8", "replace")
            return Who(None, label, target, value)
    return ANONYMOUS
