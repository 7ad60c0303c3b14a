"""Asking about another moment: who may, what comes back, what stays hidden."""

import pytest

from duskgate.middleware.rehearsal import signed
from duskgate.policy import Header
from duskgate.policy.instants import rfc3339
from tests.policy.world import ACCOUNTS, ms, plan_of
from tests.stack import Answer, Asked, Backend, answers

KEY = b"admin-token"
NOW = ms("2026-11-01")
THEN = ms("2027-01-01")
PLAN = plan_of(ACCOUNTS)
AT = (b"duskgate-at", b"2027-01-01T00:00:00Z")
TOKEN = (b"duskgate-token", KEY)
SIGNED = (b"duskgate-at", signed(KEY, THEN, NOW + 1000).encode())


def ask(*headers: Header, at: int = NOW, backend: Backend | None = None, key: bytes = KEY) -> Answer:
    asked = Asked(at, "GET", "/api/v1/users/42", headers)
    return answers(PLAN, [asked], backend=backend, rehearsal_key=key)[0]


@pytest.mark.parametrize("headers", [(AT, TOKEN), (SIGNED,)], ids=["token", "signature"])
def test_the_answer_is_that_of_the_moment(headers: tuple[Header, ...]) -> None:
    rehearsed, real = ask(*headers), ask(at=THEN)
    status, lines, body = rehearsed.without_reference()
    ours = (b"duskgate-at", b"cache-control")
    assert (status, body) == (real.without_reference()[0], real.without_reference()[2])
    assert status == 410
    assert [one for one in lines if one[0] not in ours] == [one for one in real.headers if one[0] not in ours]
    assert rehearsed.values(b"duskgate-at") == [b"2027-01-01T00:00:00Z"]
    assert rehearsed.values(b"cache-control") == [b"no-store"]


REFUSED = {
    "no token": (AT,),
    "wrong token": (AT, (b"duskgate-token", b"wrong")),
    "empty token": (AT, (b"duskgate-token", b"")),
    "token twice": (AT, TOKEN, TOKEN),
    "time twice": (AT, AT, TOKEN),
    "token alone": (TOKEN,),
    "no time": ((b"duskgate-at", b"soon"), TOKEN),
    "no zone": ((b"duskgate-at", b"2027-01-01T00:00:00"), TOKEN),
    "a year that is none": ((b"duskgate-at", b"99999-01-01T00:00:00Z"), TOKEN),
    "before the year 1": ((b"duskgate-at", b"0001-01-01T00:00:00+23:00"), TOKEN),
    "behind the year 9999": ((b"duskgate-at", b"9999-12-31T23:59:59-23:00"), TOKEN),
    "before the year 1, and no key": (
        (b"duskgate-at", b"0001-01-01T00:00:00+23:00; until=2027-01-01T00:00:00Z; signature=ab"),
    ),
    "until before the year 1": (
        (b"duskgate-at", b"2027-01-01T00:00:00Z; until=0001-01-01T00:00:00+23:00; signature=ab"),
    ),
    "not ASCII": ((b"duskgate-at", b"\xff\xfe"), TOKEN),
    "huge": ((b"duskgate-at", b"2" * 100_000), TOKEN),
    "signed with another key": ((b"duskgate-at", signed(b"other", THEN, NOW + 1000).encode()),),
    "signature run out": ((b"duskgate-at", signed(KEY, THEN, NOW).encode()),),
    "signature for another moment": (
        (b"duskgate-at", signed(KEY, THEN, NOW + 1000).replace("2027-01-01T00", "2027-01-02T00").encode()),
    ),
    "signature prolonged": (
        (
            b"duskgate-at",
            signed(KEY, THEN, NOW + 1000).replace(rfc3339(NOW + 1000), rfc3339(NOW + 2000)).encode(),
        ),
    ),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_who_may_not_ask_is_answered_as_if_nothing_was_asked(headers: tuple[Header, ...]) -> None:
    answer = ask(*headers)
    assert answer.status == 200
    assert answer.without_reference() == ask().without_reference()


def test_switched_off_the_headers_mean_nothing_and_pass() -> None:
    backend = Backend()
    assert ask(AT, TOKEN, backend=backend, key=b"").status == 200
    assert AT in backend.asked[0].headers


@pytest.mark.parametrize("headers", [(AT, TOKEN), (AT, (b"duskgate-token", b"wrong")), (SIGNED,)])
def test_the_backend_never_sees_what_was_asked(headers: tuple[Header, ...]) -> None:
    backend = Backend()
    early = (b"duskgate-at", b"2026-10-15T00:00:00Z")
    ask(*(early if one is AT else one for one in headers), backend=backend)
    sent = [name for one in backend.asked for name, _ in one.headers]
    assert not [name for name in sent if name.startswith(b"duskgate-")]


def test_a_rehearsal_is_called_one() -> None:
    assert ask(AT, TOKEN).exchange.outcome == "rehearsed"
    assert ask(AT).exchange.outcome == "forwarded"
