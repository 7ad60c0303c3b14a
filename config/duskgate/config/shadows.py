"""A version's shadow, from the document's to the Plan's."""

from __future__ import annotations

from duskgate.config import models
from duskgate.policy.shadow import Comparison, Shadow
from duskgate.policy.trie import Trie, parse_template


def compiled(shadow: models.Shadow, parts: tuple[bytes | int, ...] | None) -> Shadow:
    """``parts``: the resource's path in the other version, where it differs."""
    return Shadow(
        to=shadow.to,
        share=shadow.sample / 100,
        compare=_comparison(shadow) if shadow.compare else None,
        concurrency=shadow.concurrency,
        rate=shadow.rate,
        max_body=shadow.max_body or 0,
        timeout=shadow.timeout / 1000,
        idempotent=_idempotent(shadow),
        parts=parts,
    )


def _comparison(shadow: models.Shadow) -> Comparison:
    return Comparison(
        headers=tuple(name.lower() for name in shadow.headers),
        ignore=tuple(shadow.ignore),
        unordered=tuple(shadow.unordered),
        tolerance=tuple(shadow.tolerance.items()),
        values=shadow.values,
    )


def _idempotent(shadow: models.Shadow) -> Trie[bool] | None:
    if not shadow.idempotent:
        return None
    trie: Trie[bool] = Trie()
    for item in shadow.idempotent:
        trie.add(parse_template(item.path), frozenset(item.methods), True)
    return trie
