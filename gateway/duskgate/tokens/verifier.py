"""The tokens of one step: verified once, and remembered until they expire or the keys change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from duskgate.policy.callers import ByToken
from duskgate.tokens.keys import Keys
from duskgate.tokens.source import Source
from duskgate.tokens.verify import LARGEST, Reason, Refused, claim_of, lasting, payload_of

MOST_GOOD = 4096
MOST_BAD = 1024
"""Tokens kept in mind, by digests of 16 bytes. Bad ones are apart: a flood of them drives out no good one."""

_PASSING = frozenset((Reason.NO_KEYS, Reason.UNKNOWN_KEY, Reason.NOT_YET, Reason.TOO_LARGE))
"""Reasons that may be gone next time, or are cheap to find again."""

AUTHORIZATION = b"authorization"


class Verifier:
    """Reads the claim of a step off tokens."""

    def __init__(
        self,
        step: ByToken,
        source: Source | None,
        refused: Callable[[ByToken, Reason], None],
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """``refused`` hears of each token that names nobody; ``wake`` makes the source be looked at."""
        self.source = source
        self._step = step
        self._refused = refused
        self._wake = wake
        self._clock = clock
        self._keys: Keys | None = None
        self._good: dict[bytes, tuple[str, float]] = {}
        self._bad: dict[bytes, Reason] = {}

    def claim(self, value: bytes) -> str | None:
        """The claim in a header's value, ``None`` where there is no good token in it."""
        token = token_of(self._step.key, value)
        if token is None:
            return None
        try:
            return self._claim(token)
        except Refused as refused:
            self._refused(self._step, refused.reason)
            if refused.reason is Reason.UNKNOWN_KEY and self.source is not None and self.source.want():
                self._wake()
            return None

    def _claim(self, token: bytes) -> str:
        if len(token) > LARGEST:
            raise Refused(Reason.TOO_LARGE)
        keys = self.source.keys if self.source is not None else None
        if keys is not self._keys:
            self._keys, self._good, self._bad = keys, {}, {}
        mark = hashlib.blake2b(token, digest_size=16).digest()
        now = self._clock()
        known = self._good.get(mark)
        if known is not None and now < known[1]:
            return known[0]
        bad = self._bad.get(mark)
        if bad is not None:
            raise Refused(bad)
        try:
            claim, until = self._verified(token, keys, now)
        except Refused as refused:
            if refused.reason not in _PASSING:
                if len(self._bad) >= MOST_BAD:
                    self._bad = {}
                self._bad[mark] = refused.reason
            self._good.pop(mark, None)
            raise
        if len(self._good) >= MOST_GOOD:
            self._good = {}
        self._good[mark] = claim, until
        return claim

    def _verified(self, token: bytes, keys: Keys | None, now: float) -> tuple[str, float]:
        payload = payload_of(token, self._step, keys)
        until = lasting(payload, now, self._step.leeway) if self.source is not None else float("inf")
        return claim_of(payload, self._step.claim), until


def token_of(header: bytes, value: bytes) -> bytes | None:
    """The token in a header: behind ``Bearer`` (RFC 6750), which only ``Authorization`` must have."""
    if value[:7].lower() == b"bearer ":
        return value[7:].strip() or None
    return None if header == AUTHORIZATION else value.strip() or None
