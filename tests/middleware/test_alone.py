"""The middleware in an application of one's own, on a real server that is not granian."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from duskgate.config import loads
from duskgate.middleware import LifecycleMiddleware, exchange_of
from duskgate.tokens import Tokens
from tests.policy.world import ms
from tests.running import eventually
from tests.tokens.world import key_set, signer

PLAN = loads(
    """
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: acme-key}}}
apis:
  shop:
    path: /shop/{version}
    default: v2
    versions:
      v1: {lifecycle: {deprecated: 2026-03-01, sunset: 2027-01-01, successor: v2,
        grace: [{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}]}}
      v2: {}
""",
    Path("shop.yaml"),
    {},
    standalone=True,
).plan


async def item(request: Request) -> JSONResponse:
    decision = exchange_of(request.scope).decision
    return JSONResponse({"decision": type(decision).__name__, "path": request.url.path})


def starlette(now: int) -> ASGIApp:
    app = Starlette(routes=[Route("/{rest:path}", item)])
    app.add_middleware(LifecycleMiddleware, plan=PLAN, clock=lambda: now)
    return app


def fastapi(now: int) -> ASGIApp:
    app = FastAPI()
    app.add_middleware(LifecycleMiddleware, plan=PLAN, clock=lambda: now)
    app.add_api_route("/{rest:path}", item)
    return app


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", proxy_headers=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started or None, "the server's start")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


MAKERS = [starlette, fastapi]


@pytest.mark.parametrize("make", MAKERS, ids=["starlette", "fastapi"])
def test_before_the_sunset_callers_are_told(make: type) -> None:
    with served(make(ms("2026-12-31"))) as base:
        answer = httpx.get(f"{base}/shop/v1/items/7", trust_env=False)
        assert answer.json() == {"decision": "Forward", "path": "/shop/v1/items/7"}
        assert answer.headers["deprecation"] == "@1772323200"
        assert answer.headers["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert answer.headers["link"] == '</shop/v2/items/7>; rel="successor-version"'
        untouched = httpx.get(f"{base}/shop/v2/items/7", trust_env=False)
        assert "deprecation" not in untouched.headers


@pytest.mark.parametrize("make", MAKERS, ids=["starlette", "fastapi"])
def test_after_the_sunset_it_is_gone_but_for_grace(make: type) -> None:
    with served(make(ms("2027-01-01"))) as base:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = httpx.request(method, f"{base}/shop/v1/items/7", trust_env=False)
            assert answer.status_code == 410
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store", "another caller may get another answer"
        graced = httpx.get(f"{base}/shop/v1/items/7", headers={"X-Api-Key": "acme-key"}, trust_env=False)
        assert graced.status_code == 200
        assert graced.headers["sunset"] == "Mon, 01 Feb 2027 00:00:00 GMT"
        assert graced.headers["vary"] == "X-Api-Key"


def test_paths_of_no_api_pass_untouched() -> None:
    with served(starlette(ms("2027-01-01"))) as base:
        answer = httpx.get(f"{base}/elsewhere", trust_env=False)
        assert answer.json() == {"decision": "NotFound", "path": "/elsewhere"}


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("*/*", False),
        ("text/html, application/problem+json", True),
    ],
)
def test_browsers_get_html(accept: str, html: bool) -> None:
    """RFC 9110 section 12.5.1."""
    with served(starlette(ms("2027-01-01"))) as base:
        answer = httpx.get(f"{base}/shop/v1/%3Cscript%3E?a=<b>", headers={"Accept": accept}, trust_env=False)
    assert answer.status_code == 410
    assert answer.headers["content-type"].startswith("text/html") == html
    assert "Accept" in answer.headers["vary"]
    assert "<script>" not in answer.text
    assert "/shop/v2/" in answer.text


TOKENS = """
server: {trusted_proxies: [127.0.0.1]}
identity:
  - {jwt: {jwks: keys.json}}
  - {client_certificate: {header: X-Client-Dn}}
  - {ip: {}}
consumers:
  acme: {match: {"jwt:sub": acme-app}}
  beta: {match: {client_certificate: "CN=beta"}}
  office: {match: {ip: 203.0.113.0/24}}
apis:
  shop:
    path: /shop/{version}
    default: v2
    versions:
      v1: {lifecycle: {deprecated: 2026-03-01, sunset: 2027-01-01, successor: v2, grace: [
        {consumer: acme, until: 2027-02-01, owner: jane, reason: contract},
        {consumer: beta, until: 2027-02-01, owner: jane, reason: contract},
        {consumer: office, until: 2027-02-01, owner: jane, reason: contract}]}}
      v2: {}
"""


def test_every_way_to_name_a_caller(tmp_path: Path) -> None:
    one = signer()
    (tmp_path / "keys.json").write_bytes(key_set(one))
    plan = loads(TOKENS, tmp_path / "shop.yaml", {}, standalone=True).plan
    tokens = Tokens(plan.identity)
    app = Starlette(routes=[Route("/{rest:path}", item)])
    app.add_middleware(LifecycleMiddleware, plan=plan, claim=tokens.claim, clock=lambda: ms("2027-01-01"))
    sent = [
        ({"Authorization": f"Bearer {one.token(sub='acme-app')}"}, 200),
        ({"Authorization": f"Bearer {signer().token(sub='acme-app')}"}, 410),
        ({"X-Client-Dn": "CN=beta"}, 200),
        ({"X-Client-Dn": "CN=other", "X-Forwarded-For": "203.0.113.7"}, 410),
        ({"X-Forwarded-For": "203.0.113.7"}, 200),
        ({}, 410),
    ]
    try:
        with served(app) as base:
            for headers, status in sent:
                answer = httpx.get(f"{base}/shop/v1/items/7", headers=headers, trust_env=False)
                assert (answer.status_code, headers) == (status, headers)
                assert "Authorization" in answer.headers["vary"]
                assert answer.headers["cache-control"] == "no-store"
    finally:
        tokens.close()


def test_tokens_that_nothing_verifies_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(signer()))
    plan = loads(TOKENS, tmp_path / "shop.yaml", {}, standalone=True).plan
    with pytest.raises(ValueError, match=r"claim=Tokens\(plan.identity\).claim"):
        LifecycleMiddleware(Starlette(), plan)
