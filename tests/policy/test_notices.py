"""The notices, to the byte: Deprecation, Sunset and Link as a caller sees them."""

import pytest

from duskgate.policy import Header
from tests.policy.world import ACCOUNTS, EARLY, answered, ask, one_api, plan_of, values

PLAN = plan_of(ACCOUNTS)
DEPRECATION = (b"deprecation", b"@1790812800")
SUNSET = (b"sunset", b"Fri, 01 Jan 2027 00:00:00 GMT")
GUIDE = b"<https://docs.example.com/migrate-to-v2>"
NOTICES = [
    DEPRECATION,
    SUNSET,
    (b"link", GUIDE + b'; rel="deprecation"'),
    (b"link", GUIDE + b'; rel="sunset"'),
    (b"vary", b"Api-Version, Accept, X-Api-Key"),
]


def to_v2(url: bytes) -> Header:
    return b"link", b"<" + url + b'>; rel="successor-version"'


WHEN = [
    ("announced", "2026-09-01"),
    ("deprecated", "2026-10-01"),
    ("brownout", "2026-12-01T14:00:00"),
    ("sunset", "2027-01-01"),
    ("removed", "2027-04-01"),
]


@pytest.mark.parametrize("at", [case[1] for case in WHEN], ids=[case[0] for case in WHEN])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_tells_the_same(at: str, method: str) -> None:
    headers = answered(ask(PLAN, "/api/v1/users/7?page=2", at=at, method=method))
    assert headers == [*NOTICES, to_v2(b"/api/v2/users/7?page=2")]


@pytest.mark.parametrize(
    ("target", "at"),
    [("/api/v1/users", EARLY), ("/api/v2/users", "2027-01-01")],
    ids=["not announced yet", "a version that lives on"],
)
def test_nothing_is_told(target: str, at: str) -> None:
    vary = b"Api-Version, Accept, X-Api-Key" if at == EARLY else b"Api-Version, Accept"
    assert answered(ask(PLAN, target, at=at)) == [(b"vary", vary)]


OWN = [
    ("its own notices", [(b"deprecation", b"true"), (b"sunset", b"Mon, 01 Jan 2001 00:00:00 GMT")]),
    ("several of each", [(b"sunset", b"a"), (b"deprecation", b"@1"), (b"sunset", b"b")]),
    ("none", []),
]  # fmt: skip


@pytest.mark.parametrize("own", [case[1] for case in OWN], ids=[case[0] for case in OWN])
def test_exactly_one_of_each_whatever_the_backend_sends(own: list[Header]) -> None:
    sent = [(b"content-type", b"text/plain"), *own, (b"x-last", b"1")]
    headers = answered(ask(PLAN, "/api/v1/users", at="2026-11-01"), sent)
    assert [header for header in headers if header[0] in (b"deprecation", b"sunset")] == [DEPRECATION, SUNSET]
    assert headers[:2] == [(b"content-type", b"text/plain"), (b"x-last", b"1")]


def test_links_and_vary_of_the_backend_stay() -> None:
    sent = [(b"link", b'</x>; rel="next"'), (b"vary", b"Accept-Encoding")]
    headers = answered(ask(PLAN, "/api/v1/users", at="2026-11-01"), sent)
    assert values(headers, b"link")[0] == b'</x>; rel="next"'
    assert len(values(headers, b"link")) == 4
    assert values(headers, b"vary") == [b"Accept-Encoding", b"Api-Version, Accept, X-Api-Key"]


def test_a_live_version_passes_the_backends_notices_on() -> None:
    sent = [(b"deprecation", b"@1"), (b"sunset", b"Mon, 01 Jan 2001 00:00:00 GMT")]
    assert answered(ask(PLAN, "/api/v2/users", at="2027-01-01"), sent)[:2] == sent


PARTS = [
    ("deprecated alone", "deprecated: 2026-10-01", [DEPRECATION]),
    ("sunset alone", "sunset: 2027-01-01", [SUNSET]),
    ("guide, deprecated", "deprecated: 2026-10-01, guide: 'https://g.example'",
     [DEPRECATION, (b"link", b'<https://g.example>; rel="deprecation"')]),
    ("guide, sunset", "sunset: 2027-01-01, guide: 'https://g.example'",
     [SUNSET, (b"link", b'<https://g.example>; rel="sunset"')]),
    ("seconds are whole", "deprecated: '2026-10-01T00:00:00.999Z'", [DEPRECATION]),
    ("dates are UTC", "sunset: '2027-01-01T02:00:00+02:00'", [SUNSET]),
    ("one digit of the day is two", "sunset: 2027-02-03T04:05:06Z",
     [(b"sunset", b"Wed, 03 Feb 2027 04:05:06 GMT")]),
    ("before the epoch", "deprecated: 1969-12-31", [(b"deprecation", b"@-86400")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lifecycle", "lines"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS]
)
def test_only_what_is_known_is_told(lifecycle: str, lines: list[Header]) -> None:
    plan = one_api(
        f"{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {{{lifecycle}}}}}}}}}"
    )
    assert answered(ask(plan, "/x", at="2026-12-01")) == lines
