"""The product that a ``User-Agent`` names first: a hint at what program a caller is."""

from __future__ import annotations

import re

NO_AGENT = "none"
"""For a request without a User-Agent, or with one that names no product."""

_PRODUCT = re.compile(rb"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,31})(?=[/\s(;,]|$)")
REMEMBERED = 2048
LONGEST = 256
"""Values kept in mind, so that a product is not looked for in every request, and the bytes of the longest
one that is."""


class Agents:
    """Reads products, RFC 9110 section 10.1.5, without their versions."""

    def __init__(self) -> None:
        self._known: dict[bytes | None, str] = {None: NO_AGENT}

    def product(self, value: bytes | None) -> str:
        """``curl`` for ``curl/8.5.0``. What is no product's name, or is longer than 32 bytes, is none."""
        found = self._known.get(value)
        if found is None:
            found = product(value or b"")
            if value is not None and len(value) <= LONGEST:
                if len(self._known) >= REMEMBERED:
                    self._known = {None: NO_AGENT}
                self._known[value] = found
        return found


def product(value: bytes) -> str:
    """The first product of a User-Agent."""
    match = _PRODUCT.match(value[:LONGEST])
    return match[1].decode("ascii") if match is not None else NO_AGENT
