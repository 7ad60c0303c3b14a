"""The callers' side: HTTP/1.1 and WebSockets in, ASGI behind. The mirror of ``duskgate.proxy.upstream``."""
