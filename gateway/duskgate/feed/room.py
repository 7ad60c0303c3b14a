"""The feed's place in the stack."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from duskgate.feed.feed import Busy, Document, Feed
from duskgate.feed.forms import PERSONAL, Asked, Form, below
from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, answer
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.middleware.problems import Problem, new_reference, render
from duskgate.policy.identify import ANONYMOUS
from duskgate.policy.plan import Plan
from duskgate.policy.request import Header, Request

FEED = "feed"
"""The outcome of a request that the feed answered."""

_NO_STORE: Header = (b"cache-control", b"no-store")
_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
_NO_REFERRER: Header = (b"referrer-policy", b"no-referrer")


class FeedMiddleware:
    """Answers requests for the feed's path and passes all others on, at the cost of one comparison.

    Needs ``RequestCheckMiddleware`` outside it.
    """

    def __init__(self, app: ASGIApp, feed: Feed, clock: Clock = system_clock) -> None:
        self.app = app
        self.feed = feed
        self.clock = clock
        self.path = feed.settings.path

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # not a coroutine itself: a request for an api would have to pass through one more
        if scope["path"].startswith(self.path):
            return self._look(scope, receive, send)
        return self.app(scope, receive, send)

    async def _look(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        plan, request = exchange.plan, exchange.request
        if plan is None or request is None:
            raise RuntimeError("FeedMiddleware needs IdentityMiddleware outside it")
        rest = below(self.path, request.path)
        if rest is None:
            await self.app(scope, receive, send)
            return
        exchange.answered_by = FEED
        now = self.clock() if exchange.at is None else exchange.at
        await _Answer(self.feed, scope, send, exchange, plan, request).give(rest, now)


class _Answer:
    """Answers one request for the feed."""

    def __init__(
        self, feed: Feed, scope: Scope, send: Send, exchange: Exchange, plan: Plan, request: Request
    ) -> None:
        self.feed = feed
        self.scope = scope
        self.send = send
        self.exchange = exchange
        self.plan = plan
        self.request = request

    async def give(self, rest: str, now: int) -> None:
        """``rest`` is the path behind the feed's, ``now`` in ms."""
        asked = Asked(rest, self.request)
        if asked.form is None or self.scope["type"] != "http":
            await self._refuse(self._unknown())
        elif self.request.method not in ("GET", "HEAD"):
            await self._refuse(_NOT_ALLOWED)
        elif asked.mine:
            await self._mine(asked, asked.form, now)
        else:
            await self._document(asked, asked.form, now)

    async def _document(self, asked: Asked, form: Form, now: int) -> None:
        make = self.feed.document if self.exchange.at is None else self.feed.rehearsed
        document = await make(self.plan, now, form)
        headers = [*_kept_for(document, now), *_vary(asked, ())]
        if _has(self.request, document.tag):
            await self._respond(304, headers, None)
        else:
            await self._respond(200, [*_described(form), *headers], document.body)

    async def _mine(self, asked: Asked, form: Form, now: int) -> None:
        names = self.plan.identity.sent
        if not self.plan.identity.callers:
            await self._refuse(_NOBODY)
            return
        vary = _vary(asked, names)
        if self.exchange.who.label == ANONYMOUS.label:
            await self._refuse(_unidentified(names, vary))
            return
        try:
            rehearsed = self.exchange.at is not None
            body = await self.feed.mine(self.plan, now, form, self.exchange.who, rehearsed=rehearsed)
        except Busy:
            await self._refuse(_OVERLOADED)
            return
        kept = (b"cache-control", b"private, no-store")
        await self._respond(200, [*_described(form), kept, *vary], body)

    async def _respond(self, status: int, headers: Sequence[Header], body: bytes | None) -> None:
        """``body``: ``None`` where there is none by the status. A HEAD is told the length only."""
        length = [] if body is None else [(b"content-length", str(len(body)).encode())]
        content = body or b""
        if self.request.method == "HEAD":
            content = b""
        await self.send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await self.send({"type": "http.response.body", "body": content})

    async def _refuse(self, problem: Problem) -> None:
        reference = self.exchange.reference = new_reference()
        status, headers, body = render(problem, self.request, self.plan.problem_base, reference)
        if self.scope["type"] == "http":
            await self._respond(status, headers, body)
        else:
            await answer(self.scope, self.send, status, headers, body)

    def _unknown(self) -> Problem:
        path = self.feed.settings.path
        known = [path + form.suffix for form in Form] + [f"{path}/me{form.suffix}" for form in PERSONAL]
        detail = f"The feed has no such form. There are: {', '.join([path, f'{path}/me', *known])}."
        return Problem(404, "not-found", "Not found", detail)


def _described(form: Form) -> list[Header]:
    headers = [(b"content-type", form.media_type.encode()), _NOSNIFF]
    if form is not Form.HTML:
        return headers
    from duskgate.feed.as_html import POLICY

    return [*headers, (b"content-security-policy", POLICY.encode()), _NO_REFERRER]


def _kept_for(document: Document, now: int) -> list[Header]:
    age = document.max_age(now)
    kept = f"public, max-age={age}" if age else "no-cache"
    return [(b"etag", document.tag), (b"cache-control", kept.encode())]


def _vary(asked: Asked, names: Sequence[str]) -> list[Header]:
    varying = [*(["Accept"] if asked.negotiated else []), *names]
    return [(b"vary", ", ".join(varying).encode("latin-1"))] if varying else []


def _has(request: Request, tag: bytes) -> bool:
    """Whether the caller has the document already: ``If-None-Match``, RFC 9110 section 13.1.2."""
    given = b",".join(request.values(b"if-none-match"))
    tags = {one.strip().removeprefix(b"W/") for one in given.split(b",")}
    return tag in tags or b"*" in tags


_NOT_ALLOWED = Problem(
    405,
    "method-not-allowed",
    "Method not allowed",
    "The feed can be read only: GET or HEAD.",
    headers=(_NO_STORE, (b"allow", b"GET, HEAD")),
)

_NOBODY = Problem(404, "not-found", "Not found", "This gateway does not tell callers apart.")

_OVERLOADED = Problem(
    503,
    "overloaded",
    "Overloaded",
    "Too many callers ask for their own page at this moment.",
    headers=(_NO_STORE, (b"retry-after", b"1")),
)


def _unidentified(names: Sequence[str], vary: Sequence[Header]) -> Problem:
    """Which headers name a caller; the challenge is one, since a 401 needs one (RFC 9110 section 15.5.2).

    There are none where only certificates or addresses do.
    """
    either = " or ".join(names)
    what = f"Send what names you to the api: {either}." if names else "Nothing in this request names you."
    return Problem(
        401,
        "unidentified",
        "Who is calling?",
        f"This page is about one caller. {what}",
        {"headers": list(names)},
        (_NO_STORE, *vary, (b"www-authenticate", f'Header names="{" ".join(names)}"'.encode("latin-1"))),
    )
