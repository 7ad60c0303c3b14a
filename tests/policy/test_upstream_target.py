"""What the backend is asked for: what was sent, byte for byte, but for a rewritten api path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import BadRequest, Forward, Plan
from tests.policy.world import ask, forwarded, one_api, rule


def api(path: str, rewrite: str = "") -> Plan:
    own = f", rewrite: {rewrite}" if rewrite else ""
    return one_api(f"{{path: '{path}', default: v1, versions: {{v1: {{backend: old{own}}}}}}}")


AS_SENT = [
    "/api/v1/users",
    "/api/v1/",
    "/api/v1",
    "/api//v1///users//",
    "/api/%76%31/%7Eusers/%2f",
    "/api/v1;p=1/users;q",
    "/api/v1/users?",
    "/api/v1/users?a=1&a=2&&=;#%zz",
    "/api/v1/a?b?c",
    b"/api/v1/\xff\xc3\xa9?\xff",
    "/api/users/7",
]


@pytest.mark.parametrize("target", AS_SENT, ids=repr)
def test_as_sent(target: str | bytes) -> None:
    raw = target.encode() if isinstance(target, str) else target
    found = forwarded(ask(api("/api/{version}"), target)).target
    assert found == raw.removesuffix(b"?")


REWRITTEN = [
    ("prefix", "/internal", "/api/v1/users", b"/internal/users"),
    ("trailing slash of the rewrite", "/internal/", "/api/v1/users", b"/internal/users"),
    ("the api alone", "/internal", "/api/v1", b"/internal"),
    ("with a slash", "/internal", "/api/v1/", b"/internal/"),
    ("query", "/internal", "/api/v1?a=1", b"/internal?a=1"),
    ("deep", "/a/b/c", "/api/v1/users", b"/a/b/c/users"),
    ("by default", "/internal", "/api/users", b"/internal/users"),
    ("the rest as sent", "/internal", "/api/v1//%75sers;p/%2F/?x=%20", b"/internal//%75sers;p/%2F/?x=%20"),
    ("api path spelled another way", "/internal", "//api;x//%76%31;y/users", b"/internal/users"),
    ("empty segments of parameters", "/internal", "/;x/api/;y/v1/users", b"/internal/users"),
    ("to the root", "/", "/api/v1/users", b"/users"),
    ("to the root, the api alone", "/", "/api/v1", b"/"),
    ("to the root, the api alone, query", "/", "/api/v1?a=1", b"/?a=1"),
    ("to the root, with a slash", "/", "/api/v1/", b"/"),
]


@pytest.mark.parametrize(
    ("rewrite", "target", "found"), [case[1:] for case in REWRITTEN], ids=[case[0] for case in REWRITTEN]
)
def test_rewritten(rewrite: str, target: str, found: bytes) -> None:
    assert forwarded(ask(api("/api/{version}", rewrite), target)).target == found


def test_an_api_at_the_root_can_be_rewritten() -> None:
    assert forwarded(ask(api("/", "/v1"), "/users?a")).target == b"/v1/users?a"


SENT = api("/api/{version}")
REWRITES = api("/api/{version}", "/internal")


@rule
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?")), st.text(max_size=9)
)
def test_any_resource_is_forwarded_as_sent(rest: str, query: str) -> None:
    tail = f"/{rest}".encode() + (b"?" + query.encode() if query else b"")
    decision = ask(SENT, b"/api/v1" + tail)
    again = ask(REWRITES, b"/api/v1" + tail)
    if isinstance(decision, Forward) and isinstance(again, Forward):
        assert decision.target == b"/api/v1" + tail
        assert again.target == b"/internal" + tail
    else:
        assert isinstance(decision, BadRequest)
        assert isinstance(again, BadRequest)
