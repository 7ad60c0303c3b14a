"""Whether a token is good: by its signature, and by what it says of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import jwt
from jwt.exceptions import (
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from duskgate.policy.callers import ByToken
from duskgate.tokens.keys import Keys

LARGEST = 16_384
"""Bytes of a token that is looked at."""

LONGEST_CLAIM = 1024
"""Characters of a claim that names a caller."""


class Reason(StrEnum):
    """Why a token names nobody."""

    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    NO_KEYS = "no-keys"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not-yet-valid"
    NO_CLAIM = "no-claim"


class Refused(Exception):
    """A token that names nobody."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


_REASONS: tuple[tuple[type[PyJWTError], Reason], ...] = (
    (InvalidSignatureError, Reason.SIGNATURE),
    (InvalidIssuerError, Reason.ISSUER),
    (InvalidAudienceError, Reason.AUDIENCE),
    (ImmatureSignatureError, Reason.NOT_YET),
)

_NOT_LOOKED_AT = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_sub", "verify_jti"), False)


def payload_of(token: bytes, step: ByToken, keys: Keys | None) -> Mapping[str, Any]:
    """What a token says, if it is by one of the keys, from whom and for whom it should be.

    Times are left to ``lasting``, since they pass. Raises Refused.
    """
    if len(token) > LARGEST:
        raise Refused(Reason.TOO_LARGE)
    if step.jwks is None:
        return _decoded(token, "", step, {"verify_signature": False})
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError):
        raise Refused(Reason.MALFORMED) from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in step.algorithms:
        raise Refused(Reason.ALGORITHM)
    if keys is None:
        raise Refused(Reason.NO_KEYS)
    candidates = keys.candidates(kid, algorithm)
    if not candidates:
        raise Refused(Reason.UNKNOWN_KEY)
    options = {**_NOT_LOOKED_AT, "verify_aud": bool(step.audiences), "verify_iss": bool(step.issuers)}
    for key in candidates[:-1]:
        try:
            return _decoded(token, key, step, options)
        except Refused as refused:
            if refused.reason is not Reason.SIGNATURE:
                raise
    return _decoded(token, candidates[-1], step, options)


def _decoded(token: bytes, key: Any, step: ByToken, options: dict[str, bool]) -> Mapping[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=list(step.algorithms),
            options=options,  # type: ignore[arg-type]
            issuer=step.issuers or None,
            audience=step.audiences or None,
        )
    except MissingRequiredClaimError as error:
        raise Refused(Reason.ISSUER if error.claim == "iss" else Reason.AUDIENCE) from None
    except PyJWTError as error:
        found = (reason for kind, reason in _REASONS if isinstance(error, kind))
        raise Refused(next(found, Reason.MALFORMED)) from None
    except (ValueError, TypeError, RecursionError):
        raise Refused(Reason.MALFORMED) from None


def claim_of(payload: Mapping[str, Any], name: str) -> str:
    """The claim that names the caller: a text, or a whole number. Raises Refused."""
    value = payload.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_CLAIM:
        raise Refused(Reason.NO_CLAIM)
    return value


def lasting(payload: Mapping[str, Any], now: float, leeway: float) -> float:
    """Until when a token is good, in seconds since the epoch (RFC 7519 section 4.1.4). Raises Refused."""
    begins, ends = _time(payload, "nbf"), _time(payload, "exp")
    if begins is not None and now < begins - leeway:
        raise Refused(Reason.NOT_YET)
    until = math.inf if ends is None else ends + leeway
    if now >= until:
        raise Refused(Reason.EXPIRED)
    return until


def _time(payload: Mapping[str, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(Reason.MALFORMED)
    try:
        if math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise Refused(Reason.MALFORMED)
