"""What a caller may ask of a connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection; sizes in bytes, times in seconds.

    ``head_seconds`` is how long a request's head may take from its first byte on, and a new connection until
    that; ``idle_seconds`` how long a connection is kept between two requests, and ``linger_seconds`` how long
    what is left of a body is thrown away behind an answer that did not wait for it, and how long a caller may
    take nothing of what is left of a complete answer.
    """

    target: int = 64 * 1024
    head: int = 128 * 1024
    headers: int = 200
    pipelined: int = 512
    unread: int = 256 * 1024
    head_seconds: float = 15.0
    idle_seconds: float = 75.0
    linger_seconds: float = 5.0


SLICE = 8 * 1024
"""Bytes given to the parser at once while heads are read: it cannot be stopped in the middle, and what it
finds is kept until its turn comes."""
