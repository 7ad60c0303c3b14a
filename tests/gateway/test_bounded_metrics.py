"""A real gateway under hostile requests: its page of metrics stays small and exact, whoever dies."""

from __future__ import annotations

import os
import random
import re
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import httpx
import pytest

from duskgate.usage.consumers import MOST_LABELS
from tests.running import Gateway, eventually, gateway

YAML = """
server: {listen: "@server", workers: 3, access_log: false}
admin: {listen: "@admin", token: "@token"}
identity: [{header: X-Api-Key, secret: true}, {header: X-User-Id}]
consumers: {acme: {match: {X-Api-Key: acme-key}}}
backends: {v1: {url: "http://@v1"}, v2: {url: "http://@v2"}}
apis:
  accounts:
    path: /api/{version}
    resolve: [path, {header: Api-Version}]
    default: v1
    versions:
      v1: {backend: v1, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}
      v2: {backend: v2}
    endpoints:
      - {path: "/users/{id}/avatar", versions: {v1: {lifecycle: {sunset: 2021-01-01}}}}
"""

REQUESTS = 3_000
CONNECTIONS = 8
KEYS = 13
"""Callers on each connection, and so at one worker, who come often enough for a label of their own: in all
more than there are labels."""

MOST_SERIES = 700
"""102 labels of callers at one version and one endpoint; the rest is histograms and what the plan says."""

SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(YAML, tmp_path_factory.mktemp("bounded"), "a-token") as running:
        yield running


def attack(served: Gateway, seed: int) -> Counter[int]:
    """Requests of which all is random that a caller chooses; how many got which status."""
    chance = random.Random(seed)  # noqa: S311  the same requests in every run
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=served.base, trust_env=False) as client:
        for _ in range(REQUESTS // CONNECTIONS):
            text = f"{chance.getrandbits(40):x}"
            key = chance.choice([text, *[f"key-{seed}-{chance.randrange(KEYS)}"] * 2])
            path = chance.choice(
                [f"/api/v1/{text}"] * 4
                + [f"/api/v1/users/{text}/avatar", f"/api/{text}/x", f"/api/v{text[0]}/x", f"/{text}"]
            )
            headers = {"X-Api-Key": key} | ({"Api-Version": text} if chance.random() < 0.05 else {})
            method = chance.choice(["GET", "DELETE", text.upper()])
            statuses[client.request(method, path, headers=headers).status_code] += 1
    return statuses


def series(page: str) -> dict[tuple[str, str], float]:
    """The page's samples by name and labels."""
    return {(name, labels): float(value) for name, labels, value in SERIES.findall(page)}


def total(found: dict[tuple[str, str], float], name: str, label: str = "") -> float:
    return sum(value for (its, labels), value in found.items() if its == name and label in labels)


def test_the_page_is_bounded_and_exact_also_when_workers_are_replaced(served: Gateway) -> None:
    answered: Counter[int] = Counter()

    def exact() -> dict[tuple[str, str], float] | None:
        found = series(served.metrics())
        counts = {code: total(found, "duskgate_requests_total", f'code="{code}"') for code in answered}
        return found if counts == answered else None

    for attempt in range(2):
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            seeds = range(attempt * CONNECTIONS, (attempt + 1) * CONNECTIONS)
            for statuses in threads.map(partial(attack, served), seeds):
                answered.update(statuses)
        found = eventually(exact, "every request, by its status", 10)
        labels = {text for _, labels in found for text in re.findall(r'consumer="(~\w+)"', labels)}
        assert len(labels) <= MOST_LABELS
        assert len(found) <= MOST_SERIES
        told = total(found, "duskgate_requests_total", 'outcome="forwarded",phase="deprecated"')
        assert total(found, "duskgate_deprecated_requests_total") == told
        _replace_worker(served)
    assert len(labels) == MOST_LABELS
    assert sum(answered.values()) == 2 * CONNECTIONS * (REQUESTS // CONNECTIONS)


def _replace_worker(served: Gateway) -> None:
    """Kill a worker; what it counted is a tenth of a second old, and so on the page for good.

    The oldest one: a worker that dies again within seconds is taken for one that cannot live, and all ends.
    """
    before = sorted(served.workers())
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(set(served.workers()) - {before[0]}) == 3 or None, "a new worker")
    served.metrics()
    (mark,) = Path(gettempdir()).glob(f"duskgate-*/workers/{before[1]}")
    files = {path.name for path in mark.parent.parent.glob("counter_*")}
    assert files == {"counter_gone.db"} | {f"counter_{pid}.db" for pid in served.workers()}
