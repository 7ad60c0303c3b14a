"""Percentages in a real gateway of two workers: each caller gets one version, whichever worker is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import xxhash

from tests.running import Gateway, eventually, gateway

YAML = """
server: {listen: "@server", workers: 2, trusted_proxies: [127.0.0.0/8]}
admin: {listen: "@admin", token: "@token"}
identity: [{header: X-User-Id}]
consumers: {acme: {match: {X-User-Id: acme}}}
backends: {v1: {url: "http://@v1"}, v2: {url: "http://@v2"}}
apis:
  people:
    path: /people
    default: v1
    versions:
      v1: {backend: v1, rollout: {to: v2, percent: 30, allow: [acme]}}
      v2: {backend: v2}
  places:
    path: /places
    default: v1
    versions: {v1: {backend: v1, rollout: {to: v2, percent: 50, by: ip}}, v2: {backend: v2}}
  sessions:
    path: /sessions
    default: v1
    versions: {v1: {backend: v1, rollout: {to: v2, percent: 50, by: {cookie: sid}}}, v2: {backend: v2}}
"""

CALLERS = [f"user-{number}" for number in range(40)]
ADDRESSES = [f"192.0.2.{number}" for number in range(40)]
TIMES = 6
"""Each is asked so often, on a connection of its own, so that both workers answer."""


class Folder(NamedTuple):
    """A running gateway and where its file is."""

    path: Path
    running: Gateway

    def edit(self, old: str, new: str) -> None:
        config = self.path / "gateway.yaml"
        text = config.read_text()
        assert old in text
        (self.path / "new").write_text(text.replace(old, new))
        (self.path / "new").rename(config)

    def versions(self, api: str, headers: Mapping[str, str]) -> set[str]:
        return {self.running.get(f"/{api}", **headers).json()["version"] for _ in range(TIMES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    path = tmp_path_factory.mktemp("rollouts")
    with gateway(YAML, path, "s3cret-token") as running:
        yield Folder(path, running)


def expected(api: str, key: str, percent: float) -> set[str]:
    """The version that the documentation promises."""
    seed = xxhash.xxh64_intdigest(f"rollout:{api}/v1".encode(), 0)
    bucket = xxhash.xxh64_intdigest(key.encode(), seed) % 10_000
    return {"v2" if bucket < percent * 100 else "v1"}


def found(
    folder: Folder, api: str, keys: list[str], header: Callable[[str], dict[str, str]]
) -> dict[str, set[str]]:
    return {key: folder.versions(api, header(key)) for key in keys}


def test_a_caller_gets_one_version_from_both_workers_and_raising_lets_nobody_out(folder: Folder) -> None:
    assert len(folder.running.workers()) == 2

    def user(key: str) -> dict[str, str]:
        return {"X-User-Id": key}

    def as_documented(percent: float) -> bool | None:
        want = {key: expected("people", key, percent) for key in CALLERS}
        return found(folder, "people", CALLERS, user) == want or None

    assert as_documented(30)
    assert folder.versions("people", user("acme")) == {"v2"}, "acme is on the list"
    assert folder.versions("people", {}) == {"v1"}, "nobody in particular has no bucket"
    folder.edit("percent: 30", "percent: 60")
    eventually(lambda: as_documented(60), "the higher share in both workers")
    folder.edit("percent: 60", "percent: 10")
    eventually(lambda: as_documented(10), "the lower share in both workers")


def test_sticky_by_address_through_a_trusted_proxy(folder: Folder) -> None:
    one = found(folder, "places", ADDRESSES, lambda key: {"X-Forwarded-For": f"made-up, {key}, 127.0.0.9"})
    assert one == {key: expected("places", key, 50) for key in ADDRESSES}


def test_sticky_by_cookie(folder: Folder) -> None:
    one = found(folder, "sessions", CALLERS, lambda key: {"Cookie": f"a=1; sid={key}"})
    assert one == {key: expected("sessions", key, 50) for key in CALLERS}


def test_answers_are_private_and_choices_are_counted(folder: Folder) -> None:
    before = chosen(folder, "yes", "allow"), chosen(folder, "no", "percent")
    for user in ("acme", ""):
        answer = folder.running.get("/people", **({"X-User-Id": user} if user else {}))
        assert answer.headers["cache-control"].startswith("private")
        assert answer.headers["vary"] == "X-User-Id"

    def counted() -> bool | None:
        after = chosen(folder, "yes", "allow"), chosen(folder, "no", "percent")
        return after == (before[0] + 1, before[1] + 1) or None

    eventually(counted, "both requests counted")


def chosen(folder: Folder, moved: str, by: str) -> float:
    labels = f'api="people",by="{by}",moved="{moved}",to="v2",version="v1"'
    line = re.compile(rf"duskgate_rollout_choices_total\{{{re.escape(labels)}\}} (\S+)")
    return sum(float(one) for one in line.findall(folder.running.metrics()))


def test_the_same_callers_after_a_restart(tmp_path: Path) -> None:
    """Without a ledger the digests' secret is another one for each start; the buckets are the same."""
    with gateway(YAML, tmp_path, "s3cret-token") as running:
        again = Folder(tmp_path, running)
        for key in CALLERS[:10]:
            assert again.versions("people", {"X-User-Id": key}) == expected("people", key, 30)


def test_an_override_is_for_those_who_may(tmp_path: Path) -> None:
    override = "override: {consumers: [acme], token: a-token-that-is-long}"
    text = YAML.replace("percent: 30, allow: [acme]", f"percent: 0, {override}")
    with gateway(text, tmp_path, "s3cret-token") as running:
        again = Folder(tmp_path, running)
        always, token = {"Duskgate-Rollout": "always"}, "always; token=a-token-that-is-long"
        assert again.versions("people", {"X-User-Id": "acme", **always}) == {"v2"}
        assert again.versions("people", {"X-User-Id": "dora", **always}) == {"v1"}
        assert again.versions("people", {"Duskgate-Rollout": token}) == {"v2"}
