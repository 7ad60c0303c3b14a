"""Key sets: what is taken from them, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from duskgate.tokens.keys import LARGEST, MOST_KEYS, BadKeys, read_keys
from tests.tokens.world import ASYMMETRIC, SHARED, Signer, key_set, rsa_key, signer

KEY = signer()


def of(*items: Any) -> bytes:
    return json.dumps({"keys": list(items)}).encode()


BAD = [
    (b"", "is no key set"),
    (b"[]", "is no key set"),
    (b'{"keys": {}}', "is no key set"),
    (b"\xff", "is no key set"),
    (b'{"keys":' + b"[" * 100_000, "is no key set"),
    (of(), "holds no key that is good for RS256"),
    (of("key", 7, None, {}), "holds no key that is good for"),
    (of({"kty": "EC", "crv": ["P-256"]}), "holds no key"),
    (of({**KEY.jwk, "x": "!"}), "holds no key"),
    (of({**KEY.jwk, "crv": "P-384"}), "holds no key"),
    (of({**KEY.jwk, "use": "enc"}), "holds no key"),
    (of({**KEY.jwk, "key_ops": ["sign"]}), "holds no key"),
    (of({**KEY.jwk, "key_ops": 7}), "holds no key"),
    (of({**KEY.jwk, "alg": "ES512"}), "holds no key"),
    (of(Signer("RS256", rsa_key(bits=1024), None).jwk), "holds no key"),
    (of(Signer("HS256", SHARED, None).jwk), "holds no key"),
    (b" " * (LARGEST + 1), "is larger than 256 KiB"),
    (of(*[KEY.jwk] * (MOST_KEYS + 1)), "holds more than 100 keys"),
]


@pytest.mark.parametrize(("content", "reason"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_used(content: bytes, reason: str) -> None:
    with pytest.raises(BadKeys, match=reason):
        read_keys(content, ASYMMETRIC)


def test_good_keys_are_found_among_others() -> None:
    keys = read_keys(of({"kty": "quantum"}, KEY.jwk, signer("EdDSA", "second").jwk), ASYMMETRIC)
    assert keys.number == 2
    assert [len(keys.candidates("first", name)) for name in ("ES256", "EdDSA", "RS256")] == [1, 0, 0]
    assert len(keys.candidates("second", "EdDSA")) == len(keys.candidates(None, "EdDSA")) == 1


def test_a_private_key_is_read_as_its_public_half() -> None:
    item = {**KEY.jwk, "d": "c2VjcmV0"}
    (key,) = read_keys(of(item), ASYMMETRIC).candidates("first", "ES256")
    assert not hasattr(key.key, "private_numbers")


def test_a_shared_secret_is_for_its_own_algorithms_only() -> None:
    shared = Signer("HS256", SHARED, "first")
    keys = read_keys(key_set(shared, KEY), ("HS256", "ES256"))
    assert [key.key_type for key in keys.candidates("first", "HS256")] == ["oct"]
    assert [key.key_type for key in keys.candidates("first", "ES256")] == ["EC"]
    short = Signer("HS256", "short", None)
    with pytest.raises(BadKeys):
        read_keys(key_set(short), ("HS256",))
