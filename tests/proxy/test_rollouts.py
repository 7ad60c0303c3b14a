"""What a backend is asked for when a rollout took part."""

from __future__ import annotations

import pytest

from duskgate.policy import Header
from tests.policy.rollouts import NOW, rolling
from tests.policy.world import forwarded, ms
from tests.stack import Asked, Backend, answers

OVERRIDE = "override: {header: X-Canary, consumers: [acme], token: a-token-that-is-long}"
PLAN = rolling(
    f"{{to: v2, percent: 0, promote: true, {OVERRIDE}}}",
    api="path: '/api/{version}', default: v1, resolve: [path, {header: Api-Version}]",
)
ALWAYS = (b"x-canary", b"always")
TOKEN = (b"x-canary", b"always; token=a-token-that-is-long")
ACME, DORA = (b"x-user", b"acme"), (b"x-user", b"dora")


def asked(target: str, *headers: Header) -> tuple[str, bytes, list[Header]]:
    """The version that was chosen, the target that the backend got, and its headers."""
    backend = Backend()
    (answer,) = answers(PLAN, [Asked(ms(NOW), "GET", target, headers)], backend=backend)
    decision = forwarded(answer.exchange.decision)
    (request,) = backend.asked
    return decision.rule.version, request.target, list(request.headers)


SENT = [
    ("in force", (ACME, ALWAYS), "v2"),
    ("in force by token", (TOKEN,), "v2"),
    ("from somebody who may not", (DORA, ALWAYS), "v1"),
    ("a word that counts for nothing", (ACME, (b"x-canary", b"perhaps")), "v1"),
    ("with an underscore, as CGI would read it", (ACME, (b"x_canary", b"always")), "v1"),
]


@pytest.mark.parametrize("target", ["/api/users", "/api/v1/users"])
@pytest.mark.parametrize(("headers", "version"), [case[1:] for case in SENT], ids=[case[0] for case in SENT])
def test_no_backend_gets_the_override(target: str, headers: tuple[Header, ...], version: str) -> None:
    chosen, _, sent = asked(target, *headers)
    assert chosen == version
    names = {name for name, _ in sent}
    assert names.isdisjoint({b"x-canary", b"x_canary"})
    assert all(b"a-token-that-is-long" not in value for _, value in sent)


def test_a_promoted_request_names_the_version_that_it_goes_to() -> None:
    chosen, target, sent = asked("/api/v1/users?a=1", ACME, ALWAYS, (b"api-version", b"v1"))
    assert (chosen, target) == ("v2", b"/api/v2/users?a=1")
    assert (b"api-version", b"v2") in sent


def test_one_that_stays_goes_as_it_came() -> None:
    chosen, target, sent = asked("/api/v1/users?a=1", DORA, (b"api-version", b"v1"))
    assert (chosen, target) == ("v1", b"/api/v1/users?a=1")
    assert (b"api-version", b"v1") in sent
