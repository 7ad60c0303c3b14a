"""The caller's request body as a stream that a transport can read, with the limits that apply to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from duskgate.middleware.asgi import Message, Receive, Scope


class ClientGone(Exception):
    """The caller hung up, or broke off in the middle of the body."""


class BodyTooLarge(Exception):
    """The body is larger than ``server.max_request_body``: 413."""


class RequestBody:
    """Reads ``receive`` chunk by chunk, on demand: what the backend does not take is not read.

    ``ended`` says whether the body was read to its end; only then may ``receive`` be used for something else.
    """

    def __init__(self, scope: Scope, receive: Receive, limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self.ended = False
        self.declared = _declared(scope)

    @property
    def too_large(self) -> bool:
        """Whether the declared length alone is over the limit."""
        return self._limit is not None and self.declared is not None and self.declared > self._limit

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises ClientGone or BodyTooLarge, so that it never looks complete when it is not."""
        while not self.ended:
            chunk = self._take(await self._receive())
            if chunk:
                yield chunk

    def _take(self, message: Message) -> bytes:
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        self._size += len(chunk)
        if self._limit is not None and self._size > self._limit:
            raise BodyTooLarge
        self.ended = not message.get("more_body", False)
        return chunk


def _declared(scope: Scope) -> int | None:
    """The length a request announces: 0 for no body at all, ``None`` for one of unknown length."""
    length = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    if length is not None:
        return length
    return 0 if scope["http_version"] in ("1", "1.0", "1.1") else None
