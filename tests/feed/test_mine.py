"""A caller's own page: its own dates, its own use, nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from duskgate.feed.feed import MOST_PAGES
from duskgate.feed.mine import Used
from tests.config.world import SMALLEST
from tests.feed.world import PATH, SAMPLE, Gateway
from tests.policy.world import ms

ACME, GLOBEX, STRANGER = (
    {"X-Api-Key": "key-of-acme"},
    {"X-User-Id": "user-of-globex"},
    {"X-User-Id": "nobody"},
)


def mine(gateway: Gateway, who: dict[str, str], number: int = 0) -> dict[str, Any]:
    """One ending on the page: the version, or an endpoint."""
    found: dict[str, Any] = gateway.get("/me", **who).json()["endings"][number]
    return found


@pytest.mark.parametrize(
    ("who", "caller", "known"), [(ACME, "acme", True), (GLOBEX, "globex", True), (STRANGER, "~", False)]
)
def test_it_says_who_the_caller_is(who: dict[str, str], caller: str, known: bool) -> None:
    answer = Gateway().get("/me", **who).json()
    assert (answer["caller"][: len(caller)], answer["known"]) == (caller, known)
    assert answer["at"] == "2026-10-05T00:00:00Z"


@pytest.mark.parametrize(
    ("at", "who", "dates"),
    [
        ("2026-10-05", STRANGER, ("deprecated", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z", False)),
        ("2026-10-05", ACME, ("deprecated", "2027-02-01T00:00:00Z", None, True)),
        ("2027-01-20", STRANGER, ("sunset", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z", False)),
        ("2027-01-20", ACME, ("deprecated", "2027-02-01T00:00:00Z", None, True)),
        ("2027-02-01", ACME, ("sunset", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z", False)),
        ("2027-04-01", ACME, ("removed", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z", False)),
    ],
)
def test_dates_and_phase_are_the_callers_own(at: str, who: dict[str, str], dates: tuple[object, ...]) -> None:
    found = mine(Gateway(at=at), who)
    assert (found["phase"], found["sunset"], found["enforced"], found["grace"]) == dates


def test_a_gate_may_hold_longer_than_a_grace() -> None:
    text = SAMPLE.replace("until: 2027-02-01", "until: 2027-01-02")
    found = mine(Gateway(text, at="2027-01-03"), ACME)
    assert (found["sunset"], found["enforced"]) == ("2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z")
    found = mine(Gateway(text, at="2027-01-01T12:00:00"), ACME)
    assert (found["sunset"], found["enforced"], found["phase"]) == (
        "2027-01-02T00:00:00Z",
        "2027-01-04T00:00:00Z",
        "deprecated",
    )


def test_the_dates_are_those_of_the_headers() -> None:
    """What the page says of a sunset is what the ``Sunset`` header of an answer says."""
    for who in (ACME, GLOBEX, STRANGER):
        gateway = Gateway()
        header = gateway.ask("/api/v1/x", headers=who).headers["sunset"]
        day = mine(gateway, who)["sunset"]
        assert header.split(" ")[1:4] == {"2027-01-01": "01 Jan 2027", "2027-02-01": "01 Feb 2027"}[
            day[:10]
        ].split(" ")


def test_brownouts_say_whether_they_are_for_the_caller() -> None:
    assert [one["hits_you"] for one in mine(Gateway(), ACME)["brownouts"]] == [False, False], "it has grace"
    assert mine(Gateway(), GLOBEX)["brownouts"][0]["hits_you"] is False, "it is exempt"
    assert mine(Gateway(), STRANGER)["brownouts"][0]["hits_you"] is True


def test_brownouts_for_a_part_of_the_callers_say_the_truth_for_each() -> None:
    during = Gateway(at="2026-12-08T15:00:00")
    before = Gateway()
    said = []
    for number in range(24):
        who = {"X-User-Id": f"user-{number}"}
        hit = mine(before, who)["brownouts"][1]["hits_you"]
        refused = (
            during.ask("/api/v1/x", headers=who).status_code == 503 and "brownout" in during.outcomes[-1]
        )
        assert hit == refused
        said.append(hit)
    assert {True, False} == set(said)


def test_whoever_cannot_be_named_is_told_how_callers_are() -> None:
    for suffix in ("/me", "/me.json", "/me.html"):
        answer = Gateway().get(suffix, **{"X-Api-Key": ""})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Header names="X-Api-Key X-User-Id"'
        assert answer.headers["cache-control"] == "no-store"
    problem = Gateway().get("/me").json()
    assert (problem["type"], problem["headers"]) == (
        "urn:duskgate:problem:unidentified",
        ["X-Api-Key", "X-User-Id"],
    )
    assert "X-Api-Key or X-User-Id" in problem["detail"]


def test_where_callers_are_not_told_apart_there_is_no_such_page() -> None:
    answer = Gateway(SMALLEST).get("/me")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "This gateway does not tell callers apart.",
    )


@pytest.mark.parametrize("suffix", ["/me", "/me.json", "/me.html"])
def test_it_is_never_kept_by_a_cache(suffix: str) -> None:
    answer = Gateway().get(suffix, **STRANGER)
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers
    vary = {name.strip() for name in answer.headers["vary"].split(",")}
    assert vary == {"X-Api-Key", "X-User-Id"} | ({"Accept"} if suffix == "/me" else set())


# use


@dataclass(frozen=True)
class Row:
    api: str
    version: str
    endpoint: str
    count: int
    last_seen: int


class Record:
    """A record of use; notes what it was asked."""

    def __init__(self, *rows: Row) -> None:
        self.rows = rows
        self.asked: list[tuple[str, int | None]] = []

    def of_consumer(self, consumer: str, since: int | None = None) -> Iterable[Used]:
        assert threading.current_thread() is not threading.main_thread()
        self.asked.append((consumer, since))
        return self.rows


AVATAR = "/users/{id}/avatar"
USED = Record(
    Row("accounts", "v1", "*", 5, ms("2026-10-01T10:00:00")),
    Row("accounts", "v1", "/same", 2, ms("2026-10-02T10:00:00")),
    Row("accounts", "v1", AVATAR, 7, ms("2026-10-03T10:00:00")),
    Row("accounts", "v1", "/status", 100, ms("2026-10-04T10:00:00")),
    Row("accounts", "v2", "*", 1000, ms("2026-10-04T10:00:00")),
    Row("elsewhere", "v1", "*", 1000, ms("2026-10-04T10:00:00")),
)


def test_use_is_shown_with_what_it_is_of() -> None:
    gateway = Gateway(own_use=USED)
    answer = gateway.get("/me", **ACME).json()
    assert USED.asked[-1] == ("acme", ms("2026-07-07"))
    assert answer["use"] == {
        "since": "2026-07-07T00:00:00Z",
        "requests": 14,
        "last_seen": "2026-10-03T10:00:00Z",
    }
    assert [one["use"] for one in answer["endings"]] == [
        {"requests": 7, "last_seen": "2026-10-02T10:00:00Z"},
        {"requests": 7, "last_seen": "2026-10-03T10:00:00Z"},
        {"requests": 7, "last_seen": "2026-10-03T10:00:00Z"},
    ]
    assert "use_note" not in answer
    text = gateway.get("/me.html", **ACME).text
    assert "14 requests for what ends, since 7 Jul 2026 00:00." in text
    assert "2 Oct 2026 10:00" in text


def test_a_stranger_is_looked_up_by_its_digest() -> None:
    record = Record()
    answer = Gateway(own_use=record).get("/me", **STRANGER).json()
    assert record.asked == [(answer["caller"], ms("2026-07-07"))]
    assert answer["use"] == {"since": "2026-07-07T00:00:00Z", "requests": 0, "last_seen": None}
    assert {str(one["use"]) for one in answer["endings"]} == {"{'requests': 0, 'last_seen': None}"}


def test_use_that_is_not_recorded_is_null() -> None:
    answer = Gateway().get("/me", **ACME).json()
    assert (answer["use"], answer["use_note"]) == (None, "Use is not recorded here.")
    assert {one["use"] for one in answer["endings"]} == {None}


class Broken:
    def of_consumer(self, consumer: str, since: int | None = None) -> Iterable[Used]:
        raise OSError("the disk is full of secrets")


def test_use_that_cannot_be_read_is_null_and_the_dates_are_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = Gateway(own_use=Broken()).get("/me", **ACME)
    assert answer.json()["use_note"] == "The record of use cannot be read at the moment."
    assert answer.json()["use"] is None
    assert answer.json()["endings"]
    assert "secrets" not in answer.text
    assert "the record of use cannot be read: the disk is full of secrets" in caplog.text


class Slow:
    """Answers only once as many ask at the same time as may."""

    def __init__(self) -> None:
        self.together = threading.Barrier(MOST_PAGES)

    def of_consumer(self, consumer: str, since: int | None = None) -> Iterable[Used]:
        self.together.wait(10)
        return ()


def test_only_so_many_pages_are_made_at_once() -> None:
    gateway = Gateway(own_use=Slow())
    asked = [("GET", f"{PATH}/me", {"X-User-Id": f"user-{number}"}) for number in range(MOST_PAGES + 3)]
    answers = gateway.together(*asked)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(503)) == (MOST_PAGES, 3)
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.headers["retry-after"], refused.json()["type"]) == (
        "1",
        "urn:duskgate:problem:overloaded",
    )
