"""Counting what becomes of tokens and of the keys that verify them."""

from __future__ import annotations

from duskgate.usage.instruments import Instruments


class TokenMetrics:
    """Hears of tokens that name nobody, and of keys. Labels are the YAML's, and a fixed list of reasons."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def refused(self, way: str, reason: str) -> None:
        """A token named nobody."""
        self._instruments.tokens_refused.labels(way, reason).inc()

    def loaded(self, way: str, good: bool, keys: int) -> None:
        """Keys were read, or could not be; so many are in force."""
        self._instruments.token_key_loads.labels(way, "taken-over" if good else "rejected").inc()
        self._instruments.token_keys.labels(way).set(keys)
