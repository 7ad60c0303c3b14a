"""The six response headers that every proxy adds, and the request that has them."""

from __future__ import annotations

API_KEY = "demo-acme"
GUIDE = "https://docs.example.com/migrate-to-v2"
PATH = "/api/v1/users/42"

NOTICES = (
    ("Deprecation", "@1772323200"),
    ("Sunset", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ("Link", f'<{GUIDE}>; rel="deprecation"'),
    ("Link", f'<{GUIDE}>; rel="sunset"'),
    ("Link", '</api/v2/users/42>; rel="successor-version"'),
    ("Vary", "Api-Version"),
)
"""What Duskgate works out for ``PATH``. The others send it as it stands here."""
