"""The link to the successor leads there, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import BadRequest, Plan
from duskgate.policy.decision import Ruled
from tests.policy.moves import HOST, IN_FRONT, IN_HOST_ROOT, IN_PATH, IN_QUERY, by, link
from tests.policy.spellings import spelled
from tests.policy.world import answered, ask, forwarded, rule, values

BESIDE_HOST = by("/api/{version}", "[path, {host: '{version}.example.com'}]")
BESIDE_QUERY = by("/api/{version}", "[path, {query: v}]")

LEADS = [
    ("path", IN_PATH, "/api/v1/users?a=1", []),
    ("default", IN_PATH, "/api/users", []),
    ("path and host", BESIDE_HOST, "/api/v1/users", HOST),
    ("host beside a path", BESIDE_HOST, "/api/users", HOST),
    ("path and query", BESIDE_QUERY, "/api/v1/users?v=v1", []),
    ("query beside a path", BESIDE_QUERY, "/api/users?v=v1", []),
    ("host and query", by("/api", "[{host: '{version}.example.com'}, {query: v}]"), "/api/users?v=v1", HOST),
    ("query and host", by("/api", "[{query: v}, {host: '{version}.example.com'}]"), "/api/users?v=v1", HOST),
    ("query, encoded", IN_QUERY, "/api/users?api%2Dversion=v1", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "target", "headers"), [case[1:] for case in LEADS], ids=[case[0] for case in LEADS]
)
def test_following_it_leads_to_the_successor(plan: Plan, target: str, headers: list[tuple[str, str]]) -> None:
    url = link(plan, target, headers)
    assert url is not None
    if url.startswith(b"//"):
        host, _, rest = url[2:].partition(b"/")
        url, headers = b"/" + rest, [("Host", host.decode())]
    assert forwarded(ask(plan, url, headers)).rule.version == "v2"


ELSEWHERE = [
    ("two slashes", "//evil.example/x"),
    ("slash, backslash", "/\\evil.example/x"),
    ("many", "//\\//evil.example"),
    ("before the api", "//api/v1/evil.example"),
    ("behind the api", "/api/v1//evil.example"),
    ("parameters between", "/;x//evil.example"),
    ("tab between", b"/\t/evil.example"),
    ("only slashes", "//"),
]
ROOTS = [IN_PATH, IN_FRONT, by("/", "[{query: v}]"), IN_QUERY]


@pytest.mark.parametrize("target", [case[1] for case in ELSEWHERE], ids=[case[0] for case in ELSEWHERE])
def test_it_never_names_another_host(target: str | bytes) -> None:
    for plan in ROOTS:
        decision = ask(plan, target)
        if isinstance(decision, Ruled):
            stays_here(decision.successor)


@rule
@given(st.lists(st.sampled_from([*"/\\;\te.", "%2F", "v1", "api"]), max_size=10).map("".join))
def test_nor_for_any_path(rest: str) -> None:
    test_it_never_names_another_host("/" + rest)


@rule
@given(spelled(["api", "v1", "users"], ["/", "//", "/;p/", ";/"]))
def test_nor_for_any_spelling(path: str) -> None:
    stays_here(forwarded(ask(IN_PATH, path)).successor)


def stays_here(url: bytes | None) -> None:
    """As browsers read it: a backslash is a slash, and tabs and line ends are not there at all."""
    if url is not None:
        assert url[:1] == b"/"
        seen = url.translate(None, b"\t\r\n")
        assert seen[1:2] not in (b"/", b"\\"), url


@rule
@given(st.binary(max_size=20))
def test_its_host_is_the_successors(rest: bytes) -> None:
    decision = ask(IN_HOST_ROOT, b"/" + rest, HOST)
    if not isinstance(decision, BadRequest):
        url = decision.successor if isinstance(decision, Ruled) else None
        assert url is not None
        assert url.startswith(b"//v2.example.com/")


def test_it_cannot_leave_its_brackets() -> None:
    decision = ask(IN_PATH, b'/api/v1/a>;rel="x",<b?"<>', method="GET")
    (value,) = values(answered(decision), b"link")
    assert value == b'</api/v2/a%3E;rel=%22x%22,%3Cb?%22%3C%3E>; rel="successor-version"'
