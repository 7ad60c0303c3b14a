"""Paths that cannot be read safely are refused; those that only look so are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import BadRequest
from tests.policy.world import ask, expect, forwarded, one_api, rule

PLAN = one_api("{path: '/api/{version}', default: v2, versions: {v1: {backend: old}, v2: {backend: new}}}")

DOTS = st.sampled_from([".", "%2e", "%2E"])
BESIDE = st.sampled_from(["", "", ";", ";x", ";x=1", "%3bx"])
BETWEEN = st.sampled_from(["/", "//", "%2F", "%2f", "\\", "%5C", "/;x/"])


@rule
@given(st.lists(DOTS, min_size=1, max_size=2).map("".join), BESIDE, BETWEEN, BETWEEN, st.booleans())
def test_a_dot_segment_is_refused_in_any_encoding(dot: str, beside: str, a: str, b: str, last: bool) -> None:
    path = f"/api/v1/users{a}{dot}{beside}" + ("" if last else f"{b}avatar")
    assert "dot segment" in expect(BadRequest, ask(PLAN, path)).reason


REFUSED = [
    ("parent", "/api/v1/../v2/users", "dot segment"),
    ("parent at the start", "/../api/v1", "dot segment"),
    ("parent at the end", "/api/v1/users/..", "dot segment"),
    ("here", "/api/./v1", "dot segment"),
    ("parent with parameters", "/api/v1/..;/users", "dot segment"),
    ("parent before a backslash", "/api/v1/..\\users", "dot segment"),
    ("encoded NUL", "/api/v1/users%00", "NUL"),
    ("NUL", b"/api/v1/users\x00", "NUL"),
    ("endless, and not plain", "/api/v1" + "/%61" * 1000, "more than 1000 segments"),
    ("not absolute", "api/v1/users", "not an absolute path"),
    ("empty", "", "not an absolute path"),
    ("asterisk", "*", "not an absolute path"),
    ("absolute form", "http://other.example/api/v1", "not an absolute path"),
    ("version behind an encoded slash", "/api%2Fv1/users", "ambiguous"),
    ("resource behind one", "/api/v1%2Fusers", "ambiguous"),
    ("version behind a backslash", "/api\\v1\\users", "ambiguous"),
]


@pytest.mark.parametrize(
    ("target", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_read_safely_is_refused(target: str | bytes, reason: str) -> None:
    assert reason in expect(BadRequest, ask(PLAN, target)).reason


UNSAFE = [b"\r\n", b"\n", b"\r", b"\t", b" ", b"\x01", b"\x7f"]


@pytest.mark.parametrize("octet", UNSAFE, ids=repr)
@pytest.mark.parametrize("place", [b"/api/v2/a%bb", b"/api/v2/a?q=%bb"], ids=["path", "query"])
def test_what_would_end_a_request_line_is_refused(place: bytes, octet: bytes) -> None:
    """HTTP/2 can carry these (RFC 9113 section 10.3); written to an HTTP/1.1 backend they begin a request."""
    expect(BadRequest, ask(PLAN, place % octet))


ORDINARY = [
    ("three dots", "/api/v1/..."),
    ("dot file", "/api/v1/.well-known"),
    ("dots inside", "/api/v1/a..b"),
    ("dots behind a letter", "/api/v1/a.."),
    ("encoded twice: it is read once", "/api/v1/%252e%252e/x"),
    ("percent sign", "/api/v1/100%"),
    ("broken encoding", "/api/v1/%zz"),
    ("not UTF-8", b"/api/v1/\xff\xfe"),
    ("dots in the query", "/api/v1/a?../../x"),
]


@pytest.mark.parametrize("target", [case[1] for case in ORDINARY], ids=[case[0] for case in ORDINARY])
def test_what_only_looks_unsafe_is_forwarded(target: str | bytes) -> None:
    assert forwarded(ask(PLAN, target)).rule.version == "v1"
