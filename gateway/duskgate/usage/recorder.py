"""Counting in memory, folded into the shared metrics in batches.

Touching prometheus-client's shared values costs microseconds each; a dict costs a tenth of that. So a
request only adds to dicts, and the first one after a fold schedules the next. A killed worker loses at most
what came in ``FOLD_SECONDS``.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence, Set
from typing import Protocol

from prometheus_client import Counter

from duskgate.middleware.asgi import Scope
from duskgate.middleware.exchange import Exchange
from duskgate.policy.decision import (
    Brownout,
    Forward,
    Frozen,
    Gone,
    Moved,
    Removed,
    Ruled,
    UnknownVersion,
    VersionConflict,
)
from duskgate.policy.identify import ANONYMOUS
from duskgate.policy.lifecycle import Phase
from duskgate.policy.rollout import Choice
from duskgate.usage.consumers import ConsumerLabels
from duskgate.usage.guarded import result
from duskgate.usage.instruments import BUCKETS, FINE_BUCKETS, FoldedHistogram, Instruments
from duskgate.usage.shared_names import SharedNames
from duskgate.usage.variants import VariantLabels

FOLD_SECONDS = 0.1
NONE = "none"
"""The label value where there is nothing to name: no api matched, no version was chosen."""

Key = tuple[str, ...]
Place = tuple[str, str, str, str]
"""api, endpoint, version, phase"""


class Log(Protocol):
    """Writes a line for a finished request, at the latest when told to flush."""

    def __call__(self, scope: Scope, exchange: Exchange, seconds: float, place: Place) -> None: ...

    def flush(self) -> None: ...


class Keeper(Protocol):
    """Counts finished requests for the ledger, and hands on what it has when told to fold."""

    def add(self, place: Place, outcome: str, status: int, consumer: str, agent: bytes | None, /) -> None: ...

    def fold(self) -> None: ...


_CODES = {status: str(status) for status in range(100, 600)}
_PHASES = {Gone: Phase.SUNSET.value, Moved: Phase.SUNSET.value, Removed: Phase.REMOVED.value}
_REASONS = {
    Gone: "sunset",
    Moved: "sunset",
    Removed: "removed",
    Brownout: "brownout",
    Frozen: "frozen",
}


def place_of(exchange: Exchange) -> Place:
    """Where a request landed: labels from the YAML only, never from the request."""
    decision = exchange.decision
    if isinstance(decision, (Forward, Brownout, Frozen)):
        rule = decision.rule
        return rule.api, rule.endpoint, rule.version, decision.phase.value
    if isinstance(decision, (Gone, Moved, Removed)):
        rule = decision.rule
        return rule.api, rule.endpoint, rule.version, _PHASES[type(decision)]
    if isinstance(decision, (UnknownVersion, VersionConflict)):
        return decision.api, NONE, NONE, NONE
    return NONE, NONE, NONE, NONE


class Entry:
    """The finished requests of one kind since the last fold: how long each took, and its backend."""

    __slots__ = ("seconds", "upstream")

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.upstream: list[float] = []


class WorkerRecorder:
    """Records finished requests. ``log`` writes access log lines, ``ledger`` keeps books, if wanted.

    ``names`` are the labels that the gateway's workers have given to what the YAML does not name.
    ``guarded`` says which versions (api, version) a guard looks at by now.
    """

    def __init__(
        self,
        instruments: Instruments,
        log: Log | None = None,
        ledger: Keeper | None = None,
        names: SharedNames | None = None,
        guarded: Callable[[], Set[tuple[str, str]]] = frozenset,
    ) -> None:
        names = names or SharedNames()
        self._guarded = guarded
        self._instruments = instruments
        self._log = log
        self._ledger = ledger
        self._consumers = ConsumerLabels(names)
        self._variants = VariantLabels(names)
        self._requests: dict[Key, Entry] = {}
        self._deprecated: dict[Key, int] = {}
        self._refused: dict[Key, int] = {}
        self._spared: dict[Key, int] = {}
        self._rollout: dict[Key, int] = {}
        self._choices: dict[Key, int] = {}
        self._flag_errors: dict[Key, int] = {}
        self._children: dict[tuple[int, Key], Counter] = {}
        self._scheduled: asyncio.TimerHandle | None = None

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        place = place_of(exchange)
        key = (*place, exchange.outcome, _CODES.get(exchange.status, NONE))
        entry = self._requests.get(key)
        if entry is None:
            entry = self._requests[key] = Entry()
        entry.seconds.append(seconds)
        if exchange.upstream_seconds is not None:
            entry.upstream.append(exchange.upstream_seconds)
        if exchange.at is None and exchange.answered_by is None:
            self._count(exchange, place)
        if self._log is not None:
            self._log(scope, exchange, seconds, place)
        if self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_later(FOLD_SECONDS, self.fold)

    def _count(self, exchange: Exchange, place: Place) -> None:
        """What counts as use: everything but rehearsals and what the gateway serves itself."""
        decision = exchange.decision
        if isinstance(decision, Forward):
            if decision.marks.told or decision.newcomer:
                self._count_ending(decision, (*place[:3], self._consumer(exchange)))
        elif type(decision) in _REASONS:
            refused = (*place[:3], self._consumer(exchange), _REASONS[type(decision)])
            self._refused[refused] = self._refused.get(refused, 0) + 1
        for flag, variant in exchange.flags:
            self._count_flag(place[0], flag, variant)
        if isinstance(decision, Ruled) and decision.rollout is not None:
            self._count_choice(place[0], decision.rollout)
        if self._ledger is not None:
            request = exchange.request
            agent = request.fields.get(b"user-agent") if request is not None else None
            self._ledger.add(place, exchange.outcome, exchange.status, exchange.who.label, agent)

    def _count_ending(self, decision: Forward, key: Key) -> None:
        if decision.marks.told:
            self._deprecated[key] = self._deprecated.get(key, 0) + 1
        if decision.newcomer:
            spared = (*key, "frozen")
            self._spared[spared] = self._spared.get(spared, 0) + 1

    def _consumer(self, exchange: Exchange) -> str:
        who = exchange.who
        if who.consumer is not None or who is ANONYMOUS:
            return who.label
        return self._consumers.label(who.label)

    def _count_flag(self, api: str, flag: str, variant: str) -> None:
        if variant.startswith("error:"):
            _, error, variant = f"{variant}:".split(":", 2)
            failed = (flag, error)
            self._flag_errors[failed] = self._flag_errors.get(failed, 0) + 1
            variant = variant.removesuffix(":")
        label = self._variants.label(flag, variant) if variant else "error"
        key = (api, flag, label)
        self._rollout[key] = self._rollout.get(key, 0) + 1

    def _count_choice(self, api: str, choice: Choice) -> None:
        key = (api, choice.version, choice.to, "yes" if choice.moved else "no", choice.why.value)
        self._choices[key] = self._choices.get(key, 0) + 1

    def fold(self) -> None:
        """Move everything counted so far into the shared metrics."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if self._log is not None:
            self._log.flush()
        if self._ledger is not None:
            self._ledger.fold()
        metrics, guarded = self._instruments, self._guarded()
        for key, entry in self._requests.items():
            version = key[0], key[2]
            self._child(metrics.requests, key).inc(len(entry.seconds))
            _fold_times(metrics.duration, version, entry.seconds)
            _fold_times(metrics.upstream, version, entry.upstream)
            if version in guarded and (ended := result(key[4], key[5])) is not None:
                _fold_times(metrics.guarded, (*version, ended), entry.upstream, FINE_BUCKETS)
        self._requests.clear()
        for metric, tally in (
            (metrics.deprecated, self._deprecated),
            (metrics.refused, self._refused),
            (metrics.spared, self._spared),
            (metrics.rollout, self._rollout),
            (metrics.choices, self._choices),
            (metrics.flag_errors, self._flag_errors),
        ):
            for key, number in tally.items():
                self._child(metric, key).inc(number)
            tally.clear()

    def _child(self, metric: Counter, key: Key) -> Counter:
        found = self._children.get((id(metric), key))
        if found is None:
            found = self._children[id(metric), key] = metric.labels(*key)
        return found


def _fold_times(
    metric: FoldedHistogram, key: Key, values: list[float], bounds: Sequence[float] = BUCKETS
) -> None:
    if values:
        counts = [0] * (len(bounds) + 1)
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        metric.labels(*key).fold(counts, sum(values))
