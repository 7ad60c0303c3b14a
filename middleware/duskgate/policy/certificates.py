"""What a proxy says of a client certificate, in the form of Envoy's ``X-Forwarded-Client-Cert``."""

from __future__ import annotations

import re

HEADER = b"x-forwarded-client-cert"
FIELDS = ("Hash", "Subject", "URI", "DNS")
"""Those that can name a caller."""

LONGEST = 16_384
"""Bytes of a header that is looked at: certificates themselves may stand in it."""

_PAIR = re.compile(rb'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"]*))([;,]|$)')


def field_of(value: bytes, field: bytes) -> bytes | None:
    """A field of the last element: that of the hop nearest to us. The first one, where there are several.

    ``None`` where there is none, or where the header is not written as it should be.
    """
    if len(value) > LONGEST:
        return None
    found: bytes | None = None
    at = 0
    while at < len(value):
        match = _PAIR.match(value, at)
        if match is None:
            return None
        if found is None and match[1].lower() == field.lower():
            found = match[3] if match[2] is None else re.sub(rb"\\(.)", rb"\1", match[2])
        at = match.end()
        if match[4] == b"," and at < len(value):
            found = None
        while value[at : at + 1] == b" ":
            at += 1
    return found
