"""Which tokens name a caller, and why the others do not."""

from __future__ import annotations

import base64
import json
import math
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.callers import ByToken
from duskgate.tokens.keys import read_keys
from duskgate.tokens.verifier import token_of
from duskgate.tokens.verify import LARGEST, Reason, Refused, claim_of, lasting, payload_of
from tests.policy.world import rule
from tests.tokens.world import ASYMMETRIC, Signer, key_set, rsa_key, signer, step

KEY = signer()
KEYS = read_keys(key_set(KEY), ASYMMETRIC)
STEP = step("keys.json")


def named(token: str | bytes, at: ByToken = STEP, keys: Any = KEYS, now: float | None = None) -> str:
    """Whom a token names, or why it names nobody."""
    raw = token.encode() if isinstance(token, str) else token
    try:
        payload = payload_of(raw, at, keys)
        lasting(payload, time.time() if now is None else now, at.leeway)
        return claim_of(payload, at.claim)
    except Refused as refused:
        return refused.reason


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", [*ASYMMETRIC, "HS256", "HS384", "HS512"])
@pytest.mark.parametrize("kid", ["first", None])
def test_good_signatures_of_every_algorithm(algorithm: str, kid: str | None) -> None:
    one = signer(algorithm, kid)
    at = step("keys.json", algorithms=(algorithm,))
    assert named(one.token(), at, read_keys(key_set(one), at.algorithms)) == "alice"


def test_an_unsigned_token_names_nobody() -> None:
    unsigned = jwt.encode({"sub": "alice"}, "", "none", {"kid": "first"})
    assert named(unsigned) == Reason.ALGORITHM
    for spelled in ("None", "NONE", "nOnE", ""):
        assert named(f"{part({'alg': spelled})}.{part({'sub': 'alice'})}.") == Reason.ALGORITHM


def test_a_public_key_is_no_secret_of_an_hmac() -> None:
    """The classical confusion: signed by HMAC, with the published key as its secret."""
    public = rsa_key().public_key()
    keys = read_keys(key_set(Signer("RS256", rsa_key(), "first")), (*ASYMMETRIC, "HS256"))
    at = step("keys.json", algorithms=(*ASYMMETRIC, "HS256"))
    for secret in (
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    ):
        signing = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part({'sub': 'alice'})}"
        made = jwt.algorithms.get_default_algorithms()["HS256"]
        signature = base64.urlsafe_b64encode(made.sign(signing.encode(), secret)).rstrip(b"=").decode()
        assert named(f"{signing}.{signature}", STEP, keys) == Reason.ALGORITHM
        assert named(f"{signing}.{signature}", at, keys) == Reason.UNKNOWN_KEY


def test_a_key_for_one_algorithm_verifies_no_other() -> None:
    pss = Signer("PS256", rsa_key(), "first")
    item = {**pss.jwk, "alg": "RS256"}
    keys = read_keys(json.dumps({"keys": [item]}).encode(), ASYMMETRIC)
    assert named(pss.token(), STEP, keys) == Reason.UNKNOWN_KEY
    assert named(Signer("RS256", rsa_key(), "first").token(), STEP, keys) == "alice"


def test_somebody_elses_signature() -> None:
    assert named(signer().token()) == Reason.SIGNATURE
    assert named(signer(kid=None).token()) == Reason.SIGNATURE
    assert named(signer(kid="second").token()) == Reason.UNKNOWN_KEY
    assert named(KEY.token(), STEP, None) == Reason.NO_KEYS


def test_a_token_that_names_no_key_may_be_from_any() -> None:
    several = [signer(kid=f"key-{number}") for number in range(3)]
    keys = read_keys(key_set(*several), ASYMMETRIC)
    for one in several:
        nameless = Signer(one.algorithm, one.private, None)
        assert named(nameless.token(), STEP, keys) == "alice"


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"iss": "https://id.example.com", "aud": "gateway"}, "alice"),
        ({"iss": "https://id.example.com", "aud": ["other", "gateway"]}, "alice"),
        ({"iss": "https://evil.example.com", "aud": "gateway"}, Reason.ISSUER),
        ({"aud": "gateway"}, Reason.ISSUER),
        ({"iss": "https://id.example.com"}, Reason.AUDIENCE),
        ({"iss": "https://id.example.com", "aud": "other"}, Reason.AUDIENCE),
        ({"iss": ["https://id.example.com"], "aud": "gateway"}, Reason.ISSUER),
    ],
)
def test_from_whom_and_for_whom(claims: dict[str, Any], found: str) -> None:
    at = step(
        "keys.json", issuers=("https://id.example.com", "https://old.example.com"), audiences=("gateway",)
    )
    assert named(KEY.token(**claims), at) == found


def test_without_issuer_and_audience_any_will_do() -> None:
    assert named(KEY.token(iss="anybody", aud="whoever")) == "alice"


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"exp": NOW + 1}, "alice"),
        ({"exp": NOW}, Reason.EXPIRED),
        ({"exp": NOW - 0.5}, Reason.EXPIRED),
        ({"exp": None}, "alice"),
        ({"exp": NOW + 9, "nbf": NOW}, "alice"),
        ({"exp": NOW + 9, "nbf": NOW + 1}, Reason.NOT_YET),
        ({"exp": "tomorrow"}, Reason.MALFORMED),
        ({"exp": True}, Reason.MALFORMED),
        ({"exp": math.nan}, Reason.MALFORMED),
        ({"exp": math.inf}, Reason.MALFORMED),
        ({"exp": 10**400}, Reason.MALFORMED),
    ],
)
def test_when_it_is_good(claims: dict[str, Any], found: str) -> None:
    assert named(KEY.token(**claims), now=NOW) == found


def test_clocks_may_differ_a_little() -> None:
    patient = step("keys.json", leeway=30.0)
    for late, found in ((29, "alice"), (30, Reason.EXPIRED)):
        assert named(KEY.token(exp=NOW - late), patient, now=NOW) == found
    assert named(KEY.token(exp=NOW + 99, nbf=NOW + 30), patient, now=NOW) == "alice"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("alice", "alice"),
        (42, "42"),
        ("ä" * 1024, "ä" * 1024),
        ("x" * 1025, Reason.NO_CLAIM),
        ("", Reason.NO_CLAIM),
        (None, Reason.NO_CLAIM),
        (True, Reason.NO_CLAIM),
        (4.5, Reason.NO_CLAIM),
        (2**63, Reason.NO_CLAIM),
        (["alice"], Reason.NO_CLAIM),
        ({"name": "alice"}, Reason.NO_CLAIM),
    ],
)
def test_what_a_claim_may_be(value: Any, found: str) -> None:
    at = step("keys.json", claim="https://example.com/tenant")
    assert named(KEY.token(**{"https://example.com/tenant": value}), at) == found


HEAD = part({"alg": "ES256", "kid": "first"})
BROKEN = [
    b"",
    b".",
    b"..",
    b"a.b.c",
    b"\xff\xfe.\xff.\xff",
    f"{HEAD}.{part([1])}.AAAA".encode(),
    f"{part([])}.{part({})}.AAAA".encode(),
    f"{part({'alg': 'ES256', 'kid': 7})}.{part({})}.AAAA".encode(),
    f"{part({'alg': ['ES256']})}.{part({})}.AAAA".encode(),
    base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5000) + b".e30.AAAA",
]


@pytest.mark.parametrize("token", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_token(token: bytes) -> None:
    assert named(token) in (Reason.MALFORMED, Reason.ALGORITHM, Reason.SIGNATURE)


def test_large_ones_are_not_looked_at() -> None:
    assert named(b"a" * (LARGEST + 1)) == Reason.TOO_LARGE
    assert named(KEY.token(more="x" * (LARGEST // 2))) == "alice"


@rule
@given(st.data())
def test_a_token_that_was_changed_never_names_somebody_else(data: st.DataObject) -> None:
    token = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(token) - 1))
        token[at] = data.draw(st.integers(0, 255))
    assert named(bytes(token)) in {"alice", *Reason}


GOOD = KEY.token()


def test_unverified_tokens_are_believed() -> None:
    believing = step(None)
    assert named(signer().token(), believing, None) == "alice"
    assert named("nonsense", believing, None) == Reason.MALFORMED


@pytest.mark.parametrize(
    ("header", "value", "token"),
    [
        (b"authorization", b"Bearer abc", b"abc"),
        (b"authorization", b"bEARER   abc ", b"abc"),
        (b"authorization", b"Basic abc", None),
        (b"authorization", b"abc", None),
        (b"authorization", b"Bearer ", None),
        (b"x-token", b"abc", b"abc"),
        (b"x-token", b"Bearer abc", b"abc"),
        (b"x-token", b" ", None),
    ],
)
def test_where_the_token_stands(header: bytes, value: bytes, token: bytes | None) -> None:
    assert token_of(header, value) == token
