"""Asking a provider that is far away: in threads, for so long and no longer, and not while it is ill.

A request waits until the deadline at most. Then it gets what the flag was last for its caller, else off.
After ``ENOUGH`` failures in a row requests wait no more: they get that at once, and a few evaluations go on
behind them until one succeeds in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from openfeature.evaluation_context import EvaluationContext

from duskgate.flags.client import Answer, Attributes, OnTold, failed
from duskgate.flags.evaluate import LONGEST, ignore
from duskgate.flags.health import Health
from duskgate.flags.set_up import SetUp
from duskgate.flags.threads import Threads
from duskgate.policy.identify import Who

THREADS = 8
MOST_WAITING = 256
"""Evaluations under way or waiting for a thread; further ones are not begun."""

ENOUGH = 3
PROBES = 2
"""Evaluations at once while the provider is ill."""

MOST_KNOWN = 10_000
"""Values kept, each for a flag and a caller."""

TIMEOUT, NOT_ASKED = "TIMEOUT", "NOT_ASKED"
"""Error codes beside OpenFeature's: the deadline passed; the provider is ill, or too many wait already."""

TROUBLE = frozenset(("PROVIDER_NOT_READY", "PROVIDER_FATAL", "PARSE_ERROR", "GENERAL"))
"""Codes that say something of the provider, and nothing of the flag."""

Answers = Mapping[str, Answer]


class FarFlags:
    """Evaluates flags by a provider that may be slow or gone. For one event loop."""

    def __init__(self, provider: SetUp, deadline: float, health: Health) -> None:
        """``deadline`` in seconds."""
        self._provider = provider
        self._deadline = deadline
        self._health = health
        self._threads = Threads(THREADS, "flags")
        self._known: dict[tuple[str, Who], Answer] = {}
        self._under_way = 0
        self._failures = 0
        self._failed_at = float("-inf")

    def evaluate(
        self, names: tuple[str, ...], who: Who, attributes: Attributes, told: OnTold = ignore
    ) -> dict[str, bool] | Awaitable[dict[str, bool]]:
        """Each flag's value for a caller, to be awaited if the provider is asked."""
        ill = self._failures >= ENOUGH or not self._provider.ready
        if self._under_way < (PROBES if ill else MOST_WAITING) and self._provider.ready:
            asked = self._ask(names, who, attributes())
            if not ill:
                return self._in_time(asked, names, who, told)
        return self._settle(names, who, {}, NOT_ASKED, told)

    async def _in_time(
        self, asked: asyncio.Future[Answers], names: tuple[str, ...], who: Who, told: OnTold
    ) -> dict[str, bool]:
        answers: Answers = {}
        try:
            async with asyncio.timeout(self._deadline):
                answers = await asked
        except TimeoutError:
            self._failed(f"no answer within {self._deadline * 1000:g} ms")
        return self._settle(names, who, answers, TIMEOUT, told)

    def _ask(
        self, names: tuple[str, ...], who: Who, attributes: Mapping[str, str]
    ) -> asyncio.Future[Answers]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Answers] = loop.create_future()
        latest = loop.time() + self._deadline
        self._under_way += 1

        def work() -> None:
            answers = self._provider.answers(names, EvaluationContext(who.targeting_key, attributes))
            try:
                loop.call_soon_threadsafe(finished, answers)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        def finished(answers: Answers) -> None:
            self._under_way -= 1
            self._note(answers, who, in_time=loop.time() <= latest)
            if not asked.done():
                asked.set_result(answers)

        self._threads.submit(work)
        return asked

    def _note(self, answers: Answers, who: Who, *, in_time: bool) -> None:
        for name, answer in answers.items():
            if answer.error is None:
                self._remember(name, who, answer)
        trouble = next((one for one in answers.values() if one.error in TROUBLE), None)
        if trouble is not None:
            self._failed(f"{trouble.error}: {trouble.reason}")
        elif in_time:
            self._failures = 0
            self._health.well()

    def _remember(self, name: str, who: Who, answer: Answer) -> None:
        if len(who.targeting_key or "") > LONGEST:
            return
        self._known.pop((name, who), None)  # to the end: the one not heard of for the longest goes first
        self._known[name, who] = answer
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _failed(self, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._failed_at < self._deadline:
            return  # many that wait at once do not count for more than one
        self._failed_at = now
        self._failures += 1
        if self._failures >= ENOUGH:
            self._health.ill(reason)

    def _settle(
        self, names: tuple[str, ...], who: Who, answers: Answers, otherwise: str, told: OnTold
    ) -> dict[str, bool]:
        """What counts for the request: the answers, and what was known before where they are missing."""
        values = {}
        for name in names:
            answer = answers.get(name) or failed(otherwise)
            if answer.error in TROUBLE or answer.error == otherwise:
                known = self._known.get((name, who))
                if known is not None:
                    answer = Answer(known.value, f"{answer.variant}:{known.variant}")
            told(name, answer.variant)
            values[name] = answer.value
        return values
