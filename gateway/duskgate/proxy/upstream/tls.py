"""TLS towards targets: verified always, with the system's certificates unless others are named."""

from __future__ import annotations

import ssl

from duskgate.policy.plan import Backend


def client_context(backend: Backend) -> ssl.SSLContext:
    """The context for a backend's https targets. Raises OSError (also ssl.SSLError) for unusable files."""
    context = ssl.create_default_context(cafile=backend.tls.ca)
    if backend.tls.cert is not None:
        context.load_cert_chain(backend.tls.cert, backend.tls.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
