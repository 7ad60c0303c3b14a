"""Key sets (RFC 7517). Which key may verify which signature is settled once, when they load."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError

LARGEST = 256 * 2**10
"""Bytes of a key set."""

MOST_KEYS = 100

_RSA = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_CURVES = {
    "P-256": frozenset(("ES256",)),
    "P-384": frozenset(("ES384",)),
    "P-521": frozenset(("ES512",)),
    "Ed25519": frozenset(("EdDSA",)),
}
_SYMMETRIC = frozenset(("HS256", "HS384", "HS512"))
_PUBLIC = frozenset(("kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"))


class BadKeys(ValueError):
    """What should be a key set cannot be used; the message says why, without its content."""


class Keys:
    """The keys of a set, by the algorithms that they are good for."""

    def __init__(self, usable: Mapping[tuple[str | None, str], Sequence[PyJWK]], number: int) -> None:
        self._usable = usable
        self.number = number

    def candidates(self, kid: str | None, algorithm: str) -> Sequence[PyJWK]:
        """Those that may have made a signature: the key of that name, else those without one.

        A token that names no key may be from any.
        """
        if kid is not None:
            named = self._usable.get((kid, algorithm))
            return named if named is not None else self._usable.get((None, algorithm), ())
        return [key for (_, its), keys in self._usable.items() if its == algorithm for key in keys]


def read_keys(content: bytes, algorithms: Sequence[str]) -> Keys:
    """The keys of a set that are good for one of the algorithms. Others are passed over.

    A key is only ever tried with algorithms of its own kind: a public key is no secret of an HMAC. Raises
    BadKeys, also where none is left.
    """
    if len(content) > LARGEST:
        raise BadKeys(f"is larger than {LARGEST // 2**10} KiB")
    try:
        found = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise BadKeys('is no key set, that is JSON of the form {"keys": [...]}')
    if len(found) > MOST_KEYS:
        raise BadKeys(f"holds more than {MOST_KEYS} keys")
    usable: dict[tuple[str | None, str], list[PyJWK]] = {}
    number = 0
    for item in found:
        good = list(_usable(item, algorithms)) if isinstance(item, dict) else []
        number += bool(good)
        for key in good:
            kid = item.get("kid")
            usable.setdefault((kid if isinstance(kid, str) else None, key.algorithm_name), []).append(key)
    if not number:
        raise BadKeys(f"holds no key that is good for {', '.join(algorithms)}")
    return Keys(usable, number)


def _usable(item: Mapping[str, Any], algorithms: Sequence[str]) -> Iterator[PyJWK]:
    """A key, once for each algorithm that it is good for. Too short ones are good for none."""
    operations = item.get("key_ops", ["verify"])
    if item.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return
    own = item.get("alg")
    kind = _kind(item)
    members = item if kind is _SYMMETRIC else {name: item[name] for name in item if name in _PUBLIC}
    for algorithm in algorithms:
        if algorithm not in kind or own not in (None, algorithm):
            continue
        try:
            key = PyJWK(dict(members), algorithm)
            too_short = key.Algorithm.check_key_length(key.key)
        except (PyJWTError, ValueError, TypeError):
            continue
        if too_short is None:
            yield key


def _kind(item: Mapping[str, Any]) -> frozenset[str]:
    match item.get("kty"):
        case "RSA":
            return _RSA
        case "oct":
            return _SYMMETRIC
        case "EC" | "OKP":
            curve = item.get("crv")
            return _CURVES.get(curve, frozenset()) if isinstance(curve, str) else frozenset()
    return frozenset()
