"""One measurement: a proxy's CPU time a request while the load stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.backend import Backend
from tests.bench.ready import CannotMeasure
from tests.bench.tree import core_seconds, cpu_seconds
from tests.bench.wrk import Load

WARM_UP_SECONDS = 0.5
MOST_WARM_UP_SECONDS = 5.0
TURNS = 3
QUIET = 0.1
"""The share of other work up to which a measurement counts as undisturbed."""
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Sample:
    """What was seen between two looks at a proxy under load.

    ``errors`` counts failed requests from first to last, warm-up included. ``others`` is the
    share of its core's work that was for anything but the proxy.
    """

    requests: int
    cpu_seconds: float
    errors: int
    others: float

    @property
    def sound(self) -> bool:
        """Whether there is anything to divide, and to divide by."""
        return self.requests > 0 and self.cpu_seconds > 0

    @property
    def micros(self) -> float:
        """CPU time a request, in microseconds."""
        return self.cpu_seconds / self.requests * 1e6


@dataclass(frozen=True)
class Look:
    """The counters at one moment."""

    requests: int
    cpu: float
    core: float


def look(root: int, core: int, backend: Backend) -> Look:
    return Look(backend.requests(), cpu_seconds(root), core_seconds(core))


def between(first: Look, last: Look, errors: int) -> Sample:
    """What happened from one look to the other; the second look's own request at the backend is left out."""
    requests = last.requests - first.requests - 1
    cpu = last.cpu - first.cpu
    busy = max(last.core - first.core, cpu)
    return Sample(requests, cpu, errors, 1 - cpu / busy if busy else 0.0)


@dataclass
class Patience:
    """How many disturbed measurements may still be repeated, so that a run ends on a busy machine too."""

    left: int

    def again(self) -> bool:
        """Use one up, if there is one."""
        self.left -= 1
        return self.left >= 0


def quietest(attempt: Callable[[], Sample], patience: Patience) -> Sample:
    """Measure again while other work disturbs; what was disturbed least counts, whatever its figure is.

    Raises CannotMeasure if no attempt saw the proxy work.
    """
    samples: list[Sample] = []
    for _ in range(MOST_ATTEMPTS):
        samples.append(attempt())
        if samples[-1].sound and (samples[-1].others <= QUIET or not patience.again()):
            break
    sound = [sample for sample in samples if sample.sound]
    if not sound:
        raise CannotMeasure("the proxy answered nothing")
    return min(sound, key=lambda sample: sample.others)


def warm_up(load: Load, backend: Backend) -> None:
    """Wait until every connection has had its turn a few times; a slow proxy gets more time for it."""
    started, deadline = backend.requests(), time.monotonic() + MOST_WARM_UP_SECONDS
    time.sleep(WARM_UP_SECONDS)
    while backend.requests() - started < load.connections * TURNS and time.monotonic() < deadline:
        time.sleep(0.1)


def watch(load: Load, root: int, backend: Backend, core: int, seconds: float) -> Sample:
    """Look twice while the load runs steadily, so that neither its start nor its end counts; then stop it."""
    warm_up(load, backend)
    first = look(root, core, backend)
    time.sleep(seconds)
    last = look(root, core, backend)
    return between(first, last, load.stop())
