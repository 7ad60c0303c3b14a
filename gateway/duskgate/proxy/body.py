"""The caller's request body as a stream that a transport can read, with the limits that apply to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from duskgate.middleware.asgi import Message, Receive


class ClientGone(Exception):
    """The caller hung up, or broke off in the middle of the body."""


class BodyTooLarge(Exception):
    """The body is larger than ``server.max_request_body``: 413."""


class RequestBody:
    """Reads ``receive`` chunk by chunk, on demand: what the backend does not take is not read.

    ``ended`` says whether the body was read to its end; only then may ``receive`` be used for something else.
    """

    __slots__ = ("_first", "_limit", "_receive", "_size", "declared", "ended", "unknown")

    def __init__(self, receive: Receive, limit: int | None, declared: int | None, *, unknown: bool) -> None:
        """``declared`` is the length that the head announces, ``None`` for one of unknown length.

        ``unknown``: the head does not even say whether there is a body.
        """
        self._receive = receive
        self._limit = limit
        self._size = 0
        self.declared = declared
        self.ended = declared == 0
        self.unknown = unknown
        self._first = b""

    @property
    def too_large(self) -> bool:
        """Whether the declared length alone is over the limit."""
        return self._limit is not None and self.declared is not None and self.declared > self._limit

    @property
    def has_content(self) -> bool:
        """Whether there is anything to send on."""
        return not self.ended or bool(self._first)

    async def look(self) -> None:
        """Find out whether there is a body at all, where the head does not say: HTTP/2, RFC 9113 section 8.1.

        Raises what ``chunks`` raises.
        """
        self._first = self._take(await self._receive())

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises ClientGone or BodyTooLarge, so that it never looks complete when it is not."""
        if self._first:
            yield self._first
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
        if self.ended and self.declared is not None and self._size != self.declared:
            raise ClientGone  # a backend would take the next request for what is missing
        return chunk


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


NO_BODY = RequestBody(_nothing, None, 0, unknown=False)
"""The body of every request that has none."""


def request_body(
    fields: Mapping[bytes, bytes], version: str, receive: Receive, limit: int | None
) -> RequestBody:
    """The body of a request, by the framing in its head: RFC 9112 section 6.3, and 9113 section 8.1."""
    length = fields.get(b"content-length")
    if length is not None:
        return RequestBody(receive, limit, int(length), unknown=False)
    if b"transfer-encoding" in fields:
        return RequestBody(receive, limit, None, unknown=False)
    if version in _HTTP_1:
        return NO_BODY
    return RequestBody(receive, limit, None, unknown=True)


_HTTP_1 = frozenset(("1.1", "1.0", "1"))
