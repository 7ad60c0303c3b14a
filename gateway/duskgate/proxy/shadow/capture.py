"""Keeping one request and its answer while they pass by, up to a bound and without holding them up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from duskgate.middleware.asgi import Message, Scope, Send
from duskgate.middleware.exchange import Exchange
from duskgate.policy.plan import Plan, Rule
from duskgate.policy.request import Header, Request
from duskgate.policy.shadow import Comparison, Shadow
from duskgate.proxy.shadow.content import DECODABLE, Answer
from duskgate.proxy.shadow.noise import Place
from duskgate.proxy.upstream.protocol import UpstreamRequest

EVENT_STREAM = "text/event-stream"
NOT_MODIFIED = 304


class Kept:
    """The pieces of a body, until they are too large."""

    __slots__ = ("_limit", "_pieces", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> bool:
        """Keep one more piece. Whether there was room for it."""
        self.size += len(piece)
        self._pieces.append(piece)
        return self.size <= self._limit

    def whole(self) -> bytes:
        """All of it."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class Sample(NamedTuple):
    """One sampled request: what was asked, what was decided, and the headers that its backend gets."""

    scope: Scope
    exchange: Exchange
    plan: Plan
    request: Request
    rule: Rule
    target: bytes
    shadow: Shadow
    headers: list[Header]

    @property
    def room(self) -> tuple[str, str]:
        """The api and the version."""
        return self.rule.api, self.rule.version

    @property
    def place(self) -> Place:
        """Where its result belongs."""
        return self.rule.api, self.rule.version, self.shadow.to, self.rule.endpoint


Over = Callable[["Capture", str | None], None]


class Capture:
    """A sampled request's content, as its backend reads it, and its answer, as its backend gives it.

    ``over`` is told once: with ``None`` when all is here, else with the reason why it is of no use.
    """

    __slots__ = ("_answer", "_body", "_length", "_over", "_read", "_sent", "sample")

    def __init__(self, sample: Sample, outgoing: UpstreamRequest, over: Over) -> None:
        self.sample = sample
        self._over: Over | None = over
        self._sent = Kept(sample.shadow.max_body)
        self._body = Kept(sample.shadow.max_body)
        self._answer = Answer(0, {}, b"")
        self._read = outgoing.body is None
        self._length = int(sample.request.fields.get(b"content-length", -1))
        if outgoing.body is not None:
            outgoing.body = self._passing(outgoing.body)

    async def _passing(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if self._over is not None and not self._sent.add(chunk):
                self.end("too-large")
            # a backend may answer now, and then nobody asks any more whether more comes
            self._read = self._sent.size == self._length
            yield chunk
        self._read = True

    def passing(self, send: Send) -> Send:
        """``send`` for the caller's answer, of which a copy is kept once the caller has it."""

        async def kept(message: Message) -> None:
            headers = message.get("headers", ())  # the notices are put on further out, and are not compared
            await send(message)
            if self._over is not None:
                self._note(message, headers)

        return kept

    def _note(self, message: Message, headers: Iterable[Header]) -> None:
        comparison = self.sample.shadow.compare
        if message["type"] == "http.response.start":
            if comparison is not None:
                self._answer = Answer(message["status"], chosen(headers, comparison), b"")
                reason = useless(self._answer)
                if reason is not None:
                    self.end(reason)
            return
        if comparison is not None and not self._body.add(message.get("body", b"")):
            self.end("too-large")
        elif not message.get("more_body", False):
            self.end(None if self._read and self.sample.exchange.failure is None else "unanswered")

    def end(self, reason: str | None) -> None:
        """Say that it is over, if that was not said yet."""
        over, self._over = self._over, None
        if over is not None:
            over(self, reason)

    def request_body(self) -> bytes:
        """The request's content."""
        return self._sent.whole()

    def answer(self) -> Answer:
        """The whole answer."""
        return self._answer._replace(body=self._body.whole())


def chosen(headers: Iterable[Header], comparison: Comparison) -> dict[str, str]:
    """The headers that comparing needs, lines of one name joined (RFC 9110 section 5.3)."""
    wanted = {"content-type", "content-encoding", *comparison.headers}
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.decode("latin-1")
        if name in wanted:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def useless(answer: Answer) -> str | None:
    """Why an answer with this head cannot be compared, if it cannot."""
    if answer.headers.get("content-type", "").lower().startswith(EVENT_STREAM):
        return "stream"
    if answer.headers.get("content-encoding", "").strip().lower() not in DECODABLE:
        return "encoded"
    return "not-modified" if answer.status == NOT_MODIFIED else None
