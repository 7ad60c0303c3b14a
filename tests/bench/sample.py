"""One measurement: a proxy's CPU time a request while the load stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import wrk
from tests.bench.backend import Backend
from tests.bench.ready import CannotMeasure
from tests.bench.spawn import Cores
from tests.bench.tree import core_seconds, cpu_seconds

WARM_UP_SECONDS = 0.6
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


def quietest(attempt: Callable[[], Sample]) -> Sample:
    """Measure again while other work disturbs; what was disturbed least counts, whatever its figure is.

    Raises CannotMeasure if no attempt saw the proxy work.
    """
    samples: list[Sample] = []
    for _ in range(MOST_ATTEMPTS):
        samples.append(attempt())
        if samples[-1].sound and samples[-1].others <= QUIET:
            break
    sound = [sample for sample in samples if sample.sound]
    if not sound:
        raise CannotMeasure("the proxy answered nothing")
    return min(sound, key=lambda sample: sample.others)


def measure(
    root: int,
    port: int,
    paths: Sequence[str],
    connections: int,
    seconds: float,
    *,
    backend: Backend,
    cores: Cores,
    folder: Path,
) -> Sample:
    """Look twice while the load runs steadily, so that neither its start nor its end counts."""
    with wrk.load(port, paths, connections, cores.load, folder) as load:
        time.sleep(WARM_UP_SECONDS)
        first = look(root, cores.proxy, backend)
        time.sleep(seconds)
        last = look(root, cores.proxy, backend)
        errors = load.stop()
    return between(first, last, errors)
