"""The whole way of a sampled request: kept while it passes, copied, compared, counted.

Its caller has the whole answer before any of that begins.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from time import monotonic, perf_counter
from typing import Protocol

from duskgate.middleware.asgi import Scope, Send
from duskgate.middleware.clock import Clock
from duskgate.middleware.exchange import Exchange
from duskgate.policy.copies import Uncopied, copy_of
from duskgate.policy.decision import Forward
from duskgate.policy.shadow import Comparison, Shadow
from duskgate.proxy.headers import RequestHeaders
from duskgate.proxy.shadow.capture import Capture, Sample
from duskgate.proxy.shadow.content import Answer, Incomparable, identical
from duskgate.proxy.shadow.copying import CopyFailed, ask, copied
from duskgate.proxy.shadow.noise import Place, Verdict
from duskgate.proxy.shadow.process import ComparerGone
from duskgate.proxy.shadow.sampling import Limits, may_be_copied, too_large
from duskgate.proxy.shadow.wire import Reply
from duskgate.proxy.upstream.protocol import Upstream, UpstreamRequest

logger = logging.getLogger("duskgate")


class Judge(Protocol):
    """Compares answers and keeps results: see ``ComparerProcess``."""

    async def judge(
        self, place: Place, comparison: Comparison, limit: int, answers: Sequence[Answer]
    ) -> Reply: ...

    async def note(self, place: Place, comparison: Comparison, outcome: Verdict) -> None: ...

    async def aclose(self) -> None: ...


class Observer(Protocol):
    """Hears what comes of sampled requests. Must not block."""

    def dropped(self, api: str, version: str, reason: str) -> None: ...

    def judged(self, place: Place, verdict: str, kinds: Sequence[str]) -> None: ...

    def took(self, api: str, shadow: str, seconds: float) -> None: ...


class Shadows:
    """Takes samples, and looks after them until they are judged."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        headers: RequestHeaders,
        judge: Judge,
        observer: Observer,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``chance`` gives a number from 0 up to, but not including, 1."""
        self._upstreams = upstreams
        self._headers = headers
        self._judge = judge
        self._observer = observer
        self._clock = clock
        self._chance = chance
        self._limits = Limits(monotonic)
        self._tasks: set[asyncio.Task[None]] = set()

    def beside(self, scope: Scope, exchange: Exchange, outgoing: UpstreamRequest, send: Send) -> Send:
        """``send`` for a request that is about to be forwarded; if it is sampled, one that looks on.

        A rehearsal is never sampled: it says nothing of what is so now.
        """
        decision, request, plan = exchange.decision, exchange.request, exchange.plan
        if not isinstance(decision, Forward) or request is None or plan is None or exchange.at is not None:
            return send
        request = decision.renamed or request
        rule = decision.rule
        shadow = rule.shadow
        if shadow is None or self._chance() >= shadow.share or not may_be_copied(plan, request, shadow):
            return send
        room = rule.api, rule.version
        reason = "too-large" if too_large(request, shadow) else self._limits.enter(room, shadow)
        if reason is not None:
            self._observer.dropped(*room, reason)
            return send
        sample = Sample(scope, exchange, plan, request, rule, decision.target, shadow, outgoing.headers)
        capture = Capture(sample, outgoing, self._over)
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: capture.end("unanswered"))
        return capture.passing(send)

    def _over(self, capture: Capture, reason: str | None) -> None:
        if reason is None:
            task = asyncio.get_running_loop().create_task(self._follow(capture))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._limits.leave(capture.sample.room)
            self._observer.dropped(*capture.sample.room, reason)

    async def _follow(self, capture: Capture) -> None:
        room = capture.sample.room
        try:
            await self._shadow(capture.sample, capture.request_body(), capture.answer())
        except Incomparable as error:
            self._observer.dropped(*room, error.reason)
        except ComparerGone:
            self._observer.dropped(*room, "comparer")
        except Exception as error:
            logger.error("shadow: a fault of the gateway: %r", error, exc_info=error)
            self._observer.dropped(*room, "fault")
        finally:
            self._limits.leave(room)

    async def _shadow(self, sample: Sample, body: bytes, old: Answer) -> None:
        comparison = sample.shadow.compare
        try:
            new = await self._copy(sample, body)
        except CopyFailed:
            await self._noted(sample, Verdict.FAILED)
            return
        if comparison is None:
            await self._noted(sample, Verdict.SENT)
        elif identical(old, new, comparison):
            await self._noted(sample, Verdict.EQUAL)
        else:
            await self._judged(sample, body, comparison, (old, new))

    async def _noted(self, sample: Sample, outcome: Verdict) -> None:
        if sample.shadow.compare is not None:
            await self._judge.note(sample.place, sample.shadow.compare, outcome)
        self._observer.judged(sample.place, outcome.value, ())

    async def _judged(
        self, sample: Sample, body: bytes, comparison: Comparison, answers: tuple[Answer, Answer]
    ) -> None:
        """Have two answers judged; if there is doubt, with another one of the old version's."""
        limit = sample.shadow.max_body
        reply = await self._judge.judge(sample.place, comparison, limit, answers)
        if reply.verdict is Verdict.DOUBTFUL:
            again = copied(sample.request.method, sample.target, sample.headers, body)
            try:
                own = await self._ask(sample.rule.backend, again, sample.shadow)
            except (CopyFailed, Incomparable):
                await self._noted(sample, Verdict.UNDECIDED)
                return
            reply = await self._judge.judge(sample.place, comparison, limit, (*answers, own))
        if reply.verdict is None:
            raise Incomparable(reply.reason)
        self._observer.judged(sample.place, reply.verdict.value, [kind.value for kind in reply.kinds])

    async def _copy(self, sample: Sample, body: bytes) -> Answer:
        """The shadow version's answer."""
        plan, request, shadow = sample.plan, sample.request, sample.shadow
        copy = copy_of(plan, request, sample.rule, shadow, self._clock())
        if isinstance(copy, Uncopied):
            raise Incomparable(copy.value)
        headers = self._headers.for_backend(sample.scope, copy.request, plan, sample.rule.hidden)
        started = perf_counter()
        answer = await self._ask(copy.backend, copied(request.method, copy.target, headers, body), shadow)
        self._observer.took(sample.rule.api, shadow.to, perf_counter() - started)
        return answer

    async def _ask(self, backend: str, request: UpstreamRequest, shadow: Shadow) -> Answer:
        upstream = self._upstreams.get(backend)
        if upstream is None:
            raise Incomparable("unavailable")  # a reload took it away meanwhile
        if upstream.crowded:
            raise Incomparable("crowded")
        return await ask(upstream, request, shadow.compare, shadow.max_body, shadow.timeout)

    async def aclose(self) -> None:
        """Give up what is under way, and let what is known be written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._judge.aclose()
