"""Every way to name a caller, in a real gateway: the same everywhere, and no secret anywhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from duskgate.usage.ledger.reader import Reader
from tests.backends import RawBackend, raw_backend
from tests.gateway.test_serve import counted
from tests.running import Gateway, eventually, gateway
from tests.tokens.world import Signer, key_set, signer

YAML = """
server: {listen: "@server", workers: 2, trusted_proxies: [127.0.0.2]}
admin: {listen: "@admin", token: "@token"}
ledger: {flush: 100ms}
identity:
  - {header: X-Api-Key, secret: true}
  - {jwt: {jwks: keys.json, issuer: "https://id.example.com", audience: gateway}}
  - {jwt: {name: remote, header: X-Token, jwks: "http://127.0.0.1:@issuer/keys"}}
  - {client_certificate: {header: X-Forwarded-Client-Cert, field: URI}}
  - {ip: {prefix: 24}}
consumers:
  by-key: {match: {X-Api-Key: key-of-a-consumer}}
  by-token: {match: {"jwt:sub": claim-of-a-consumer}}
  by-url: {match: {"remote:sub": claim-at-a-url}}
  by-certificate: {match: {client_certificate: "spiffe://acme/api"}}
  by-address: {match: {ip: [127.0.0.3, 203.0.113.0/24]}}
backends: {v1: {url: "http://127.0.0.1:@echo"}, v2: {url: "http://127.0.0.1:@echo"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: v1
        lifecycle:
          deprecated: 2020-01-01
          sunset: 2021-01-01
          successor: v2
          grace:
            - {consumer: by-key, until: 2099-01-01, owner: jane, reason: contract}
            - {consumer: by-token, until: 2099-01-01, owner: jane, reason: contract}
            - {consumer: by-url, until: 2099-01-01, owner: jane, reason: contract}
            - {consumer: by-certificate, until: 2099-01-01, owner: jane, reason: contract}
            - {consumer: by-address, until: 2099-01-01, owner: jane, reason: contract}
      v2: {backend: v2}
"""

STRANGER, PROXY, KNOWN = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""Addresses that callers come from, all of this machine."""


class World:
    """A running gateway, with its backend, and what signs for it."""

    def __init__(self, folder: Path, running: Gateway, backend: RawBackend, own: Signer, far: Signer) -> None:
        self.folder = folder
        self.running = running
        self.backend = backend
        self.own = own
        self.far = far

    def ask(self, path: str, source: str = STRANGER, **headers: str) -> httpx.Response:
        """Ask from one of this machine's addresses."""
        transport = httpx.HTTPTransport(local_address=source)
        with httpx.Client(transport=transport, base_url=self.running.base) as client:
            return client.get(
                path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )

    def token(self, subject: str, **claims: object) -> str:
        given = {"iss": "https://id.example.com", "aud": "gateway", **claims}
        return f"Bearer {self.own.token(sub=subject, **given)}"

    def logged(self) -> str:
        return (self.folder / "gateway.log").read_text()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    own, far = signer(), signer("EdDSA", "far")
    (folder / "keys.json").write_bytes(key_set(own))
    with ExitStack() as stack:
        backend, issuer = stack.enter_context(raw_backend()), stack.enter_context(raw_backend())
        keys = key_set(far)
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(keys)
        issuer.scripts[b"GET /keys"] = lambda conversation: conversation.send(head + keys)
        yaml = YAML.replace("@issuer", str(issuer.port)).replace("@echo", str(backend.port))
        running = stack.enter_context(gateway(yaml, folder, "a-token"))
        eventually(lambda: len(running.workers()) == 2 or None, "two workers")
        yield World(folder, running, backend, own, far)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("identity")) as made:
        yield made


XFCC = 'Hash=ab;Subject="CN=api";URI='


def callers(served: World) -> dict[str, tuple[str, dict[str, str]]]:
    """By consumer: where it calls from, and what it sends."""
    return {
        "by-key": (STRANGER, {"X_Api_Key": "key-of-a-consumer"}),
        "by-token": (STRANGER, {"Authorization": served.token("claim-of-a-consumer")}),
        "by-url": (STRANGER, {"X_Token": served.far.token(sub="claim-at-a-url")}),
        "by-certificate": (PROXY, {"X_Forwarded_Client_Cert": f"{XFCC}spiffe://acme/api"}),
        "by-address": (KNOWN, {}),
    }


def strangers(served: World) -> dict[str, tuple[str, dict[str, str]]]:
    """Callers whom the YAML does not name, each with a secret in it that has its name."""
    return {
        "secret-key": (STRANGER, {"X_Api_Key": "secret-key"}),
        "secret-claim": (STRANGER, {"Authorization": served.token("secret-claim")}),
        "secret-bad-claim": (STRANGER, {"Authorization": f"Bearer {signer().token(sub='secret-bad-claim')}"}),
        "secret-basic": (STRANGER, {"Authorization": "Basic secret-basic"}),
        "secret-url-claim": (STRANGER, {"X_Token": served.far.token(sub="secret-url-claim")}),
        "secret-certificate": (PROXY, {"X_Forwarded_Client_Cert": f"{XFCC}secret-certificate"}),
        "203.9.113.77": (PROXY, {"X_Forwarded_For": "203.9.113.77"}),
    }


def test_consumers_are_known_by_any_of_their_ways(served: World) -> None:
    for name, (source, headers) in callers(served).items():
        mine = served.ask("/.well-known/api-deprecations/me.json", source, **headers).json()
        assert (mine["caller"], mine["known"]) == (name, True)
        graced = served.ask("/api/v1/x", source, **headers)
        assert (graced.status_code, name) == (200, name), "its grace counts"
        assert graced.headers["cache-control"] == "no-store"
        assert "X-Api-Key, Authorization, X-Token" in graced.headers["vary"]


def test_who_only_says_so_is_nobody(served: World) -> None:
    """What would name a consumer, from whom it is not believed, by another's key, or for somebody else."""
    forged = signer()
    good = {"iss": "https://id.example.com", "aud": "gateway", "sub": "claim-of-a-consumer"}
    claims: list[dict[str, str | int]] = [
        {**good, "aud": "other"},
        {**good, "iss": "other"},
        {**good, "exp": 1_000_000_000},
    ]
    attempts: list[dict[str, str]] = [
        {"X_Forwarded_Client_Cert": f"{XFCC}spiffe://acme/api"},
        {"X_Forwarded_For": "203.0.113.7"},
        {"Authorization": f"Bearer {forged.token(**good)}"},
        {"Authorization": f"Bearer {served.far.token(**good)}"},
        {"X_Token": served.own.token(**{**good, "sub": "claim-at-a-url"})},
        *({"Authorization": f"Bearer {served.own.token(**one)}"} for one in claims),
    ]
    for headers in attempts:
        gone = served.ask("/api/v1/x", STRANGER, **headers)
        assert (gone.status_code, headers) == (410, headers)
        assert gone.headers["cache-control"] == "no-store"

    def reasons() -> dict[str, float] | None:
        page = served.running.metrics()
        found = {
            f"{way} {reason}": counted(page, "duskgate_tokens_refused_total", way=way, reason=reason)
            for way, reason in expected
        }
        return found if all(found.values()) else None

    expected = [
        ("jwt:sub", "signature"),
        ("jwt:sub", "unknown-key"),
        ("jwt:sub", "audience"),
        ("jwt:sub", "issuer"),
        ("jwt:sub", "expired"),
        ("remote:sub", "unknown-key"),
    ]
    eventually(reasons, "each reason counted")


def test_backends_get_certificates_from_trusted_proxies_only(served: World) -> None:
    said = f"{XFCC}spiffe://acme/api"
    for name in ("X-Forwarded-Client-Cert", "X_Forwarded_Client_Cert", "x-forwarded-client-cert"):
        transport = httpx.HTTPTransport(local_address=STRANGER)
        with httpx.Client(transport=transport) as client:
            seen = client.get(f"{served.running.base}/api/v2/x", headers={name: said}).content
        assert b"spiffe" not in seen, name
        assert b"client" not in seen.lower(), name
    assert said.encode() in served.ask("/api/v2/x", PROXY, X_Forwarded_Client_Cert=said).content


def test_no_secret_is_stored_logged_labelled_or_shown(served: World) -> None:
    everybody = callers(served) | strangers(served)
    shown = []
    sent: Counter[str] = Counter()
    for _ in range(15):  # often enough for a label of their own
        for name, (source, headers) in everybody.items():
            for path in ("/api/v1/x", "/api/v9/x"):
                answer = served.ask(path, source, **headers)
                if answer.status_code != 200:  # the backend is an echo
                    shown.append((f"the answer to {name}", answer.text + str(answer.headers)))
                sent[name] += 1
    for name, (source, headers) in everybody.items():
        for form in ("/me.json", "/me.html", ".json"):
            answer = served.ask(f"/.well-known/api-deprecations{form}", source, **headers)
            shown.append((f"{form} of {name}", answer.text + str(answer.headers)))
        label = served.ask("/.well-known/api-deprecations/me.json", source, **headers).json()["caller"]
        assert label == name or label.startswith("~")

    page = eventually(
        lambda: page if 'consumer="~' in (page := served.running.metrics()) else None, "digests as labels"
    )
    written = "duskgate_ledger_requests_written_total"
    eventually(
        lambda: counted_alone(served.running.metrics(), written) >= sent.total() or None, "all in the ledger"
    )
    for _, (source, headers) in everybody.items():
        assert _named_alike(served, source, headers)
    secrets = [*strangers(served), "key-of-a-consumer", "claim-of-a-consumer", "claim-at-a-url", "spiffe"]
    places = [("the metrics", page), ("the log", served.logged()), *shown]
    places += [
        (path.name, path.read_bytes().decode("latin-1"))
        for path in served.folder.iterdir()
        if path.is_file() and path.name != "gateway.yaml"
    ]
    assert any("duskgate.db" in place for place, _ in places)
    for secret in secrets:
        for place, text in places:
            assert secret not in text, (secret, place)
    assert "Bearer" not in served.logged()


def _named_alike(served: World, source: str, headers: dict[str, str]) -> bool:
    """The ledger knows a caller by the label that it is shown."""
    label = served.ask("/.well-known/api-deprecations/me.json", source, **headers).json()["caller"]
    rows = Reader(f"sqlite:///{served.folder / 'duskgate.db'}").rows()
    return any(row.consumer == label for row in rows)


def counted_alone(page: str, name: str) -> float:
    """The value of a metric without labels."""
    return sum(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))


def test_keys_that_change_are_taken_over_by_every_worker(tmp_path: Path) -> None:
    with world(tmp_path) as served:
        after = signer(kid="after")
        given = {"iss": "https://id.example.com", "aud": "gateway", "sub": "claim-of-a-consumer"}
        mine = {"Authorization": f"Bearer {after.token(**given)}"}
        assert served.ask("/api/v1/x", **mine).status_code == 410
        (served.folder / "keys.json").write_bytes(key_set(after))
        loads = "duskgate_token_key_loads_total"
        eventually(
            lambda: counted(served.running.metrics(), loads, way="jwt:sub", result="taken-over") >= 4 or None,
            "both workers",
        )
        assert {served.ask("/api/v1/x", **mine).status_code for _ in range(8)} == {200}
        before = {"Authorization": served.token("claim-of-a-consumer")}
        assert {served.ask("/api/v1/x", **before).status_code for _ in range(8)} == {410}
        (served.folder / "keys.json").write_text(json.dumps({"keys": []}))
        eventually(
            lambda: counted(served.running.metrics(), loads, way="jwt:sub", result="rejected") >= 2 or None,
            "both workers",
        )
        assert served.ask("/api/v1/x", **mine).status_code == 200
        assert "holds no key that is good for" in served.logged()
