"""What is declared of a version's shadow: another version that gets copies of its requests."""

from __future__ import annotations

from dataclasses import dataclass

from duskgate.policy.trie import Trie

MARKER = b"duskgate-shadow"
"""The header that tells a backend that nobody waits for the answer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two answers are compared, all as it is written in the YAML.

    ``headers`` are compared besides status and content. ``ignore``, ``unordered`` and ``tolerance`` go by
    field paths; a tolerance is a number, or with ``%`` a share of the larger value. ``values``: examples of
    what differs may be kept.
    """

    headers: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    tolerance: tuple[tuple[str, str], ...] = ()
    values: bool = False


@dataclass(frozen=True, slots=True)
class Shadow:
    """Copying a share of a version's requests to another version.

    ``share`` is 0 to 1, ``rate`` the most copies a second and ``concurrency`` the most at once, each in one
    worker. ``max_body`` bounds every body that is kept, in bytes; ``timeout`` a copy's whole exchange, in
    seconds. ``idempotent`` has the endpoints whose unsafe methods may be copied too. ``parts`` is the
    resource's path where the other version has it elsewhere: see ``Successor``.
    """

    to: str
    share: float
    compare: Comparison | None
    concurrency: int
    rate: int
    max_body: int
    timeout: float
    idempotent: Trie[bool] | None = None
    parts: tuple[bytes | int, ...] | None = None
