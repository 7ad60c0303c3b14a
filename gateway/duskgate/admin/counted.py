"""The files in which the workers count: one reader at a time, and never while some are put together."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from duskgate.admin.remains import Remains
from duskgate.policy.plan import Backend
from duskgate.usage.guarded import ERROR, GUARDED
from duskgate.usage.instruments import FINE_BUCKETS
from duskgate.usage.window import Counts
from duskgate.usage.written import Written

logger = logging.getLogger("duskgate")

OF_TARGETS = "duskgate_backend_target_up"

_FLUSHED = '["duskgate_ledger_last_flush_timestamp_seconds",'
_DROPPED = '["duskgate_ledger_requests_dropped",'
_KEYS = f'["{GUARDED}", "{GUARDED}_bucket", '
_BUCKETS = {bound: index for index, bound in enumerate((*FINE_BUCKETS, float("inf")))}


class Counted:
    """The files in ``run_dir``, from any thread."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._remains = Remains(run_dir)
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """As long as this lasts the files hold every request once. Workers go on counting."""
        with self._lock:
            try:
                self._remains.gather()
            except OSError as error:
                logger.warning("the counts of workers that are gone cannot be put together: %s", error)
            yield

    def guarded(self) -> Mapping[tuple[str, str], Counts]:
        """What guards look at, by api and version, over all workers since the gateway started.

        Not by way of prometheus-client's collector: a guard looks often, and at little of what there is.
        """
        errors: dict[tuple[str, str], int] = defaultdict(int)
        times: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(_BUCKETS))
        with self.reading():
            for key, value in self._histograms():
                version, result, bucket = _place(key)
                times[version][bucket] += int(value)
                errors[version] += int(value) if result == ERROR else 0
        return {version: Counts(errors[version], tuple(counts)) for version, counts in times.items()}

    def down(self, backend: Backend | None) -> bool:
        """Whether all targets of a backend are, by the health checks of any worker."""
        if backend is None or backend.health is None:
            return False
        with self.reading():
            found = MultiProcessCollector(None, path=str(self.run_dir)).collect()  # type: ignore[no-untyped-call]
            up = {
                one.labels["target"]: one.value
                for metric in found
                if metric.name == OF_TARGETS
                for one in metric.samples
                if one.labels["backend"] == backend.name
            }
        return all(up.get(target, 1) == 0 for target in backend.targets)

    def written(self) -> Written:
        """How the workers' writing to the ledger goes."""
        with self.reading():
            flushed = [value for key, value in self._values("gauge_livemin_*.db") if key.startswith(_FLUSHED)]
            dropped = [value for key, value in self._values("counter_*.db") if key.startswith(_DROPPED)]
        return Written(int(min(flushed) * 1000) if flushed else None, int(sum(dropped)))

    def _values(self, files: str) -> Iterator[tuple[str, float]]:
        for file in self.run_dir.glob(files):
            values = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
            yield from ((key, value) for key, value, _, _ in values)

    def _histograms(self) -> Iterator[tuple[str, float]]:
        return ((key, value) for key, value in self._values("histogram_*.db") if key.startswith(_KEYS))


@lru_cache(maxsize=100_000)
def _place(key: str) -> tuple[tuple[str, str], str, int]:
    """The version, the result and the bucket that a value's key in the files names."""
    labels = json.loads(key)[2]
    return (labels["api"], labels["version"]), labels["result"], _BUCKETS[float(labels["le"])]
