"""What 100,000 hostile requests do to the metrics: nothing that grows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from prometheus_client.samples import Sample
from websockets.asyncio.client import ClientConnection

from duskgate.config import loads
from duskgate.middleware.asgi import ASGIApp
from duskgate.policy.identify import Who
from duskgate.policy.lifecycle import Phase
from duskgate.policy.request import Header
from duskgate.proxy.app import build_app
from duskgate.proxy.upstream.protocol import UpstreamRequest, UpstreamResponse
from duskgate.usage.consumers import MOST_LABELS, OTHER
from duskgate.usage.instruments import BUCKETS, Instruments
from duskgate.usage.recorder import WorkerRecorder
from duskgate.usage.shared_names import SharedNames
from duskgate.usage.variants import MOST_VARIANTS
from tests.policy.world import ms

REQUESTS = 100_000
WORKERS = 2

PLAN = loads(
    """
flags: {provider: flagd}
identity: [{header: X-Api-Key, secret: true}, {header: X-User-Id}]
consumers: {acme: {match: {X-Api-Key: acme-key}}}
backends: {b: {url: "http://127.0.0.1:1"}}
apis:
  accounts:
    path: /api/{version}
    resolve: [path, {header: Api-Version}, {query: v}, {flag: use-v3, version: v3}]
    default: v2
    versions:
      v1: {backend: b, lifecycle: {deprecated: 2026-01-01, sunset: 2026-02-01}}
      v2:
        backend: b
        rollout: {to: v3, flag: to-v3}
        lifecycle:
          {deprecated: 2026-01-01, sunset: 2036-01-01, brownouts: [{from: 2026-03-01, for: 1d, percent: 50}]}
      v3: {backend: b}
    endpoints:
      - {path: "/users/{id}", versions: {v2: {lifecycle: {sunset: 2026-02-01}}}}
""",
    Path("gateway.yaml"),
    {},
).plan
NOW = ms("2026-03-01T12:00:00")

KNOWN: Mapping[str, set[str]] = {
    "api": {"accounts", "none"},
    "endpoint": {"*", "/users/{id}", "none"},
    "version": {"v1", "v2", "v3", "none"},
    "phase": {*(phase.value for phase in Phase), "none"},
    "outcome": {"forwarded", "refused", "rejected", "brownout"},
    "code": {"200", "400", "404", "410"},
    "reason": {"sunset", "brownout"},
    "flag": {"use-v3", "to-v3"},
}
"""What may stand in the labels of which the YAML or a list knows every value."""


class Answer:
    """A backend's whole answer."""

    status = 200
    headers: list[Header] = []  # noqa: RUF012  never changed

    def whole(self) -> bytes:
        return b""

    def body(self) -> AsyncIterator[bytes]:
        raise AssertionError("it was here as a whole")

    async def aclose(self) -> None: ...


class Backend:
    """Answers at once: stands in for the transport, which is not what is looked at here."""

    longest = idle = None
    crowded = False

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        return Answer()

    def websocket(self, *arguments: Any) -> AbstractAsyncContextManager[ClientConnection]:
        raise AssertionError("nobody asks for one")

    async def aclose(self) -> None: ...


class HostileFlags:
    """A provider that names its variants after whoever asks."""

    def evaluate(
        self,
        names: Iterable[str],
        who: Who,
        attributes: Callable[[], Mapping[str, str]],
        told: Callable[[str, str], None],
    ) -> dict[str, bool]:
        for name in names:
            told(name, f"for-{who.targeting_key}")
        return {}


async def ask(app: ASGIApp, chance: random.Random) -> None:
    """One request of which everything that a caller can choose is random."""
    any_text = f"{chance.getrandbits(40):x}".encode()
    version = chance.choice([b"/v1", b"/v2", b"/v3", b"/" + any_text, b"/v" + any_text[:2], b""])
    rest = chance.choice([b"/users/" + any_text, b"/" + any_text, b"/%2e%2e/" + any_text])
    path = chance.choice([b"/api" + version + rest] * 9 + [b"/" + any_text])
    headers = [(b"host", any_text + b".example"), (b"x-api-key", chance.choice([any_text, b"acme-key"]))]
    if chance.random() < 0.1:
        headers.append((b"api-version", any_text))
    if chance.random() < 0.2:  # a caller who comes often enough for a label
        headers[1] = (b"x-api-key", b"k%d" % chance.randrange(2 * MOST_LABELS))
    scope = {
        "type": "http",
        "method": chance.choice(["GET", "POST", any_text.decode().upper()]),
        "http_version": "1.1",
        "scheme": "http",
        "path": path.decode(),
        "raw_path": path,
        "query_string": chance.choice([b"", b"v=" + any_text]),
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None: ...

    await app(scope, receive, send)


def worker(names: Path, seed: int, requests: int) -> Iterable[Sample]:
    """The samples that one worker has after some requests."""
    instruments = Instruments()

    async def serve() -> None:
        recorder = WorkerRecorder(instruments, names=SharedNames(names))
        app = build_app(lambda: PLAN, {"b": Backend()}, recorder, flags=HostileFlags(), clock=lambda: NOW)
        chance = random.Random(seed)  # noqa: S311  the same requests in every run
        for _ in range(requests):
            await ask(app, chance)
        recorder.fold()

    asyncio.run(serve())
    return [sample for metric in instruments.registry.collect() for sample in metric.samples]


def test_no_request_makes_a_label_that_is_not_bounded(tmp_path: Path) -> None:
    found: list[Sample] = []
    for seed in range(WORKERS):
        found += worker(tmp_path / "labels", seed, REQUESTS // WORKERS)
    total = sum(one.value for one in found if one.name == "duskgate_requests_total")
    assert total == REQUESTS

    for label, values in KNOWN.items():
        assert {one.labels[label] for one in found if label in one.labels} <= values, label
    consumers = {one.labels["consumer"] for one in found if "consumer" in one.labels}
    assert {"acme", OTHER} < consumers
    assert len(consumers - {"acme", OTHER, "anonymous"}) == MOST_LABELS
    for flag in KNOWN["flag"]:
        variants = {one.labels["variant"] for one in found if one.labels.get("flag") == flag}
        assert len(variants) == MOST_VARIANTS + 1
        assert OTHER in variants

    series = {(one.name, *sorted(one.labels.items())) for one in found if not one.name.endswith("_created")}
    assert len(series) <= most_series()
    counted = sum(one.value for one in found if one.name == "duskgate_deprecated_requests_total")
    told = [
        one for one in found if one.name == "duskgate_requests_total" and one.labels["phase"] == "deprecated"
    ]
    assert counted == sum(one.value for one in told if one.labels["outcome"] == "forwarded")


def most_series() -> int:
    """The bound that docs/metrics.md gives, for this configuration, at one moment."""
    rules = sum(1 + len(list(api.endpoints.values())) for api in PLAN.apis.values() if api.endpoints) * 3
    nowhere = 2  # no api, and no version of the one api
    answers = len(KNOWN["outcome"]) * len(KNOWN["code"])
    callers = len(PLAN.identity.consumers) + MOST_LABELS + 2
    by_consumer = rules * callers * (1 + 2 * len(KNOWN["reason"]))
    times = 2 * (len(KNOWN["version"]) + 1) * (len(BUCKETS) + 3)
    flags = len(KNOWN["flag"]) * 2 * (MOST_VARIANTS + 2)
    return (rules + nowhere) * answers + by_consumer + times + flags
